"""Batches of several partitions taken together give the same as one after another, by rows and by columns."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.columns.events import EventColumns
from pipeline.feeds.contract import BadRecord, RawBatch, Status
from pipeline.lane import LaneItem
from pipeline.records.text import CUTTER, Lines, joined
from pipeline.sequences import between, places_among, times_us
from tests.pipeline.columns.records import Records
from tests.pipeline.columns.rig import CASES, PLAIN, WINDOWS, Side

PARTITIONS = [("crm", "0"), ("crm", "1"), ("crm", "2"), ("erp", "0")]
MODES = pytest.mark.parametrize("mode", ["off", "on"])


class Both:
    """The same items to a flow that takes batches together, and to one that takes each alone, by rows."""

    def __init__(self, folder: Path, mode: str, detectors: str = PLAIN) -> None:
        if mode == "on":
            pytest.importorskip("numba")
        self.together = Side(folder / "together", detectors, mode, judged=False)
        self.alone = Side(folder / "alone", detectors, "off", judged=False)
        self.alone.router.by_partition = True
        self._offset = 0

    def take(self, batches: Sequence[tuple[tuple[str, str], Sequence[bytes]]], now_us: int | None = None) -> list[Any]:
        """Give both the same batches; return what came of them, after comparing it."""
        results = []
        for side in (self.alone, self.together):
            taken = [self._batch(key, records) for key, records in batches]
            found = side.take(LaneItem(taken, dict.fromkeys(PARTITIONS, Status.READING), now_us))
            # Letters of bad records stand before what becomes of the others: each has its place in its feed.
            results.append((found, sorted(map(repr, [each for each in found if isinstance(each, dict)]))))
        self._offset += 1_000
        (alone, letters), (together, other_letters) = results
        assert [each for each in together if not isinstance(each, dict)] == [
            each for each in alone if not isinstance(each, dict)
        ]
        assert other_letters == letters
        return alone

    def _batch(self, key: tuple[str, str], records: Sequence[bytes]) -> RawBatch:
        offsets = list(range(self._offset, self._offset + len(records)))
        text = key[1] == "2" and records and not any(b"\n" in record for record in records)
        bad = [BadRecord(self._offset + 999, b"x" * 9, "too_large", "9 bytes")] if len(records) == 3 else []
        return RawBatch(*key, offsets, Lines(b"\n".join(records)) if text else list(records), bad)

    def finish(self, records: Sequence[bytes]) -> None:
        """Compare everything else; ``records`` are some that came: neither takes one of them for new."""
        assert self.together.tallies.snapshot() == self.alone.tallies.snapshot()
        assert dict(self.together.prepare.partitions()) == dict(self.alone.prepare.partitions())
        for side in (self.together, self.alone):
            quality = {feed: (one.records, one.share, one.reasons()) for feed, one in side.tallies.quality.items()}
            assert quality == {
                feed: (one.records, one.share, one.reasons()) for feed, one in self.alone.tallies.quality.items()
            }
            side.prepare.snapshot()
        for first in range(0, len(records), 50):
            self.take([(PARTITIONS[first // 50 % 3], records[first : first + 50])])
        assert self.together.tallies.snapshot() == self.alone.tallies.snapshot()


def batches_of(records: Records, rng: random.Random, most: int) -> list[tuple[tuple[str, str], list[bytes]]]:
    """Return a batch for each of some partitions, some of them twice, some with nothing."""
    chosen = sorted(rng.choices(PARTITIONS, k=rng.randrange(1, 7)))
    return [(key, records.batch(rng.choice((0, 1, 3, 20, most)))) for key in chosen]


@MODES
@pytest.mark.parametrize("detectors", [PLAIN, WINDOWS, PLAIN + CASES], ids=["columns", "labels", "cases"])
@pytest.mark.parametrize("odd", [0.0, 0.05, 0.3])
def test_recordings(tmp_path: Path, mode: str, detectors: str, odd: float) -> None:
    both, records, rng = Both(tmp_path, mode, detectors), Records(11, odd, late=0.001), random.Random(3)
    for _ in range(20):
        both.take(batches_of(records, rng, 60))
    both.finish(records.made[-200:])
    assert both.alone.tallies.duplicates > 20
    assert odd == 0.0 or both.alone.tallies.dead_letter_count > 20
    if mode == "on" and odd < 0.3:
        assert both.together.router.as_columns > 500


@MODES
@pytest.mark.parametrize("late", [0.0, 0.02])
def test_live(tmp_path: Path, mode: str, late: float) -> None:
    both, records, rng = Both(tmp_path, mode), Records(12, 0.05, late=late), random.Random(4)
    for _ in range(25):
        batches = batches_of(records, rng, 40)
        both.take(batches, now_us=records.at_us - rng.choice((0, 0, 0, 400_000_000)))
    both.finish([])
    assert both.alone.tallies.dead_letters["crm"]["from_future"] > 5


@given(
    seed=st.integers(0, 2**32),
    odd=st.sampled_from([0.0, 0.05, 0.4]),
    late=st.sampled_from([0.0, 0.01, 0.3]),
    extreme=st.booleans(),
    live=st.booleans(),
    mode=st.sampled_from(["off", "on"]),
)
@settings(max_examples=40, deadline=None)
def test_any_stream(
    tmp_path_factory: pytest.TempPathFactory, seed: int, odd: float, late: float, extreme: bool, live: bool, mode: str
) -> None:
    both = Both(tmp_path_factory.mktemp("both"), mode)
    records, rng = Records(seed, odd, late, extreme=extreme), random.Random(seed)
    for _ in range(4):
        batches = batches_of(records, rng, 12)
        both.take(batches, now_us=records.at_us + 1_000_000 if live else None)
    both.finish(records.made[-50:])


def test_what_was_turned_away_may_come_again_in_the_same_item(tmp_path: Path) -> None:
    """The first of the two is too old for its partition, the second is on time in its own."""
    both, records = Both(tmp_path, "off"), Records(13, 0.0, late=0.0)
    old = records.next()
    records.at_us += 9_000_000_000
    both.take([(PARTITIONS[0], records.batch(5))])
    told = both.take([(PARTITIONS[0], [old]), (PARTITIONS[1], [old])])
    assert both.alone.tallies.dead_letters == {"crm": {"too_late": 1}}
    assert both.together.tallies.duplicates == 0
    assert (both.together.tallies.events, len(told) > 1) == (6, True)


def test_runs_are_of_one_feed_and_no_longer_than_what_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CUTTER, "block_bytes", 100)
    decoder = Both(tmp_path, "off").together.prepare._decoder
    sizes = [("crm", 60), ("crm", 60), ("crm", 60), ("erp", 1), ("crm", 500), ("crm", 1)]
    batches = [RawBatch(feed, "0", [0], [b"x" * size]) for feed, size in sizes]
    found = [[(batch.feed, len(batch.records[0])) for batch in run] for run in decoder.runs(batches)]
    assert found == [[("crm", 60), ("crm", 60)], [("crm", 60)], [("erp", 1)], [("crm", 500)], [("crm", 1)]]


def test_parts_of_events_are_the_same_as_columns_and_as_objects(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    from pipeline.columns.lane import ColumnLane  # noqa: PLC0415
    from pipeline.columns.wants import Wants  # noqa: PLC0415
    from pipeline.decode import Decoder  # noqa: PLC0415

    records = Records(5, 0.05, late=0.0).batch(80)
    wants = Wants(frozenset({"sentiment"}), frozenset(), frozenset(), frozenset())
    batch = RawBatch("crm", "0", list(range(80)), records)
    columns = Decoder({"crm": None}, columns=ColumnLane(wants, "on")).decode(batch).events
    objects = Decoder({"crm": None}).decode(batch).events
    assert isinstance(columns, EventColumns)
    size = len(objects)
    for begin, end in ((0, size), (0, 0), (3, 40), (size, size)):
        assert list(between(columns, begin, end)) == list(between(objects, begin, end))
    assert times_us(columns).tolist() == times_us(objects).tolist()
    import numpy as np  # noqa: PLC0415

    some = np.array([0, 5, 6, size - 1])
    places = [0, 0, 6, 7, size, size]
    expected = [0, 0, 2, 3, 4, 4]
    assert places_among(columns.at(some), columns, places) == expected
    assert places_among([objects[place] for place in some], objects, places) == expected


def test_texts_are_joined_as_texts() -> None:
    found = joined([Lines(b"a\nb"), [], Lines(b"c")])
    assert isinstance(found, Lines)
    assert (found.text, list(found)) == (b"a\nb\nc", [b"a", b"b", b"c"])
    assert list(joined([Lines(b"a"), [b"b\nc"]])) == [b"a", b"b\nc"]
    assert list(joined([Lines.of([b"a", b"b\nc"]), Lines(b"d")])) == [b"a", b"b\nc", b"d"]
    assert joined([[], []]) == []
