"""The documents of the contract of data say what the code does."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from referencing import Registry
from referencing.jsonschema import DRAFT7

from alerts.model import to_json
from detectors.events import EVENT_CLASSES, Envelope
from pipeline.contractdoc.alerts import alert_schema, notification_schema
from pipeline.contractdoc.asyncapi import asyncapi_text
from pipeline.contractdoc.compat import UnknownKeywordError, breaks
from pipeline.contractdoc.conformance import ABSENT, RULES, Rule
from pipeline.contractdoc.documents import alerts_schema, alerts_text, events_text, files
from pipeline.contractdoc.meanings import DATA, ENVELOPE, TYPES
from pipeline.contractdoc.shapes import event_schemas, events_schema, example
from pipeline.decode import Decoder
from pipeline.events import decode_event
from pipeline.feeds.contract import RawBatch
from sinks.payload import webhook_payload
from tests.cli.support import REPO, makegood
from tests.support.alerts import change
from tests.support.messages import message

ASYNCAPI = REPO / "tests" / "docs" / "asyncapi" / "3.0.0.json"
RELEASED = sorted((REPO / "docs" / "reference" / "schemas" / "released").glob("*/*.json"))
WHAT_TO_DO = 'see "When the test fails" in docs/explanation/schema-evolution.md'


def document() -> Any:
    return yaml.safe_load(asyncapi_text())


def asyncapi_errors(of: Any) -> list[Any]:
    return list(jsonschema.Draft7Validator(json.loads(ASYNCAPI.read_text())).iter_errors(of))


@pytest.mark.parametrize("event_type", sorted(EVENT_CLASSES))
def test_the_example_of_every_type_fits_its_schema_and_decodes(event_type: str) -> None:
    schema = event_schemas()[event_type]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(example(event_type))
    event = decode_event(json.dumps(example(event_type)).encode())
    assert event.type == event_type


def test_every_type_and_field_has_a_meaning_and_every_meaning_a_field() -> None:
    assert set(TYPES) == set(EVENT_CLASSES)
    envelope = {field.encode_name for field in msgspec.structs.fields(Envelope)}
    assert set(ENVELOPE) == {name for name in envelope if "makegood" not in name} | {"type", "data"}
    data = {name for schema in event_schemas().values() for name in schema["properties"]["data"]["properties"]}
    assert set(DATA) == data


def test_what_is_internal_is_in_no_document() -> None:
    for name, text in {**files(), "events": events_text(), "alerts": alerts_text()}.items():
        for word in ("time_us", "Profile", "(makegood) time", "(makegood) profile"):
            assert word not in text, name


def test_one_schema_takes_events_of_every_type_and_nothing_else() -> None:
    whole = jsonschema.Draft202012Validator(events_schema())
    for event_type in ("crm.case.opened", "transaction.refunded", "survey.response", "social.post"):
        whole.validate(example(event_type))
    assert not whole.is_valid({**example("social.post"), "type": "crm.case.opened"})


def test_the_asyncapi_document_is_one() -> None:
    assert asyncapi_errors(document()) == []


def test_the_schema_of_asyncapi_refuses_a_document_that_is_none() -> None:
    wrong = document()
    wrong["operations"]["readTopic"]["action"] = "read"
    assert asyncapi_errors(wrong)
    wrong = document()
    wrong["channels"]["topic"]["messages"]["social.post"] = {"payload": {"type": "text"}}
    assert asyncapi_errors(wrong)


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        here = [node["$ref"]] if "$ref" in node else []
        return here + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    whole = document()
    resolver = Registry().with_resource("", DRAFT7.create_resource(whole)).resolver()
    found = references(whole)
    assert len(found) > 100
    for reference in found:
        resolver.lookup(reference)


_DRAFT7 = "http://json-schema.org/draft-07/schema#"


def test_the_examples_of_the_asyncapi_document_fit_its_payloads() -> None:
    whole = document()
    for name, told in whole["components"]["messages"].items():
        schema = {"$schema": _DRAFT7, **whole, "allOf": [told["payload"]]}
        for shown in told.get("examples", []):
            jsonschema.Draft7Validator(schema).validate(shown["payload"])
            assert name in (shown["payload"].get("type"), "notification")


@pytest.mark.parametrize("step", ["firing", "resolved"])
def test_alerts_as_they_are_written_fit_their_schemas(step: str) -> None:
    for schema in (alert_schema(), notification_schema()):
        jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(alert_schema()).validate(to_json(change(step=step)))
    payload = webhook_payload(message(step=step, notes=("tier 1 failed",)))
    checker = jsonschema.Draft202012Validator(notification_schema())
    checker.validate(payload)
    assert set(payload) == set(notification_schema()["properties"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.what)
def test_what_cloudevents_lets_a_sender_write_becomes_what_the_table_says(rule: Rule) -> None:
    good = {**example("social.post"), "data": {"text": "fine"}}
    fields = {name: value for name, value in {**good, **rule.changes}.items() if value is not ABSENT}
    raw = json.dumps(fields).encode()
    decoded = Decoder({}).decode(RawBatch("f", "0", [0], [raw]))
    assert [letter.reason for letter in decoded.dead] == ([] if rule.outcome is None else [rule.outcome])
    assert [letter.raw for letter in decoded.dead] == ([] if rule.outcome is None else [raw])
    for path, wanted in rule.wanted.items():
        found: Any = decoded.events[0]
        for name in path.split("."):
            found = getattr(found, name)
        assert found == wanted


def test_the_examples_of_the_json_format_are_told_apart_by_their_type_alone() -> None:
    # From section 3.2 of the JSON event format; their type is none of ours.
    common = {
        "specversion": "1.0", "type": "com.example.someevent", "source": "/mycontext", "time": "2018-04-05T17:31:00Z",
        "comexampleextension1": "value", "comexampleothervalue": 5,
    }  # fmt: skip
    events: list[dict[str, Any]] = [
        {**common, "id": "A234", "datacontenttype": "application/vnd.apache.thrift.binary", "data_base64": "aGVsbG8="},
        {
            **common,
            "id": "B234",
            "unsetextension": None,
            "datacontenttype": "application/xml",
            "data": "<much wow=''/>",
        },
        {**common, "id": "C234", "subject": None, "datacontenttype": "application/json", "data": {"appinfoA": "abc"}},
        {**common, "id": "D234", "subject": None, "data": "I'm just a string"},
    ]
    records = [json.dumps(event).encode() for event in events]
    decoded = Decoder({}).decode(RawBatch("f", "0", [0, 1, 2, 3], records))
    assert [letter.reason for letter in decoded.dead] == ["unknown_type"] * 4
    known = [json.dumps({**event, "type": "social.post"}).encode() for event in events]
    decoded = Decoder({}).decode(RawBatch("f", "0", [0, 1, 2, 3], known))
    assert [event.id for event in decoded.events] == ["C234"]


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_promise_of_a_released_version_is_kept(path: Path) -> None:
    old = json.loads(path.read_text())
    now = events_schema() if path.stem == "events" else alerts_schema()
    broken = breaks(old, now, "reads" if path.stem == "events" else "writes")
    assert broken == [], f"a promise of release {path.parent.name} is broken; {WHAT_TO_DO}"


def test_there_are_released_versions() -> None:
    assert {path.stem for path in RELEASED} == {"events", "alerts"}


def changed(direction: str, edit: Any) -> list[str]:
    old, new = (make() for make in ((events_schema,) * 2 if direction == "reads" else (alerts_schema,) * 2))
    edit(new["$defs"])
    return breaks(old, json.loads(json.dumps(new)), "reads" if direction == "reads" else "writes")


def data_of(schemas: Any) -> Any:
    return schemas["survey.response"]["properties"]["data"]


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda s: s.pop("social.post"), "social.post: removed"),
        (lambda s: data_of(s)["properties"].pop("score"), "survey.response.data.score: removed"),
        (lambda s: data_of(s).update(required=["score"]), "survey.response.data.score: made required"),
        (lambda s: data_of(s)["properties"]["score"].update(type=["integer", "null"]), "data.score: type narrowed"),
        (lambda s: data_of(s)["properties"]["score"].update(type="number"), "type narrowed from null/number to number"),
        (lambda s: data_of(s)["properties"]["score"].update(maximum=10), "data.score: maximum narrowed: 10"),
        (lambda s: data_of(s)["properties"]["sentiment"].update(minimum=0), "data.sentiment: minimum narrowed"),
        (lambda s: data_of(s)["properties"]["scale"].update(enum=["nps"]), "data.scale: values narrowed: any"),
        (lambda s: data_of(s)["properties"]["scale"].update(format="uri"), "data.scale: format narrowed: uri"),
        (
            lambda s: data_of(s)["properties"]["labels"].update(additionalProperties={"type": "integer"}),
            "data.labels.*: type narrowed",
        ),
        (lambda s: s["social.post"]["properties"]["id"].update(maxLength=36), "social.post.id: maxLength narrowed"),
    ],
)
def test_what_breaks_a_promise_of_what_is_read_is_found(edit: Any, told: str) -> None:
    (line,) = changed("reads", edit)
    assert told in line


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: s.update({"web.visit": s["social.post"]}),
        lambda s: data_of(s)["properties"].update(agent={"type": "string"}),
        lambda s: s["crm.case.opened"]["properties"]["data"].pop("required"),
        lambda s: data_of(s)["properties"]["sentiment"].update(minimum=-2),
        lambda s: data_of(s)["properties"]["scale"].update(type=["string", "integer", "null"]),
        lambda s: s["social.post"]["properties"]["sequence"].update(type=["number", "null"]),
        lambda s: s["social.post"]["properties"]["specversion"].pop("const"),
        lambda s: s["social.post"].update(description="other words"),
    ],
)
def test_what_may_change_in_what_is_read_passes(edit: Any) -> None:
    assert changed("reads", edit) == []


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda s: s["alert"]["properties"]["status"].update(enum=["firing", "resolved", "muted"]), "widened: muted"),
        (lambda s: s["alert"]["required"].remove("endsAt"), "alert.endsAt: no longer always there"),
        (lambda s: s["alert"]["properties"]["startsAt"].update(type=["string", "null"]), "startsAt: type widened"),
        (lambda s: s["notification"]["properties"]["alerts"]["items"]["required"].remove("labels"), "labels: no"),
        (lambda s: s["alert"]["properties"]["startsAt"].pop("format"), "startsAt: format widened"),
    ],
)  # fmt: skip
def test_what_breaks_a_promise_of_what_is_written_is_found(edit: Any, told: str) -> None:
    (line,) = changed("writes", edit)
    assert told in line


def test_a_new_field_of_what_is_written_passes() -> None:
    assert changed("writes", lambda s: s["alert"]["properties"].update(region={"type": "string"})) == []


def test_a_keyword_that_the_comparison_does_not_know_is_an_error() -> None:
    with pytest.raises(UnknownKeywordError, match="allOf"):
        changed("reads", lambda s: s["social.post"].update(allOf=[]))


def test_the_command_prints_what_the_files_hold(tmp_path: Path) -> None:
    shown = files()
    assert makegood("schema", "asyncapi").stdout == shown["docs/reference/asyncapi.yaml"]
    assert makegood("schema", "events", "--reference").stdout == shown["docs/reference/events.md"]
    one = makegood("schema", "events", "--type", "social.post").stdout
    assert one == shown["docs/reference/schemas/social.post.json"]
    path = tmp_path / "events.json"
    assert makegood("schema", "events", "--out", path).returncode == 0
    assert path.read_text() == events_text()
    assert makegood("schema", "events", "--against", path).returncode == 0


def test_the_command_names_the_promises_that_are_broken(tmp_path: Path) -> None:
    old = events_schema()
    old["$defs"]["social.post"]["properties"]["mood"] = {"type": "string"}
    (tmp_path / "old.json").write_text(json.dumps(old))
    told = makegood("schema", "events", "--against", tmp_path / "old.json")
    assert told.returncode == 1
    assert told.stdout.startswith("social.post.mood: removed")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("foo",), "'foo' is not a kind"),
        (("alerts", "--reference"), "no reference page of alerts"),
        (("events", "--type", "x"), "'x' is not an event type"),
        (("alerts", "--type", "social.post"), "--type is for events"),
        (("settings", "--against", str(ASYNCAPI)), "--against is for events and alerts"),
        (("events", "--against", str(ASYNCAPI)), "expected what `makegood schema events` writes"),
    ],
)
def test_the_command_says_what_it_cannot_do(arguments: tuple[str, ...], told: str) -> None:
    result = makegood("schema", *arguments)
    assert result.returncode == 2
    assert told in result.stderr
