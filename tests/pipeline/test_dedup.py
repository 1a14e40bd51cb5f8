from pathlib import Path

import pytest

from detectors.events import Event
from pipeline.dedup import ChangelogDamagedError, Deduplicator
from tests.support.events import HOUR_US, START_US, make_event


def post(event_id: str, *, source: str = "x", rev: int = 0) -> Event:
    return make_event("social.post", event_id, START_US, {"sentiment": 0.5}, source=source, rev=rev)


def ids(events: object) -> list[str]:
    return [event.id for event in events]  # type: ignore[attr-defined]


def test_a_repeat_is_dropped_within_a_batch_and_across_batches() -> None:
    dedup = Deduplicator(HOUR_US)
    assert ids(dedup.fresh([post("a"), post("b"), post("a")])) == ["a", "b"]
    assert ids(dedup.fresh([post("b"), post("c")])) == ["c"]


def test_the_same_id_from_another_source_is_another_event() -> None:
    dedup = Deduplicator(HOUR_US)
    dedup.fresh([post("a")])
    assert ids(dedup.fresh([post("a", source="y")])) == ["a"]


def test_a_new_revision_is_another_event_and_its_repeat_is_not() -> None:
    dedup = Deduplicator(HOUR_US)
    dedup.fresh([post("a")])
    assert ids(dedup.fresh([post("a", rev=1)])) == ["a"]
    assert ids(dedup.fresh([post("a", rev=1)])) == []


def test_an_id_is_remembered_for_at_least_the_horizon_and_not_for_ever() -> None:
    dedup = Deduplicator(HOUR_US)
    dedup.advance(START_US)
    dedup.fresh([post("a")])
    dedup.advance(START_US + HOUR_US)
    assert ids(dedup.fresh([post("a")])) == []
    dedup.advance(START_US + 2 * HOUR_US)
    dedup.advance(START_US + 3 * HOUR_US)
    assert ids(dedup.fresh([post("a")])) == ["a"]


def test_restoring_forgets_exactly_what_came_after_the_snapshot(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path)
    dedup.advance(START_US)
    dedup.fresh([post("a")])
    state = dedup.snapshot()
    dedup.fresh([post("b")])
    dedup.snapshot()
    restored = Deduplicator(HOUR_US, tmp_path)
    restored.restore(state)
    assert ids(restored.fresh([post("a"), post("b")])) == ["b"]


def test_restoring_survives_a_change_of_generation_after_the_snapshot(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path)
    dedup.advance(START_US)
    dedup.fresh([post("a")])
    state = dedup.snapshot()
    for hours in range(1, 3):
        dedup.advance(START_US + hours * HOUR_US)
        dedup.fresh([post(f"later-{hours}")])
        dedup.snapshot()
    restored = Deduplicator(HOUR_US, tmp_path)
    restored.restore(state)
    assert ids(restored.fresh([post("a"), post("later-1"), post("later-2")])) == ["later-1", "later-2"]
    restored.advance(START_US + HOUR_US)
    restored.fresh([post("again")])
    again = Deduplicator(HOUR_US, tmp_path)
    again.restore(restored.snapshot())
    assert ids(again.fresh([post("a"), post("later-1"), post("again"), post("new")])) == ["new"]


def test_a_changelog_that_was_cut_from_outside_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    dedup = Deduplicator(HOUR_US, tmp_path)
    dedup.fresh([post("a")])
    state = dedup.snapshot()
    (changelog,) = tmp_path.glob("seen-*.log")
    changelog.write_bytes(b"")
    with pytest.raises(ChangelogDamagedError, match=r"seen-.*\.log"):
        Deduplicator(HOUR_US, tmp_path).restore(state)
