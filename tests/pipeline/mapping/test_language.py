"""What the mapping language says about lists, HTML, unlisted values and types of two fields."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.mapping import MappingSettings
from pipeline.mapping import Mapper, compile_mapping
from pipeline.mapping.htmltext import html_text
from pipeline.mapping.paths import parse_path
from pipeline.reasons import Reason, RecordError

POST: dict[str, Any] = {"type": "social.post", "id": "{id}", "time": "at"}
AT = "2024-05-01T09:30:00Z"


def mapper(*events: dict[str, Any], **settings: Any) -> Mapper:
    return compile_mapping(MappingSettings.model_validate({"events": list(events), **settings}), "feed")


def run(mapped: Mapper, record: dict[str, Any]) -> list[Any]:
    return list(mapped(json.dumps({"id": "1", "at": AT, **record}).encode()) or [])


def value_of(spec: Any, record: dict[str, Any]) -> Any:
    (event,) = run(mapper({**POST, "data": {"text": spec}}), record)
    return event.data.text


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("fields[id=9].value", {"fields": [{"id": 8, "value": "a"}, {"id": 9, "value": "b"}]}, "b"),
        ("fields[id=9].value", {"fields": [{"id": "9", "value": "b"}, {"id": 9, "value": "c"}]}, "b"),
        ("fields[on=true].value", {"fields": [{"on": False, "value": "a"}, {"on": True, "value": "b"}]}, "b"),
        ("fields[a b=c.d]", {"fields": [{"a b": "c.d"}, 3]}, None),
        ("fields[id=9].value", {"fields": [{"id": 8}]}, None),
        ("fields[id=9].value", {"fields": [9, None, [], {"id": None}, {"id": [9]}, {"id": 10**5000}]}, None),
        ("fields[id=9].value", {"fields": {"id": 9}}, None),
        ("parts[-1].body", {"parts": [{"body": "first"}, {"body": "last"}]}, "last"),
        ("parts[-2].body", {"parts": [{"body": "first"}, {"body": "last"}]}, "first"),
        ("parts[-3].body", {"parts": [{"body": "first"}, {"body": "last"}]}, None),
        ("parts[-1].body", {"parts": []}, None),
        (["a", "b[0]"], {"b": ["x"]}, "x"),
    ],
)
def test_entries_of_lists_are_found_by_a_key_or_from_the_end(path: Any, value: Any, expected: Any) -> None:
    if path == "fields[a b=c.d]":
        with pytest.raises(RecordError, match="expected text, got an object"):
            value_of(path, value)
        return
    if 10**5000 in [entry.get("id") for entry in value.get("fields", []) if isinstance(entry, dict)]:
        value = {"fields": value["fields"][:-1]}
    assert value_of(path, value) == expected


def test_a_path_with_a_key_is_read_in_its_parts() -> None:
    assert parse_path("a[b=c]") == ("a", ("b", "c"))
    assert parse_path("a[-1]") == ("a", -1)
    for text in ("a[=c]", "a[b=]", "[b=c]"):
        with pytest.raises(ValueError, match="not a field path"):
            parse_path(text)


EACH = {**POST, "id": "{id}/{@item.n}", "each": "items", "data": {"text": "@item.text"}}


def test_an_event_is_made_for_each_entry_of_a_list_with_fields_of_entry_and_record() -> None:
    made = run(mapper(EACH), {"items": [{"n": 1, "text": "a"}, {"n": 2, "text": "b"}]})
    assert [(event.id, event.data.text) for event in made] == [("1/1", "a"), ("1/2", "b")]


def test_entries_that_are_no_objects_are_the_item_itself_and_an_object_is_one_entry() -> None:
    scalar = {**POST, "id": "{@item}", "each": "items"}
    assert [event.id for event in run(mapper(scalar), {"items": ["x", 2]})] == ["x", "2"]
    assert [event.id for event in run(mapper(EACH), {"items": {"n": 5}})] == ["1/5"]


def test_conditions_of_an_event_hold_for_its_entry() -> None:
    event = {**EACH, "when": [{"field": "@item.n", "not_equals": 1}]}
    assert [made.id for made in run(mapper(event), {"items": [{"n": 1}, {"n": 2}]})] == ["1/2"]


def test_a_list_that_is_missing_or_empty_makes_no_event_and_other_events_are_made_as_ever() -> None:
    absent: list[dict[str, Any]] = [{}, {"items": None}, {"items": []}]
    for record in absent:
        assert run(mapper(EACH), record) == []
        assert [event.id for event in run(mapper(EACH, POST), record)] == ["1"]
    assert [event.id for event in run(mapper(POST, EACH), {"items": [{"n": 1}]})] == ["1", "1/1"]


def test_what_is_no_list_is_a_dead_letter_and_one_bad_entry_takes_the_record_with_it() -> None:
    for value in ("x", 1, True):
        with pytest.raises(RecordError) as caught:
            run(mapper(EACH), {"items": value})
        assert (caught.value.reason, caught.value.detail[:16]) == (Reason.WRONG_TYPE, "events[0].each: ")
    with pytest.raises(RecordError, match="no value"):
        run(mapper(EACH), {"items": [{"n": 1}, {}]})


def test_a_list_is_searched_once_a_record_and_not_once_an_entry() -> None:
    mapped = mapper({**POST, "id": "{@item.n}", "each": "items", "data": {"text": "items[n=last].text"}})
    items = [{"n": n} for n in range(12_000)]
    made = run(mapped, {"items": [*items, {"n": "last", "text": "end"}]})
    assert (len(made), {event.data.text for event in made}) == (12_001, {"end"})
    assert run(mapped, {"items": [{"n": "last", "text": "other"}]})[0].data.text == "other"
    for hostile in ("x", {"items[n=last].text": "x"}, 5):
        assert run(mapped, {"items": [{"n": 1}], "(makegood) found": hostile})[0].id == "1"


def test_an_item_of_the_record_before_is_not_seen() -> None:
    mapped = mapper(EACH, {**POST, "data": {"text": "@item.text"}})
    assert [event.data.text for event in run(mapped, {"items": [{"n": 1, "text": "a"}]})] == ["a", None]


@pytest.mark.parametrize(
    ("value", "holds"),
    [(["a", 1], True), ([True, "b"], False), (["1"], True), ([], False), ("1", False), ([[1]], False), (None, False)],
)
def test_a_list_has_a_value_compared_as_text(value: Any, holds: bool) -> None:
    mapped = mapper(POST, where=[{"field": "x", "has": 1}])
    assert bool(run(mapped, {"x": value})) is holds


def test_unlisted_values_are_kept_where_the_mapping_says_so() -> None:
    spec = {"field": "x", "map": {"1": "one"}, "keep": True}
    assert [value_of(spec, {"x": value}) for value in (1, "2", 3.0, None)] == ["one", "2", "3", None]
    with pytest.raises(ValidationError, match="keep is about what map does not list"):
        MappingSettings.model_validate({"events": [{**POST, "data": {"text": {"field": "x", "keep": True}}}]})
    with pytest.raises(ValueError, match="without keep"):
        mapper({**POST, "type": {"field": "x", "map": {"a": "social.post"}, "keep": True}})


def test_a_type_may_come_from_two_fields_and_a_missing_one_is_a_dead_letter() -> None:
    kind = {"template": "{a}/{b}", "map": {"1/true": "social.post", "2/true": None}}
    mapped = mapper({**POST, "type": kind})
    assert [event.type for event in run(mapped, {"a": 1, "b": True})] == ["social.post"]
    assert run(mapped, {"a": 2, "b": True}) == []
    for record, reason in (({"a": 3, "b": True}, Reason.UNMAPPED_VALUE), ({"a": 1}, Reason.MISSING_FIELD)):
        with pytest.raises(RecordError) as caught:
            run(mapped, record)
        assert caught.value.reason == reason


def test_shared_values_fill_what_an_event_does_not_say() -> None:
    case = {**POST, "type": "crm.case.opened", "id": "c{id}", "data": {"case_id": "id", "text": {"const": "own"}}}
    mapped = mapper(case, POST, subject="who", data={"text": "t", "queue": "q", "labels": {"l": "l"}})
    opened, post = run(mapped, {"t": "shared", "q": "billing", "who": "me", "l": "x"})
    assert (opened.data.text, opened.data.queue, opened.subject) == ("own", "billing", "me")
    assert (post.data.text, post.subject, post.data.labels) == ("shared", "me", {"l": "x"})


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>Hi</p>", "Hi"),
        ("plain & simple", "plain & simple"),
        ("a&nbsp;&lt;b&gt; &#8364;5", "a <b> €5"),
        ("<div>one<br>two</div><ul><li>three</li></ul>", "one\ntwo\nthree"),
        ("<b>bo</b>ld", "bold"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("I <3 it>", "I <3 it>"),
        ("<style>p {}</style>x<script>if (a < b) {}</script>y", "xy"),
        ("<!-- <b>no</b> -->yes", "yes"),
        ("<!-- a > b -->yes", "yes"),
        ("<!doctype html><title>T</title>x", "x"),
        ("<p>cut <img src='", "cut <img src='"),
        ("<p></p>", ""),
    ],
)
def test_the_text_of_html_is_what_a_reader_sees(markup: str, text: str) -> None:
    assert html_text(markup) == text


def test_html_without_text_has_no_value_and_other_types_pass_through() -> None:
    assert value_of({"field": "x", "html": True}, {"x": "<p></p>"}) is None
    assert value_of({"field": "x", "html": True, "default": "none"}, {"x": "<br>"}) == "none"
    assert value_of({"field": "x", "html": True}, {"x": 5}) == "5"


@given(st.text(alphabet="<>!-/ pabscriptyle&;#1\n'\"", max_size=200))
def test_any_text_is_read_as_html_without_an_error(markup: str) -> None:
    assert isinstance(html_text(markup), str)


@pytest.mark.parametrize("piece", ["<!--", "<", "<a ", "<script>", "</", "&", "<!-- -->", "-->"])
def test_hostile_html_is_read_in_linear_time(piece: str) -> None:
    assert len(html_text(piece * (1_000_000 // len(piece)))) <= 1_000_000
