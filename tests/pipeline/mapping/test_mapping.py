import json
from typing import Any, get_type_hints

import msgspec
import pytest
from pydantic import ValidationError

from config.mapping import DataSettings, MappingSettings
from detectors.events import CaseData, CaseEvent, SocialData, SocialEvent, SurveyData, TransactionData, TransactionEvent
from pipeline.events import decode_event, encode_event
from pipeline.mapping import Mapper, check_examples, compile_mapping
from pipeline.mapping.paths import parse_path
from pipeline.reasons import Reason, RecordError

POST: dict[str, Any] = {"type": "social.post", "id": "{id}", "time": "at"}
AT = "2024-05-01T09:30:00Z"


def mapper(*events: dict[str, Any], **settings: Any) -> Mapper:
    return compile_mapping(MappingSettings.model_validate({"events": list(events) or [POST], **settings}), "feed")


def run(mapped: Mapper, record: dict[str, Any]) -> list[Any]:
    return list(mapped(json.dumps({"id": "1", "at": AT, **record}).encode()) or [])


def value_of(spec: Any, record: dict[str, Any], name: str = "service", **settings: Any) -> Any:
    (event,) = run(mapper({**POST, "data": {name: spec}}, **settings), record)
    return getattr(event.data, name)


def problem(mapped: Mapper, record: dict[str, Any]) -> RecordError:
    with pytest.raises(RecordError) as caught:
        run(mapped, record)
    return caught.value


def test_an_order_row_becomes_one_event_for_each_time_it_has() -> None:
    order = {"subject": "customer", "data": {"order_id": "id"}}
    mapped = mapper(
        {
            **order,
            "type": "transaction.purchased",
            "id": "{id}:purchased",
            "time": "bought",
            "data": {"order_id": "id", "deadline": {"field": "promised", "zone": "UTC"}, "amount": "price"},
        },
        {**order, "type": "transaction.delivered", "id": "{id}:delivered", "time": "delivered", "optional": True},
        formats=["%m/%d/%Y %H:%M"],
        zone="America/Sao_Paulo",
        where=[{"field": "status", "not_in": ["canceled", "unavailable"]}],
    )
    row = {
        "customer": "c9",
        "bought": "10/2/2017 10:56",
        "promised": "10/18/2017 0:00",
        "price": "12.50",
        "delivered": "",
    }
    (bought,) = run(mapped, row)
    assert isinstance(bought, TransactionEvent)
    assert (bought.id, bought.source, bought.subject, bought.data.amount) == ("1:purchased", "feed", "c9", 12.5)
    assert bought.time.isoformat() == "2017-10-02T13:56:00+00:00"
    assert bought.data.deadline is not None
    assert bought.data.deadline.isoformat() == "2017-10-18T00:00:00+00:00"
    assert [event.id for event in run(mapped, {**row, "delivered": "10/10/2017 21:25"})] == [
        "1:purchased",
        "1:delivered",
    ]
    assert run(mapped, {**row, "status": "canceled"}) == []


def test_a_mapped_event_equals_the_same_event_decoded() -> None:
    (event,) = run(mapper({**POST, "sequence": "n", "recordedtime": "at"}), {"n": "4"})
    assert decode_event(encode_event(event)) == event


def test_a_record_that_cannot_be_mapped_gives_none_of_its_events() -> None:
    mapped = mapper(POST, {**POST, "id": "{id}:2", "time": "then"})
    found = problem(mapped, {"then": "soon"})
    assert found.reason == Reason.INVALID_TIME
    assert "events[1].time: field 'then'" in found.detail
    result = mapped.map_many([b"{", json.dumps({"id": "1", "at": AT, "then": AT}).encode(), b'{"at": null}'])
    assert (len(result.events), result.accepted, result.filtered, [index for index, _ in result.errors]) == (
        2,
        1,
        0,
        [0, 2],
    )


SAMPLES: tuple[Any, ...] = ("a", "b", 1, "1", 1.0, True, "true", 1.5, None, "", [])


@pytest.mark.parametrize(
    ("condition", "holds_for"),
    [
        ({"equals": "a"}, ["a"]),
        ({"equals": 1}, [1, "1", 1.0]),
        ({"equals": True}, [True, "true"]),
        ({"not_equals": 1}, ["a", "b", True, "true", 1.5, None, "", []]),
        ({"in": ["a", 1]}, ["a", 1, "1", 1.0]),
        ({"not_in": ["a", 1, 1.5]}, ["b", True, "true", None, "", []]),
        ({"present": True}, ["a", "b", 1, "1", 1.0, True, "true", 1.5, []]),
        ({"present": False}, [None, ""]),
        ({"matches": "a|tr.*"}, ["a", True, "true"]),
        ({"not_matches": "[a1].*"}, ["b", True, "true", None, "", []]),
    ],
)
def test_conditions_compare_as_text_and_a_missing_field_equals_nothing(
    condition: dict[str, Any], holds_for: list[Any]
) -> None:
    mapped = mapper(where=[{"field": "x", **condition}])
    assert list(map(repr, (value for value in SAMPLES if run(mapped, {"x": value})))) == list(map(repr, holds_for))


def test_an_event_whose_when_does_not_hold_is_not_made() -> None:
    mapped = mapper(POST, {**POST, "id": "{id}:2", "when": [{"field": "x", "equals": "y"}]})
    assert [event.id for event in run(mapped, {"x": "n"})] == ["1"]
    assert [event.id for event in run(mapped, {"x": "y"})] == ["1", "1:2"]


def test_the_type_may_be_mapped_and_null_makes_no_event() -> None:
    table = {"new": "crm.case.opened", "done": "crm.case.resolved", "seen": None}
    mapped = mapper({**POST, "type": {"field": "what", "map": table}, "data": {"case_id": "id"}})
    (event,) = run(mapped, {"what": "done"})
    assert isinstance(event, CaseEvent)
    assert event.type == "crm.case.resolved"
    assert run(mapped, {"what": "seen"}) == []
    assert problem(mapped, {"what": "odd"}).reason == Reason.UNMAPPED_VALUE
    assert problem(mapped, {}).reason == Reason.MISSING_FIELD


@pytest.mark.parametrize(
    ("spec", "record", "expected"),
    [
        ("a.b[1].c", {"a": {"b": [0, {"c": "deep"}]}}, "deep"),
        ("a.b[1].c", {"a": {"b": [0]}}, None),
        ("a.b", {"a": "text"}, None),
        ('["a.b"]["c d"]', {"a.b": {"c d": "x"}}, "x"),
        ({"field": ["a", "b"]}, {"a": "", "b": "second"}, "second"),
        ({"const": "web"}, {}, "web"),
        ({"template": "{a}/{{{b.c}}}"}, {"a": 1, "b": {"c": True}}, "1/{true}"),
        ({"template": '{["{a}"]}/{{{["b}"].c}}}'}, {"{a}": 1, "b}": {"c": 2}}, "1/{2}"),
        ({"template": "{['}']}{a}"}, {"}": "x", "a": 1}, "x1"),
        ({"template": "{a}/{b}", "default": "d"}, {"a": 1}, "d"),
        ({"field": "a", "map": {"x": "y"}}, {"a": "x"}, "y"),
        ({"field": "a", "map": {1: "one", 2.5: "more"}}, {"a": "1"}, "one"),
        ({"field": "a", "map": {True: "yes", False: "no"}}, {"a": "false"}, "no"),
        ({"field": "a", "map": {"x": "y"}, "default": "z"}, {"a": "other"}, "z"),
        ({"field": "a", "map": {"x": None}}, {"a": "x"}, None),
        ({"field": "a", "missing": ["?"]}, {"a": "?"}, None),
        ({"field": "a", "missing": ["?"]}, {"a": ""}, ""),
        ("a", {"a": 3.0}, "3"),
        ("a", {"a": None}, None),
    ],
)
def test_values_come_from_fields_constants_and_templates(spec: Any, record: dict[str, Any], expected: Any) -> None:
    assert value_of(spec, record) == expected


@pytest.mark.parametrize(
    ("spec", "value", "expected"),
    [
        ({"field": "a"}, "0.5", 0.5),
        ({"field": "a"}, " -1e-1 ", -0.1),
        ({"field": "a"}, 1, 1.0),
        ({"field": "a", "decimal": ","}, "0,25", 0.25),
        (
            {"field": "a", "decimal": ",", "thousands": ".", "rescale": {"from": [0, 10000], "to": [-1, 1]}},
            "7.500,0",
            0.5,
        ),
        ({"field": "a", "rescale": {"from": [1, 10], "to": [-1, 1]}}, 42, 1.0),
        ({"field": "a", "rescale": {"from": [5, 1], "to": [1, -1]}}, "1", -1.0),
        ({"field": "a", "map": {"bad": -1, "good": 1}}, "bad", -1.0),
    ],
)
def test_numbers_are_read_in_the_notation_that_is_declared(spec: dict[str, Any], value: Any, expected: float) -> None:
    assert value_of(spec, {"a": value}, "sentiment") == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("nan", Reason.INVALID_VALUE),
        ("inf", Reason.INVALID_VALUE),
        ("1_0", Reason.INVALID_VALUE),
        ("9" * 500, Reason.INVALID_VALUE),
        (10**400, Reason.INVALID_VALUE),
        ("7", Reason.INVALID_VALUE),
        (True, Reason.WRONG_TYPE),
        ([1], Reason.WRONG_TYPE),
    ],
)
def test_what_is_no_number_in_range_is_a_dead_letter(value: Any, reason: Reason) -> None:
    found = problem(mapper({**POST, "data": {"sentiment": "a"}}), {"a": value})
    assert found.reason == reason
    assert "data.sentiment" in found.detail


def test_sequence_is_a_whole_number_of_64_bits() -> None:
    mapped = mapper({**POST, "sequence": "n"})
    assert [run(mapped, {"n": value})[0].sequence for value in (5, "5", 5.0, "5.0", 2**53 + 1)] == [
        5,
        5,
        5,
        5,
        2**53 + 1,
    ]
    for value in (1.5, "x", 2**63, 10**400, True):
        assert problem(mapped, {"n": value}).reason in {Reason.INVALID_VALUE, Reason.WRONG_TYPE}


def test_missing_markers_hold_for_all_fields_and_required_ones_are_named() -> None:
    mapped = mapper({**POST, "type": "crm.case.opened", "data": {"case_id": "case"}}, missing=["?", ""])
    for absent in ({}, {"case": "?"}, {"case": None}):
        found = problem(mapped, absent)
        assert (found.reason, "field 'case'" in found.detail) == (Reason.MISSING_FIELD, True)
    assert problem(mapped, {"case": "1", "at": "?"}).reason == Reason.MISSING_FIELD
    assert problem(mapped, {"case": "1", "id": "?"}).reason == Reason.MISSING_FIELD


def test_an_object_where_text_is_expected_is_a_dead_letter() -> None:
    assert problem(mapper({**POST, "data": {"service": "a"}}), {"a": {}}).reason == Reason.WRONG_TYPE
    assert problem(mapper({**POST, "id": "{a}"}), {"a": []}).reason == Reason.WRONG_TYPE


def test_labels_without_a_value_are_left_out() -> None:
    (event,) = run(
        mapper({**POST, "data": {"labels": {"airline": "a", "city": "b", "n": "n"}}}), {"a": "Delta", "n": 4}
    )
    assert isinstance(event, SocialEvent)
    assert event.data.labels == {"airline": "Delta", "n": "4"}


def test_the_digest_of_a_record_can_be_its_id() -> None:
    mapped = mapper({**POST, "id": "{@hash}"})
    first, again, other = (run(mapped, {"x": value})[0].id for value in (1, 1, 2))
    assert first == again != other


def test_the_mapped_time_must_lie_in_the_range_of_events() -> None:
    for value in (
        "1989-12-31T23:59:59Z",
        "2100-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
    ):
        assert problem(mapper(), {"at": value}).reason == Reason.TIME_OUT_OF_RANGE
    far = {**POST, "type": "transaction.purchased", "data": {"order_id": "id", "deadline": "due"}}
    assert problem(mapper(far), {"due": "2345-01-01T00:00:00Z"}).reason == Reason.TIME_OUT_OF_RANGE


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[1]", b"\xff", b'{"id": "\xff"}', b'{"other": "\xff"}', b"1", b"[" * 99_999]
)
def test_what_is_no_json_object_is_a_dead_letter(raw: bytes) -> None:
    with pytest.raises(RecordError):
        mapper()(raw)


@pytest.mark.parametrize(
    ("event", "names"),
    [
        ({**POST, "type": "social.boast"}, r"events\[0\].type: 'social.boast' is not an event type"),
        ({**POST, "type": {"field": "x"}}, r"events\[0\].type: expected a type or a field with a map"),
        ({**POST, "data": {"case_id": "x"}}, r"events\[0\].data.case_id: .* no such field"),
        ({**POST, "type": "crm.case.opened"}, r"events\[0\].data.case_id: .* need it"),
        ({**POST, "id": "{"}, r"events\[0\].id: .*template"),
        ({**POST, "id": "{a..b}"}, r"events\[0\].id: .*not a field path"),
        ({**POST, "data": {"text": "a["}}, r"events\[0\].data.text: .*not a field path"),
        ({**POST, "time": {"field": "at", "formats": ["%H"]}}, r"events\[0\].time: .*needs year, month and day"),
    ],
)
def test_a_mapping_that_cannot_be_names_the_setting(event: dict[str, Any], names: str) -> None:
    with pytest.raises(ValueError, match=names):
        mapper(event)


@pytest.mark.parametrize(
    "settings",
    [
        {"events": []},
        {"events": [{**POST, "time": {"field": "a", "const": "b"}}]},
        {"events": [{**POST, "time": {"field": "a", "formats": ["%Q"]}}]},
        {"events": [POST], "zone": "Mars/Olympus"},
        {"events": [POST], "where": [{"field": "a"}]},
        {"events": [POST], "where": [{"field": "a", "equals": 1, "present": True}]},
        {"events": [POST], "where": [{"field": "a", "matches": "("}]},
        {"events": [POST], "examples": [{"record": {}}]},
        {"events": [{**POST, "data": {"sentimnt": "a"}}]},
    ],
)
def test_settings_that_say_nothing_sensible_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MappingSettings.model_validate(settings)


def test_every_field_of_event_data_can_be_mapped() -> None:
    shapes = (CaseData, SurveyData, TransactionData, SocialData)
    fields = {field.name for shape in shapes for field in msgspec.structs.fields(shape)}
    assert fields == set(get_type_hints(DataSettings)) - {"model_config"} - set(get_type_hints(DataSettings.__base__))


def test_examples_are_run_and_what_differs_is_named() -> None:
    good = {"record": {"id": 1, "at": AT, "t": "hi"}, "expect": [{"id": "1", "data": {"text": "hi"}}]}
    settings = {
        "events": [{**POST, "data": {"text": "t"}}],
        "where": [{"field": "skip", "present": False}],
        "examples": [
            good,
            {"record": {"skip": 1}, "filtered": True},
            {"record": {"id": 1, "at": "x"}, "dead_letter": "invalid_time"},
            {**good, "expect": [{"data": {"text": "ho"}}]},
            {"record": {"id": 1, "at": "x"}, "filtered": True},
            {**good, "expect": []},
        ],
    }
    problems = check_examples(MappingSettings.model_validate(settings), "feed")
    assert problems[0] == "examples[3]: expect[0].data.text: expected 'ho', got 'hi'"
    assert [text.split(":")[0] for text in problems] == ["examples[3]", "examples[4]", "examples[5]"]


def test_paths_are_names_indices_and_quoted_names() -> None:
    assert parse_path("a-b c.d[0]") == ("a-b c", "d", 0)
    for text in ("", ".", "a.", "[0]", "a]", "a[x]", "a[0"):
        with pytest.raises(ValueError, match="not a field path"):
            parse_path(text)
