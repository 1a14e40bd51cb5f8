"""Ids that are no longer recent: how little they take, how little is done at a time, and what proves them."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import msgspec
import numpy as np
import pytest

from detectors.events import Event
from pipeline.dedup import ChangelogDamagedError, Deduplicator, Sizes
from pipeline.ids.asked import Sources, Uints
from pipeline.ids.changelog import Changelog
from pipeline.ids.generation import Generation
from pipeline.ids.segment import Segment, Wanted, merged, slots
from tests.support.events import HOUR_US, START_US, make_event

SIZES = Sizes(hot=100, block=20, fan_in=4, largest=1_000, step=20, spill=40, cached=50)
BATCH = 10
TEMPLATE = make_event("social.post", "id", START_US, {"sentiment": 0.5}, source="x")


def posts(first: int, count: int) -> list[Event]:
    return [msgspec.structs.replace(TEMPLATE, id=f"{number}") for number in range(first, first + count)]


def take(dedup: Deduplicator, first: int, count: int) -> int:
    """Send events in batches; return how many were fresh."""
    fresh = 0
    for start in range(first, first + count, BATCH):
        fresh += len(dedup.fresh(posts(start, min(BATCH, first + count - start)), START_US))
        dedup.advance(START_US)
    return fresh


def settle(dedup: Deduplicator) -> None:
    while dedup._work is not None:
        dedup.advance(START_US)


def test_recent_ids_stay_whole_and_older_ones_become_few_segments(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    most = 0
    for start in range(0, 5_000, BATCH):
        assert take(dedup, start, BATCH) == BATCH
        most = max(most, dedup._current.recent.count + dedup._current.sealing.count)
        assert len(dedup._current.segments) <= 5_000 / (SIZES.largest) + 2 * SIZES.fan_in
        assert dedup._current.unwritten < SIZES.spill + BATCH
    assert most <= 3 * SIZES.hot
    settle(dedup)
    assert sum(map(len, dedup._current.segments)) + dedup._current.hot == 5_000
    assert take(dedup, 0, 5_000) == 0


def test_few_ids_are_never_sealed(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    take(dedup, 0, SIZES.hot)
    restored = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    restored.restore(dedup.snapshot())
    take(restored, 0, 50)
    assert not dedup._with_segments


def test_a_sealed_id_takes_12_bytes() -> None:
    segment = run_out(np.sort(slots(hashes(""), 3)))
    assert segment.nbytes <= 12 * 50_000


def test_one_new_id_in_hundreds_at_most_passes_the_filter() -> None:
    segment = run_out(np.sort(slots(hashes(""), 3)))
    new = Wanted(hashes("new-"))
    with mock.patch("pipeline.ids.segment.np.argsort", side_effect=np.argsort) as passed:
        segment.find(new)
    ((candidates,), _) = passed.call_args
    assert len(candidates) < 50_000 / 300


def hashes(prefix: str) -> Uints:
    return Sources(hash).strings("x", [f"{prefix}{number}" for number in range(50_000)]).hashes


def run_out(part: Uints) -> Segment:
    made: list[Segment] = []

    def whole() -> Iterator[int]:
        made.append((yield from merged([part], 1_000)))

    assert sum(whole()) <= len(part)
    return made[0]


def test_little_is_done_at_a_time(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    with (
        mock.patch.object(Generation, "_slots", autospec=True, side_effect=Generation._slots) as block,
        mock.patch.object(Changelog, "block", autospec=True) as read,
    ):
        for start in range(0, 3_000, BATCH):
            before = block.call_count
            take(dedup, start, BATCH)
            assert block.call_count - before <= 1 + 4 * BATCH // SIZES.block
        assert block.call_count > 100
    assert not read.called, "what is in memory is not read back"


def test_a_whole_topic_that_comes_again_reads_each_block_once(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    take(dedup, 0, 3_000)
    settle(dedup)
    with mock.patch.object(Changelog, "block", autospec=True, side_effect=Changelog.block) as block:
        assert take(dedup, 0, 3_000) == 0
    log = dedup._current.log
    assert log is not None
    assert 100 < block.call_count <= log.blocks


def test_new_ids_read_nothing_from_the_disk(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    take(dedup, 0, 3_000)
    settle(dedup)
    with mock.patch.object(Changelog, "block", autospec=True) as block:
        assert len(dedup.fresh(posts(10_000, 2_000), START_US)) == 2_000
    assert not block.called


def test_an_id_that_is_taken_out_after_it_was_sealed_is_fresh_at_once_and_after_a_restart(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    take(dedup, 0, 500)
    settle(dedup)
    dedup.forget(posts(7, 1)[0])
    state = dedup.snapshot()
    dedup.forget(posts(8, 1)[0])
    assert [event.id for event in dedup.fresh(posts(0, 20), START_US)] == ["7", "8"]
    assert dedup.fresh(posts(0, 20), START_US) == []
    restored = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    restored.restore(state)
    assert [event.id for event in restored.fresh(posts(0, 20), START_US)] == ["7"]


def test_events_that_are_turned_away_leave_nothing_behind(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    for start in range(0, 1_000, BATCH):
        for event in dedup.fresh(posts(start, BATCH), START_US):
            dedup.forget(event)
        dedup.advance(START_US)
    dedup.snapshot()
    assert dedup._current.length == 0
    assert not dedup._current._gone
    recent = dedup._current.recent
    assert not len(recent.alive(0, recent.count))


def test_a_changelog_that_was_changed_while_it_is_needed_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    take(dedup, 0, 500)
    settle(dedup)
    (path,) = tmp_path.glob("seen-*.log")
    content = bytearray(path.read_bytes())
    content[30] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ChangelogDamagedError, match=r"seen-00000000\.log is damaged at byte 0: "):
        dedup.fresh(posts(0, 1), START_US)
    path.unlink()
    with pytest.raises(ChangelogDamagedError, match=r"seen-00000000\.log is damaged"):
        dedup.fresh(posts(30, 1), START_US)
    with pytest.raises(ChangelogDamagedError, match=r"seen-00000000\.log is damaged"):
        take(dedup, 1_000, 100)


@pytest.mark.parametrize("at", [2, 6, 30, -20])
def test_a_changelog_with_other_bytes_is_refused(tmp_path: Path, at: int) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    take(dedup, 0, 500)
    state = dedup.snapshot()
    (path,) = tmp_path.glob("seen-*.log")
    content = bytearray(path.read_bytes())
    content[at] ^= 0x01
    path.write_bytes(content)
    with pytest.raises(ChangelogDamagedError, match=r"seen-00000000\.log is damaged at byte "):
        Deduplicator(HOUR_US, tmp_path, sizes=SIZES).restore(state)


def test_changelogs_of_0_1_without_checksums_are_read_and_sealed(tmp_path: Path) -> None:
    content = b""
    for entries in (
        [("x", [f"{number}" for number in range(250)], True)],
        [("x", ["3", "240"], False), ("y", ["1"], True), ("x", ["3"], True)],
        [("x", [f"{number}" for number in range(250, 400)], True), ("x", ["399"], False)],
    ):
        payload = msgspec.msgpack.encode(entries)
        content += len(payload).to_bytes(4, "big") + payload
    (tmp_path / "seen-00000000.log").write_bytes(content)
    dedup = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    dedup.restore([START_US, [[0, len(content), START_US]]])
    assert dedup._with_segments
    assert [event.id for event in dedup.fresh(posts(0, 401), START_US)] == ["240", "399", "400"]
    take(dedup, 1_000, 300)
    assert take(dedup, 0, 401) == 0


def test_restoring_many_ids_needs_memory_for_the_recent_ones_only(tmp_path: Path) -> None:
    sizes = Sizes(hot=1_000, block=100, fan_in=8, largest=20_000, step=100, spill=400, cached=200)
    dedup = Deduplicator(HOUR_US, tmp_path, sizes=sizes)
    dedup.advance(START_US)
    for start in range(0, 40_000, 400):
        dedup.fresh(posts(start, 400), START_US)
        dedup.advance(START_US)
    state = dedup.snapshot()
    restored = Deduplicator(HOUR_US, tmp_path, sizes=sizes)
    tracemalloc.start()
    try:
        restored.restore(state)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now < 40_000 * 20
    assert peak < now + 8_000 * 40
    assert take(restored, 0, 40_000) == 0


def test_ids_of_a_generation_that_is_over_are_forgotten_in_the_middle_of_sealing(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    dedup.advance(START_US)
    take(dedup, 0, SIZES.hot + BATCH)
    assert dedup._work is not None
    for hours in range(1, 4):
        dedup.advance(START_US + hours * HOUR_US)
    assert dedup.fresh(posts(0, 100), START_US + 4 * HOUR_US) == posts(0, 100)


def test_recent_ids_of_an_older_generation_are_sealed_first(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path, sizes=SIZES)
    dedup.advance(START_US)
    take(dedup, 0, 60)
    dedup.advance(START_US + HOUR_US)
    take(dedup, 60, 60)
    settle(dedup)
    (older,) = dedup._older
    assert (older.hot, sum(map(len, older.segments)), dedup._current.hot) == (0, 60, 60)
    assert take(dedup, 0, 120) == 0


def test_without_a_folder_all_ids_stay_in_memory() -> None:
    dedup = Deduplicator(HOUR_US, sizes=SIZES)
    assert take(dedup, 0, 1_000) == 1_000
    assert take(dedup, 0, 1_000) == 0
