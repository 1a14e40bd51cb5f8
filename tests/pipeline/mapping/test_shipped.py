"""Every shipped mapping: its examples pass, have links, show each event it can make, and nothing breaks it."""

import copy
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.mapping import EventMapping, ShippedMapping
from config.shipped import shipped_mapping, shipped_names
from pipeline.mapping import Mapper, check_examples
from pipeline.reasons import RecordError

NAMES = shipped_names()
VALUES: tuple[Any, ...] = (
    None, "", "x", "500*", 0, -1, 1.5, True, [], {}, [None], [[]], {"a": {}}, "9" * 400, 10**400, "\x00", "é" * 2000,
)  # fmt: skip
DROPPED = object()


def records(name: str) -> list[dict[str, Any]]:
    return [example.record for example in shipped_mapping(name).mapping.examples]


@cache
def mapper(name: str) -> Mapper:
    return Mapper(shipped_mapping(name).mapping, name)


def mapped(compiled: Mapper, record: dict[str, Any]) -> list[Any]:
    try:
        return compiled(json.dumps(record).encode()) or []
    except RecordError:
        return []


def types_of(event: EventMapping) -> set[str]:
    if isinstance(event.type, str):
        return {event.type}
    named = [event.type.const, event.type.default, *(event.type.map or {}).values()]
    return {str(name) for name in named if name is not None}


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_shipped_mapping_become_what_they_say(name: str) -> None:
    assert check_examples(shipped_mapping(name).mapping, name) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_example_has_the_link_of_its_page(name: str) -> None:
    examples = shipped_mapping(name).mapping.examples
    assert [index for index, example in enumerate(examples) if example.docs is None] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_show_every_event_that_a_shipped_mapping_can_make(name: str) -> None:
    mapping = shipped_mapping(name).mapping
    told_apart = [event.model_copy(update={"source": str(index)}) for index, event in enumerate(mapping.events)]
    compiled = Mapper(mapping.model_copy(update={"events": told_apart}), name)
    made = [found for record in records(name) for found in mapped(compiled, record)]
    for index, event in enumerate(mapping.events):
        shown = {found.type for found in made if found.source == str(index)}
        missing = types_of(event) - shown
        assert not missing, f"events[{index}] can make {missing}, and no example shows it"


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_filtered_cannot_be_mapped_or_lacks_fields_that_another_has(name: str) -> None:
    examples = shipped_mapping(name).mapping.examples
    left_out = [example for example in examples if example.filtered or example.dead_letter is not None]
    partial = {len(list(places(example.record))) for example in examples}
    assert left_out or len(partial) > 1


@pytest.mark.parametrize("name", NAMES)
def test_the_events_of_one_record_have_different_ids_and_the_same_ones_each_time(name: str) -> None:
    for record in records(name):
        ids = [event.id for event in mapped(mapper(name), record)]
        assert [identifier for identifier, count in Counter(ids).items() if count > 1] == []
        assert [event.id for event in mapped(mapper(name), copy.deepcopy(record))] == ids


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place of a record that holds something, from the outside in."""
    entries: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list):
        entries = list(enumerate(value))
    for key, entry in entries:
        yield (*path, key)
        yield from places(entry, (*path, key))


def changed(record: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(record)
    inside: Any = made
    for key in path[:-1]:
        inside = inside[key]
    if value is DROPPED:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return made


@pytest.mark.parametrize("name", NAMES)
def test_a_field_that_is_missing_or_of_another_type_makes_events_or_a_dead_letter(name: str) -> None:
    compiled = mapper(name)
    for record in records(name):
        for path in places(record):
            for value in (DROPPED, *VALUES):
                raw = json.dumps(changed(record, path, value)).encode()
                result = compiled.map_many([raw])
                assert result.accepted + result.filtered + len(result.errors) == 1
                assert all(error.detail for _, error in result.errors)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_record_with_several_fields_changed_makes_events_or_a_dead_letter(name: str, data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(records(name)))
    for _ in range(data.draw(st.integers(1, 4))):
        found = list(places(record))
        if not found:
            break
        path = data.draw(st.sampled_from(found))
        record = changed(record, path, data.draw(st.just(DROPPED) | st.sampled_from(VALUES) | JSON))
    result = mapper(name).map_many([json.dumps(record).encode()])
    assert result.accepted + result.filtered + len(result.errors) == 1


@pytest.mark.parametrize("name", NAMES)
@given(JSON)
@example({})
@settings(max_examples=20, deadline=None)
def test_a_record_of_somebody_else_is_filtered_or_a_dead_letter(name: str, value: Any) -> None:
    record = value if isinstance(value, dict) else {"a": value}
    assert mapped(mapper(name), record) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_file_says_what_it_is_and_where_its_rules_come_from(name: str) -> None:
    shipped = shipped_mapping(name)
    assert isinstance(shipped, ShippedMapping)
    assert shipped.mapping.use is None
    assert shipped.title.strip() == shipped.title
    assert not shipped.title.endswith(".")
