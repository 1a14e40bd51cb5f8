"""Holds the columns of records against the events that the row path makes of them."""

import math
from collections.abc import Sequence

import numpy as np

from pipeline.columns.events import EventColumns
from pipeline.columns.scanner import Scanner
from pipeline.columns.wants import Wants
from pipeline.events import decode_event
from pipeline.ids.asked import Sources

TEXTS = ("service", "region", "channel", "queue", "status", "scale", "author", "currency", "case_id")
NUMBERS = ("sentiment", "score", "amount", "latency_ms")


def scanner() -> Scanner:
    """Return a new scanner that reads every field that can be read."""
    return Scanner(Wants(frozenset(TEXTS + NUMBERS), frozenset()))


def check(records: Sequence[bytes], by: Scanner) -> int:
    """Hold the columns of records against their events; return how many the scanner was certain of."""
    columns = by.scan(records)
    uncertain = set(columns.uncertain())
    rows = [row for row in range(len(records)) if row not in uncertain]
    if not rows:
        return 0
    certain = columns.at(np.array(rows))
    events = [decode_event(records[row]) for row in rows]  # raises where the scanner is wrong
    assert certain.times().tolist() == [event.time_us for event in events]
    assert [certain.texts("type")[code] for code in certain.codes("type")] == [event.type for event in events]
    assert all(event.rev == 0 and not event.data.labels for event in events)
    for field in TEXTS:
        assert _texts(certain, field) == [getattr(event.data, field, None) or "" for event in events]
    for field in NUMBERS:
        for number, event in zip(certain.numbers(field).tolist(), events, strict=True):
            expected = getattr(event.data, field, None)
            assert math.isnan(number) if expected is None else number == expected
    sources = Sources(hash)
    asked, expected_ids = sources.spans(certain.ids()), sources.events(events)
    assert asked.hashes.tolist() == expected_ids.hashes.tolist()
    assert asked.sources.tolist() == expected_ids.sources.tolist()
    assert [asked.key(place) for place in range(len(rows))] == expected_ids.keys
    return len(rows)


def _texts(columns: EventColumns, field: str) -> list[str]:
    texts = columns.texts(field)
    return ["" if code < 0 else texts[code] for code in columns.codes(field).tolist()]
