"""Packed events: what comes out is what went in."""

import random
from typing import Any

import numpy as np
import pytest

from detectors.contract import SnapshotVersionError
from detectors.events import Event
from detectors.packed import Packed
from pipeline.events import decode_many
from tests.pipeline.columns.lives import LifeRecords
from tests.support.packing import is_plain, packed


def plain_events(seed: int, count: int, **how: Any) -> list[Event]:
    """Return steps of cases and answers that can be packed."""
    records = LifeRecords(seed, **{"odd": 0.0, **how})
    events, _ = decode_many(records.batch(3 * count))
    return [event for event in events if is_plain(event)][:count]


@pytest.mark.parametrize("seed", range(5))
def test_events_come_out_as_they_went_in(seed: int) -> None:
    events = plain_events(seed, 200, things=100)
    for rows in (packed(events), Packed.read(packed(events).image)):
        assert [rows.event(place) for place in range(len(rows))] == events
        assert rows.events([3, 5, 8]) == [events[3], events[5], events[8]]
        assert rows.case_ids() == [getattr(event.data, "case_id", None) or "" for event in events]
        assert rows.case_ids() == [rows.case_id(place) for place in range(len(rows))]


def test_some_of_them_can_be_taken() -> None:
    events = plain_events(7, 100)
    chosen = sorted(random.Random(7).sample(range(100), 30))
    some = packed(events).some(np.array(chosen))
    assert some.events(range(30)) == [events[place] for place in chosen]
    assert Packed.read(some.image).events(range(30)) == [events[place] for place in chosen]


def test_of_many_texts_only_those_are_kept_that_are_there() -> None:
    events = plain_events(8, 2)
    rows = packed(events)
    texts = [f"text {number}" for number in range(1000)]
    columns = {"type": (["crm.case.closed"], np.array([0, 0])), "source": (["s"], np.array([0, 0]))}
    of: Any = Packed.of
    many = of(rows.times, b"1\n2", b"a\nb", b"\n", {**columns, "queue": (texts, np.array([997, -1]))}, {})
    assert [event.data.queue for event in many.events((0, 1))] == ["text 997", None]
    assert len(many.image) < 300


def test_events_that_are_made_of_records_are_made_once_until_they_are_forgotten() -> None:
    events = plain_events(9, 10)
    rows, asked = packed(events), []

    def maker(places: Any) -> list[Event]:
        asked.append(places.tolist())
        return [events[place] for place in places.tolist()]

    rows.maker = maker
    assert rows.events([1, 4]) + rows.events([1, 2, 4]) == [events[place] for place in (1, 4, 1, 2, 4)]
    assert asked == [[1, 4], [2]]
    rows.forget()
    assert rows.events([1]) == [events[1]]
    assert rows.events([1])[0] is not events[1]


def test_what_is_damaged_is_refused() -> None:
    with pytest.raises(SnapshotVersionError, match="packed events cannot be read"):
        Packed.read(packed(plain_events(1, 3)).image[:-5])
