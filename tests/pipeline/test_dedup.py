from pathlib import Path

import pytest

from detectors.events import Event
from pipeline.dedup import ChangelogDamagedError, Deduplicator
from tests.support.events import HOUR_US, MINUTE_US, START_US, make_event


def post(event_id: str, *, source: str = "x", rev: int = 0) -> Event:
    return make_event("social.post", event_id, START_US, {"sentiment": 0.5}, source=source, rev=rev)


def fresh(dedup: Deduplicator, events: list[Event], newest_us: int = START_US) -> list[str]:
    return [event.id for event in dedup.fresh(events, newest_us)]


def test_a_repeat_is_dropped_within_a_batch_and_across_batches() -> None:
    dedup = Deduplicator(HOUR_US)
    assert fresh(dedup, [post("a"), post("b"), post("a")]) == ["a", "b"]
    assert fresh(dedup, [post("b"), post("c")]) == ["c"]


def test_the_same_id_from_another_source_is_another_event() -> None:
    dedup = Deduplicator(HOUR_US)
    fresh(dedup, [post("a")])
    assert fresh(dedup, [post("a", source="y")]) == ["a"]


def test_a_new_revision_is_another_event_and_its_repeat_is_not() -> None:
    dedup = Deduplicator(HOUR_US)
    fresh(dedup, [post("a")])
    assert fresh(dedup, [post("a", rev=1)]) == ["a"]
    assert fresh(dedup, [post("a", rev=1)]) == []


def test_an_id_is_remembered_until_the_horizon_has_passed_it_and_not_for_ever() -> None:
    dedup = Deduplicator(HOUR_US)
    dedup.advance(START_US)
    fresh(dedup, [post("a")])
    for minutes in range(61):
        dedup.advance(START_US + minutes * MINUTE_US)
        assert fresh(dedup, [post("a")]) == []
    dedup.advance(START_US + 2 * HOUR_US)
    dedup.advance(START_US + 3 * HOUR_US)
    assert fresh(dedup, [post("a")]) == ["a"]


def test_ids_are_held_for_little_more_than_the_horizon(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path)
    for minute in range(600):
        now_us = START_US + minute * MINUTE_US
        dedup.advance(now_us)
        assert fresh(dedup, [post(f"{minute}")], now_us) == [f"{minute}"]
        assert dedup._current.hot + sum(recent.count for recent in dedup._others) <= 77
    for minute in range(600 - 60, 600):
        assert fresh(dedup, [post(f"{minute}")], START_US) == []


def test_an_event_that_is_forgotten_is_fresh_again_also_after_a_restore(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path)
    fresh(dedup, [post("a"), post("b")])
    dedup.forget(post("a"))
    restored = Deduplicator(HOUR_US, tmp_path)
    restored.restore(dedup.snapshot())
    assert fresh(restored, [post("a"), post("b")]) == ["a"]


def test_a_changelog_left_by_a_run_that_committed_nothing_is_overwritten(tmp_path: Path) -> None:
    lost = Deduplicator(HOUR_US, tmp_path)
    fresh(lost, [post("lost-1"), post("lost-2")])
    lost.snapshot()  # on disk; then killed before the engine committed: there is nothing to restore
    second = Deduplicator(HOUR_US, tmp_path)
    fresh(second, [post("kept")])
    third = Deduplicator(HOUR_US, tmp_path)
    third.restore(second.snapshot())
    assert fresh(third, [post("kept"), post("lost-1")]) == ["lost-1"]


def test_the_snapshot_before_the_last_can_be_restored_however_fast_time_ran_between_them(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path)
    dedup.advance(START_US)
    fresh(dedup, [post("a")])
    committed = dedup.snapshot()
    for hours in range(1, 9):  # a replay at full speed: many horizons within one epoch
        dedup.advance(START_US + hours * HOUR_US)
        fresh(dedup, [post(f"later-{hours}")])
    dedup.snapshot()  # killed before the engine committed this one
    restored = Deduplicator(HOUR_US, tmp_path)
    restored.restore(committed)
    assert fresh(restored, [post("a"), post("b")]) == ["b"]
    assert len(list(tmp_path.glob("seen-*.log"))) == 1, "what was not committed is removed"


def test_changelogs_of_forgotten_ids_are_removed(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path)
    for hours in range(20):
        dedup.advance(START_US + hours * HOUR_US)
        fresh(dedup, [post(f"{hours}")], START_US + hours * HOUR_US)
        dedup.snapshot()
    assert len(list(tmp_path.glob("seen-*.log"))) <= 7


def test_restoring_forgets_exactly_what_came_after_the_snapshot(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path)
    dedup.advance(START_US)
    fresh(dedup, [post("a")])
    state = dedup.snapshot()
    fresh(dedup, [post("b")])
    dedup.snapshot()
    restored = Deduplicator(HOUR_US, tmp_path)
    restored.restore(state)
    assert fresh(restored, [post("a"), post("b")]) == ["b"]


def test_restoring_survives_a_change_of_generation_after_the_snapshot(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path)
    dedup.advance(START_US)
    fresh(dedup, [post("a")])
    state = dedup.snapshot()
    for hours in range(1, 3):
        dedup.advance(START_US + hours * HOUR_US)
        fresh(dedup, [post(f"later-{hours}")])
        dedup.snapshot()
    restored = Deduplicator(HOUR_US, tmp_path)
    restored.restore(state)
    assert fresh(restored, [post("a"), post("later-1"), post("later-2")]) == ["later-1", "later-2"]
    restored.advance(START_US + HOUR_US)
    fresh(restored, [post("again")])
    again = Deduplicator(HOUR_US, tmp_path)
    again.restore(restored.snapshot())
    assert fresh(again, [post("a"), post("later-1"), post("again"), post("new")]) == ["new"]


def test_a_changelog_that_was_cut_from_outside_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path)
    fresh(dedup, [post("a")])
    state = dedup.snapshot()
    (changelog,) = tmp_path.glob("seen-*.log")
    changelog.write_bytes(b"")
    with pytest.raises(ChangelogDamagedError, match=r"seen-.*\.log"):
        Deduplicator(HOUR_US, tmp_path).restore(state)
