"""``use``: a shipped mapping, with what a company says in its place."""

import json
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from config.loader import validate
from config.mapping import MappingSettings
from config.problems import SettingsError
from config.schema import json_schema
from config.shipped import shipped_mapping
from config.yamlfile import parse_yaml
from pipeline.assembly import build_problems, example_problems, settings_model
from pipeline.mapping import check_examples, compile_mapping

TICKET: dict[str, Any] = {
    "id": 7,
    "created_at": "2026-03-02T09:00:00Z",
    "updated_at": "2026-03-02T10:00:00Z",
    "status": "open",
    "priority": "high",
    "requester_id": 12,
    "external_id": "cust-12",
    "custom_fields": [{"id": 27642, "value": "north"}, {"id": 27648, "value": "billing"}],
    "satisfaction_rating": {"id": 9, "score": "bad", "comment": "Slow"},
}


def using(**written: Any) -> MappingSettings:
    return MappingSettings.model_validate({"use": "zendesk_export", **written})


def events(mapping: MappingSettings, record: dict[str, Any] | None = None) -> list[Any]:
    return compile_mapping(mapping, "desk")(json.dumps(record or TICKET).encode()) or []


def test_a_shipped_mapping_can_be_taken_whole() -> None:
    assert [event.type for event in events(using())] == ["crm.case.opened", "crm.case.updated", "survey.response"]
    assert {event.source for event in events(using())} == {"desk"}


def test_data_holds_in_every_event_whose_type_has_the_field() -> None:
    opened, updated, rated = events(
        using(data={"region": "custom_fields[id=27642].value", "queue": "custom_fields[id=27648].value"})
    )
    assert (opened.data.region, updated.data.region, rated.data.region) == ("north", "north", "north")
    assert (opened.data.queue, updated.data.queue) == ("billing", "billing")  # a survey has no queue


def test_data_holds_in_place_of_what_an_event_says_of_its_own_and_null_takes_a_value_out() -> None:
    opened, updated, rated = events(using(data={"status": {"const": "s"}, "text": None}))
    assert (opened.data.status, updated.data.status) == ("s", "s")
    assert (opened.data.text, rated.data.text) == (None, None)


def test_labels_come_on_top_of_each_other() -> None:
    mapping = using(data={"labels": {"tier": "external_id", "none": None}})
    assert [event.data.labels for event in events(mapping)] == [{"tier": "cust-12"}] * 3


def test_the_customer_may_be_another_field() -> None:
    assert {event.subject for event in events(using(subject="external_id"))} == {"cust-12"}
    assert {event.subject for event in events(using())} == {"12"}


def test_conditions_come_on_top_and_the_rest_in_place() -> None:
    mapping = using(where=[{"field": "status", "equals": "closed"}])
    assert events(mapping) == []
    assert len(events(mapping, {**TICKET, "status": "closed"})) == 3
    local = {**TICKET, "created_at": "02/03/2026 09:00", "updated_at": "02/03/2026 10:00"}
    opened = events(using(formats=["%d/%m/%Y %H:%M"], zone="Europe/Berlin"), local)[0]
    assert opened.time.isoformat() == "2026-03-02T08:00:00+00:00"
    missing = events(using(missing=["", "high"]))[0]
    assert missing.data.priority is None


def test_the_shipped_conditions_still_hold() -> None:
    mapping = MappingSettings.model_validate({"use": "zendesk", "where": [{"field": "account_id", "equals": 1}]})
    assert len(mapping.where) == 1 + len(shipped_mapping("zendesk").mapping.where)
    assert mapping.where[0].field == "account_id"  # errors of the user's own conditions keep their place


def test_the_examples_of_the_settings_are_run_through_the_mapping_and_the_shipped_ones_as_shipped() -> None:
    mapping = using(
        data={"region": {"const": "eu"}},
        where=[{"field": "id", "equals": 7}],
        examples=[{"record": TICKET, "expect": [{"data": {"region": "eu"}}, {}, {}]}, {"record": {}, "expect": [{}]}],
    )
    assert check_examples(mapping, "desk") == ["examples[1]: expected 1 events, got none"]


def test_a_field_that_no_event_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"data.amount: none of this mapping's events has such a field"):
        compile_mapping(using(data={"amount": "x"}), "desk")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"use": "zendsk"}, r"no mapping 'zendsk' is shipped. Did you mean 'zendesk'\? There are: .*servicenow"),
        ({"use": "zendesk", "events": [{"type": "x", "id": "x", "time": "x"}]}, "use or events, not both"),
        ({}, "needs events, or use with the name of a shipped mapping: .*zendesk"),
        ({"use": "zendesk", "data": {"regoin": "x"}}, "regoin"),
        ({"use": "zendesk", "where": {}}, "where"),
        ({"use": "zendesk", "data": "x"}, "data"),
        ({"use": 7}, "use"),
        ({"use": ["zendesk"]}, "use"),
    ],
)
def test_what_cannot_be_taken_is_named(written: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        MappingSettings.model_validate(written)


def settings_of(text: str) -> Any:
    document = parse_yaml(text, "desk.yaml")
    return validate(document, settings_model()), document


FEED = "feeds:\n  desk:\n    type: file\n    path: desk.jsonl\n    mapping:\n      use: "


def test_an_error_names_the_file_the_line_and_the_shipped_names() -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(FEED + "zendesc\n")
    told = str(caught.value)
    assert told.startswith(
        "desk.yaml:6: feeds.desk.mapping.use: no mapping 'zendesc' is shipped. Did you mean 'zendesk'?"
    )
    with pytest.raises(SettingsError, match=r"desk.yaml:8: feeds.desk.mapping.where\[0\].feild: unknown key"):
        settings_of(FEED + "zendesk\n      where:\n        - {feild: x, equals: 1}\n")


def test_settings_that_use_a_shipped_mapping_are_checked_with_it() -> None:
    settings, document = settings_of(FEED + "servicenow\n      data: {service: {const: it}}\n")
    assert build_problems(settings, document) == []
    assert example_problems(settings, document) == []


def test_the_schema_knows_use_and_what_may_stand_beside_it() -> None:
    feed = {
        "type": "file",
        "path": "x.jsonl",
        "mapping": {"use": "zendesk", "subject": ["a", "b"], "data": {"text": None}},
    }
    jsonschema.validate({"feeds": {"desk": feed}}, json_schema(settings_model()))
