from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from pipeline.feeds.contract import Status
from pipeline.feeds.sql_tables import reader as sql_reader
from tests.pipeline.feeds_sql.reading import Reading, database, fill
from tests.support.patience import PATIENCE_S

UNREACHABLE = Status.UNREACHABLE


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_reader, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(sql_reader, "LONGEST_WAIT_S", 0.02)


def test_a_database_that_is_away_is_told_once_and_read_when_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    with structlog.testing.capture_logs() as logs, Reading(f"sqlite:///{path}") as reading:
        reading.until(lambda: reading.status is UNREACHABLE)
        assert not path.exists()
        assert "there is no file" in reading.feed.why_unreachable()["tickets"]
        aside = tmp_path / "aside.db"
        whole = database(aside)
        fill(whole, range(3))
        whole.close()
        aside.rename(path)  # with its table, or there would be two things to tell of
        assert reading.sweep().ids() == [0, 1, 2]
        moved = path.rename(tmp_path / "away.db")
        reading.until(lambda: reading.status is UNREACHABLE)
        moved.rename(path)
        fill(database(path), range(3, 5))
        reading.until(lambda: reading.status is not UNREACHABLE)
        assert reading.sweep().ids() == [0, 1, 2, 3, 4]
        assert reading.feed.why_unreachable() == {}
    events = [entry["event"] for entry in logs]
    assert events == ["sql.unreachable", "sql.reachable"] * 2
    assert "there is no file" in logs[0]["reason"]


def test_after_an_outage_the_table_is_not_caught_up_before_it_was_read_again(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    fill(database(path), range(3))
    with Reading(f"sqlite:///{path}") as reading:
        reading.sweep()
        reader = reading.feed._reader
        assert reader is not None
        reader.outages += 1  # came and went while nobody asked
        assert reading.status is Status.READING
        assert reading.sweep().status is Status.CAUGHT_UP


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"table": "none"}, "no such table"),
        ({"mark": "created"}, "created"),
        ({"key": "nr"}, "nr"),
        ({"mark": "what"}, "not a time like"),
        ({"mark": "at"}, "zone: Europe/London"),
    ],
)
def test_settings_that_do_not_fit_the_table_are_told_and_tried_again(
    tmp_path: Path, settings: dict[str, Any], told: str
) -> None:
    path = tmp_path / "crm.db"
    fill(database(path), range(3))
    with structlog.testing.capture_logs() as logs, Reading(f"sqlite:///{path}", **settings) as reading:
        reading.until(lambda: reading.status is UNREACHABLE)
    assert told in logs[0]["reason"]
    assert len(logs) == 1


def test_after_an_outage_within_a_sweep_reading_goes_on_where_it_was_less_the_overlap(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    db = database(path)
    fill(db, range(200))
    with Reading(f"sqlite:///{path}", batch=10, overlap_numbers=15) as reading:
        reading.until(lambda: len(reading.rows) >= 60)
        # The reader is at most a few pages ahead.
        db.execute("ALTER TABLE tickets RENAME TO away")
        reading.until(lambda: reading.status is UNREACHABLE)
        before = len(reading.rows)
        assert before < 200
        db.execute("ALTER TABLE away RENAME TO tickets")
        reading.sweep()
    assert reading.ids()[:before] == list(range(before))
    assert reading.ids()[before:] == list(range(before - 16, 200))


def test_a_database_that_does_not_answer_is_unreachable_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "crm.db"
    db = database(path, wal=False)
    fill(db, range(3))
    # Its own patience is longer than ours: else it would soon say for itself that it is locked.
    with Reading(f"sqlite:///{path}?timeout={PATIENCE_S}", timeout="1s") as reading:
        reading.sweep()
        db.execute("BEGIN EXCLUSIVE")
        db.execute("INSERT INTO tickets VALUES (9, 'x', 'y')")
        reading.until(lambda: reading.status is UNREACHABLE)
        assert reading.feed.why_unreachable() == {"tickets": "the database has not answered for 1s"}
        db.execute("COMMIT")
        assert reading.sweep().ids() == [0, 1, 2, 9]


def test_nulls_are_counted_once_and_going_back_is_told(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    db = database(path)
    fill(db, range(2_000, 2_003))
    db.execute("INSERT INTO tickets VALUES (NULL, NULL, 'x')")
    with structlog.testing.capture_logs() as logs, Reading(f"sqlite:///{path}") as reading:
        reading.sweep().sweep()
        db.execute("DELETE FROM tickets WHERE id IS NOT NULL")
        fill(db, range(7))
        reading.sweep().sweep()
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("sql.null_marks", "warning"),
        ("sql.mark_went_back", "error"),
    ]
    assert logs[0]["rows"] == 1
    assert reading.ids() == [2_000, 2_001, 2_002, *range(7)]


def test_a_mistake_of_ours_in_the_thread_is_not_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database(tmp_path / "crm.db"), range(3))

    def broken(*_: object) -> None:
        msg = "a mistake"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr("pipeline.feeds.sql_tables.sweep.Sweeper.sweep", broken)
    with Reading(f"sqlite:///{tmp_path}/crm.db") as reading, pytest.raises(RuntimeError, match=r"thread .* has died"):
        reading.until(lambda: False)


def test_reading_waits_for_whoever_polls_and_holds_few_pages(tmp_path: Path) -> None:
    fill(database(tmp_path / "crm.db"), range(1_000))
    with Reading(f"sqlite:///{tmp_path}/crm.db", batch=10, recording=True) as reading:
        reader = reading.feed._reader
        assert reader is not None
        reading.until(lambda: reading.poll(1) == 1)
        for _ in range(50):
            assert reader.pages.qsize() <= sql_reader.PAGES_AHEAD
            reading.poll(7)
        assert reading.to_end().ids() == list(range(1_000))
