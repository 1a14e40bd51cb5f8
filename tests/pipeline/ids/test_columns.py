"""Ids that come by columns and by rows, in turns, are one memory: it answers as the model does, and writes the same."""

import random
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from detectors.events import Event
from pipeline.dedup import Deduplicator, Sizes
from tests.pipeline.ids.model import Model, Numbers
from tests.support.events import HOUR_US, START_US, make_event

pytest.importorskip("numba")

from pipeline.columns.events import EventColumns
from pipeline.columns.scanner import Scanner
from pipeline.columns.siphash import secret
from pipeline.columns.wants import Wants
from pipeline.ids.asked import Sources, Spans
from pipeline.ids.recent import Recent

TINY = Sizes(hot=20, block=4, fan_in=3, largest=150, step=3, spill=6, cached=8)
SIZES = {"tiny": TINY, "default": Sizes()}
SHAPES = (
    "{}",
    "{:08d}",
    "{:07d}",
    "{:031d}",
    "{:032d}",
    "{:0255d}",
    "{:0256d}",
    "{:01024d}",
    "ä{}",
    "{}-ÿ",
    "語{}",
    "💥{}",
)
"""Of ids: with each kind of header that msgpack has for them, in ASCII and beyond it."""


def post(number: int, source: str) -> Event:
    key = SHAPES[number % len(SHAPES)].format(number)
    return make_event("social.post", key, START_US, {"sentiment": 0.5}, source=source)


def record(event: Event) -> bytes:
    return msgspec.json.encode(
        {"specversion": "1.0", "type": "social.post", "id": event.id, "source": event.source,
         "time": "2026-03-02T00:00:00Z", "data": {"sentiment": 0.5}}
    )  # fmt: skip


class Feed:
    """Sends events by columns or by rows."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.scanner = Scanner(Wants(frozenset(), frozenset()))
        self.numbers = Numbers(rng)

    def events(self) -> list[Event]:
        """New ids, repeats of old ones and of this batch, three sources."""
        events = [post(number, self.rng.choice("xxyz")) for number in self.numbers.batch()]
        return [*events, events[0]] if self.rng.random() < 0.1 else events

    def columns(self, events: Sequence[Event]) -> EventColumns:
        """Return the events as columns, some of which came by rows."""
        columns = self.scanner.scan([record(event) for event in events])
        assert not columns.uncertain()
        if self.rng.random() < 0.5:
            return columns
        some = {row: event for row, event in enumerate(events) if self.rng.random() < 0.4}
        completed = columns.completed(some)
        assert completed is not None
        return completed


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_answers_are_those_of_the_model(tmp_path: Path, seed: int, sizes: Sizes) -> None:
    rng = random.Random(seed)
    feed, now_us, dropped = Feed(rng), START_US, 0
    dedup, model = Deduplicator(HOUR_US, tmp_path, sizes=sizes), Model(HOUR_US)
    for step in range(400):
        events = feed.events()
        asked: Sequence[Event] = feed.columns(events) if rng.random() < 0.6 else events
        fresh = [(event.source, event.id) for event in dedup.fresh(asked, now_us)]
        expected = model.fresh(events, now_us)
        assert fresh == [(event.source, event.id) for event in expected]
        dropped += len(events) - len(fresh)
        for event in expected:
            if rng.random() < 0.05:
                dedup.forget(event)
                model.forget(event)
        now_us += rng.choice([0, 0, 0, 1, 60]) * HOUR_US // 600
        dedup.advance(now_us)
        model.advance(now_us)
        if step % 90 == 89:
            state = dedup.snapshot()
            dedup = Deduplicator(HOUR_US, tmp_path, sizes=sizes)
            dedup.restore(state)
    assert dropped > 50


@pytest.mark.parametrize("seed", range(3))
def test_both_ways_write_the_same_changelog(tmp_path: Path, seed: int) -> None:
    feed = Feed(random.Random(seed))
    ways = [Deduplicator(HOUR_US, tmp_path / way, sizes=TINY) for way in ("rows", "columns")]
    for _ in range(100):
        events = feed.events()
        for dedup, asked in zip(ways, (events, feed.columns(events)), strict=True):
            dedup.fresh(asked, START_US)
            dedup.advance(START_US)
    assert ways[0].snapshot() == ways[1].snapshot()
    first, second = ((tmp_path / way / "seen-00000000.log").read_bytes() for way in ("rows", "columns"))
    assert first == second
    assert len(first) > 100


def test_where_the_key_of_hashes_cannot_be_told_columns_are_asked_for_as_strings() -> None:
    assert secret() is not None
    feed = Feed(random.Random(1))
    events = [post(number, "xy"[number % 2]) for number in range(30)]
    spans = feed.columns(events).ids()
    told, strings = Sources(hash), Sources(hash)
    machine = SimpleNamespace(secret=None)
    asked = strings.spans(spans._replace(machine=machine))
    assert asked.spans is None
    assert told.spans(spans).spans is not None
    assert asked.hashes.tolist() == told.spans(spans).hashes.tolist()
    assert [(strings.names[source], key) for source, key in zip(asked.sources, asked.keys, strict=True)] == [
        (event.source, event.id) for event in events
    ]


def test_what_has_the_hash_of_another_is_another() -> None:
    """Every id and source with one hash: what tells them apart is what they are."""
    feed = Feed(random.Random(2))
    events = [post(number, source) for number in range(40) for source in ("x", "y")]
    sources = Sources(hash)
    asked = sources.spans(feed.columns(events).ids())
    asked.hashes[:] = 0xFFFF_FFFF_0000_0001
    recent = Recent()
    known = np.zeros(len(events), dtype=np.bool_)
    recent.take(asked, known)
    assert not known.any()
    assert recent.count == len(events)
    recent.take(asked, known)
    assert known.all()
    assert recent.count == len(events)


def test_what_is_added_stays_inside_its_room() -> None:
    """Behind the last id there are eight bytes that machine code may write to, and no more."""
    feed = Feed(random.Random(3))
    recent = Recent()
    sources = Sources(hash)
    for number in range(300):
        spans: Spans = feed.columns([post(number, "x")]).ids()
        recent.take(sources.spans(spans), np.zeros(1, dtype=np.bool_))
        assert int(recent._starts[recent.count]) + 8 <= len(recent._bytes)
        assert 2 * recent.count <= len(recent._table)
    assert recent.content(np.arange(300), None) == recent.content(np.arange(300), sources.machine)
