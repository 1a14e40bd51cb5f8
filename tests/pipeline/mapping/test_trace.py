"""What is told of a record agrees with what the flow makes of it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.mapping import MappingSettings
from config.shipped import shipped_mapping, shipped_names
from pipeline.events import encode_event
from pipeline.mapping import Mapper
from pipeline.mapping.trace import Tracer
from pipeline.mapping.traced import Trace, TracedField
from pipeline.reasons import RecordError

AT = "2024-05-01T09:30:00Z"
PAID: dict[str, Any] = {"type": "transaction.payment", "id": "{id}", "time": "at"}


def trace(record: Any, event: dict[str, Any] | None = None, data: dict[str, Any] | None = None, **more: Any) -> Trace:
    settings = {"events": [{**PAID, "data": {"order_id": "id", **(data or {})}, **(event or {})}], **more}
    raw = record if isinstance(record, bytes) else json.dumps({"id": "1", "at": AT, **record}).encode()
    return Tracer(MappingSettings.model_validate(settings), "feed")(raw)


def field(traced: Trace, name: str) -> TracedField:
    (found,) = [one for one in traced.entries[0].fields if one.setting == f"events[0].{name}"]
    return found


@pytest.mark.parametrize(
    ("value", "record", "expected"),
    [
        ({"field": ["a", "b"]}, {"b": "x"}, ("b", "x", [], "x")),
        ({"field": ["a", "b"]}, {}, ("a or b", None, [], None)),
        ({"field": "a", "default": "y"}, {}, ("a", None, ["default"], "y")),
        ({"field": "a", "map": {"x": "z"}}, {"a": "x"}, ("a", "x", ["map"], "z")),
        ({"field": "a", "map": {"x": "z"}, "default": "d"}, {"a": "q"}, ("a", "q", ["not in map", "default"], "d")),
        ({"field": "a", "map": {"x": "z"}, "keep": True}, {"a": "q"}, ("a", "q", ["not in map", "kept"], "q")),
        ({"field": "a", "html": True}, {"a": "<p>q</p>"}, ("a", "<p>q</p>", ["HTML to text"], "q")),
        ({"const": "c"}, {}, ("constant", "c", [], "c")),
        ({"template": "{id}-{a}"}, {"a": 3}, ("{id}-{a}", "1-3", [], "1-3")),
    ],
)
def test_a_value_is_told_with_its_place_what_stands_there_the_steps_and_the_result(
    value: Any, record: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    found = field(trace(record, data={"status": value}), "data.status")
    assert (found.source, found.raw, found.steps, found.result) == expected


def test_numbers_and_times_are_told_with_what_was_done_to_them() -> None:
    amount = {"field": "cents", "divide": {"field": "cur", "map": {"jpy": 1}, "default": 100}}
    traced = trace({"cents": 250, "at": "1714555800"}, {"rev": {"field": "at", "formats": ["epoch_s"]}},
                   {"amount": amount}, formats=["rfc3339", "epoch_s"])  # fmt: skip
    assert (field(traced, "data.amount").steps, field(traced, "data.amount").result) == (["divided by cur"], 2.5)
    assert field(traced, "time").steps == ["time: epoch_s"]
    assert field(traced, "rev").result == 1714555800000000


@pytest.mark.parametrize(
    ("record", "because"),
    [
        ({"skip": 1}, "where[0] does not hold: skip absent"),
        ({"kind": "b"}, "events[0].when[0] does not hold: kind equals a"),
        ({"kind": "a", "at": None}, "events[0]: at has no value: there is no time"),
        ({"kind": "a", "step": "none"}, "events[0]: step: the value is mapped to no type"),
    ],
)
def test_a_filtered_record_says_which_condition_left_it_out(record: dict[str, Any], because: str) -> None:
    event = {
        "when": [{"field": "kind", "equals": "a"}],
        "optional": True,
        "type": {"field": "step", "map": {"none": None, "pay": "transaction.payment"}},
    }
    traced = trace({"step": "pay", **record}, event, where=[{"field": "skip", "present": False}])
    assert (traced.outcome, traced.because) == ("filtered", because)


def test_a_dead_letter_names_the_field_and_the_fields_that_are_right_are_told_too() -> None:
    traced = trace({"amount": "x"}, data={"amount": "amount", "status": "id"})
    assert (traced.outcome, traced.reason) == ("dead_letter", "invalid_value")
    assert field(traced, "data.amount").error is not None
    assert field(traced, "data.status").result == "1"


@pytest.mark.parametrize("raw", [b"{", b"", b"[1]", b"\xff", b'{"id": 1'])
def test_what_is_no_record_is_a_dead_letter_without_fields(raw: bytes) -> None:
    traced = trace(raw)
    assert (traced.outcome, traced.entries) == ("dead_letter", [])


def test_each_entry_of_a_list_is_told() -> None:
    event = {"each": "ids", "id": "{@item}", "when": [{"field": "@item", "not_equals": "b"}]}
    traced = trace({"ids": ["a", "b", "c"]}, event)
    assert [(entry.item, entry.because is None) for entry in traced.entries] == [(0, True), (1, False), (2, True)]
    assert trace({}, event).because == "events[0]: ids has no value"
    assert trace({"ids": []}, event).because == "events[0]: the list is empty"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@pytest.mark.parametrize("name", shipped_names())
@given(data=st.data())
def test_what_is_told_agrees_with_what_the_flow_makes(name: str, data: st.DataObject) -> None:
    shipped = shipped_mapping(name).mapping
    record = dict(data.draw(st.sampled_from([example.record for example in shipped.examples])))
    key = data.draw(st.sampled_from(sorted(record)))
    if data.draw(st.booleans()):
        record[key] = data.draw(JSON)
    raw = json.dumps(record).encode()
    traced = Tracer(shipped, name)(raw)
    mapper = Mapper(shipped, name)
    if mapper.map_many([raw]).errors:
        with pytest.raises(RecordError) as caught:
            mapper(raw)
        told_of = (traced.outcome, traced.reason, traced.detail)
        assert told_of == ("dead_letter", caught.value.reason, caught.value.detail)
        return
    events = mapper(raw)
    assert traced.outcome == ("filtered" if events is None else "mapped")
    assert traced.events == [msgspec.json.decode(encode_event(event)) for event in events or []]
    assert (traced.because is not None) is (events is None)
    made = [entry for entry in traced.entries if entry.because is None]
    assert len(made) == len(traced.events)
    for entry, event in zip(made, traced.events, strict=True):
        told = {one.setting.removeprefix(f"{entry.setting}."): one for one in entry.fields}
        assert all(one.error is None for one in told.values())
        assert (told["type"].result, told["id"].result) == (event["type"], event["id"])
        for path, one in told.items():
            if path.startswith("data.") and not path.startswith("data.labels.") and one.result is not None:
                assert event["data"][path.removeprefix("data.")] is not None
