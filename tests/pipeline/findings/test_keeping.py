"""Findings of a running flow: whatever happens to their file, the flow goes on."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import FindingsSettings
from pipeline.findings import keeping
from pipeline.findings.keeping import FindingKeeper
from pipeline.findings.query import opened
from pipeline.findings.store import FindingStore
from tests.support.findings import finding


class Desk:
    """A keeper, and what it told."""

    def __init__(self, path: Path, **settings: object) -> None:
        self.told: list[str | None] = []
        self.path = path
        self.keeper = FindingKeeper(
            path,
            FindingsSettings.model_validate(settings),
            windows=frozenset({"mood"}),
            tell=self.told.append,
        )

    def take(self, *hours: int) -> None:
        self.keeper.take([finding(hour) for hour in hours])

    def kept(self) -> int:
        with sqlite3.connect(self.path) as db:
            (count,) = db.execute("SELECT count(*) FROM findings").fetchone()
        db.close()
        return int(count)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "findings.db")
    yield desk
    desk.keeper.close()


def test_findings_are_written_before_an_epoch_is_committed(desk: Desk) -> None:
    desk.take(1, 2)
    assert not desk.path.exists()
    desk.keeper.settle()
    assert desk.kept() == 2


def test_many_findings_are_written_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 3)
    desk.take(1, 2, 3, 4)
    assert desk.kept() == 4


def test_what_case_detectors_find_is_counted_only(desk: Desk) -> None:
    desk.keeper.take([finding(1, detector="repeat_contact", p_value=None), finding(1)])
    desk.keeper.settle()
    assert desk.kept() == 1
    assert desk.keeper.counts.verdicts["repeat_contact", "too_few"] == 1


def test_with_keep_0_nothing_is_kept_and_all_is_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "findings.db", keep="0s")
    desk.take(1)
    desk.keeper.close()
    assert not desk.path.exists()
    assert desk.keeper.counts.windows == {"mood": 1}


def test_while_somebody_holds_the_file_findings_wait_and_it_is_told_once(desk: Desk) -> None:
    desk.take(1)
    desk.keeper.settle()
    other = sqlite3.connect(desk.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for hour in (2, 3):
        desk.take(hour)
        desk.keeper.settle()
    other.execute("ROLLBACK")
    other.close()
    assert len(desk.told) == 1
    assert "locked" in str(desk.told[0])
    desk.keeper.settle()
    assert (desk.told[1:], desk.kept(), desk.keeper.counts.dropped) == ([None], 3, 0)


def test_a_full_disk_drops_the_oldest_with_a_count(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [f"s{number}" for number in range(50)]
    monkeypatch.setattr(keeping, "MOST_WAITING", 5 * len(groups))

    class FullStore(FindingStore):
        def __init__(self, path: Path) -> None:
            super().__init__(path)
            self.db.execute("PRAGMA max_page_count = 1")

    monkeypatch.setattr(keeping, "FindingStore", FullStore)
    for hour in range(1, 9):
        desk.keeper.take([finding(hour, service=service) for service in groups])
        desk.keeper.settle()
    assert "full" in str(desk.told[0])
    assert desk.keeper.counts.dropped == 3 * len(groups)
    monkeypatch.undo()
    desk.keeper.settle()
    assert desk.told[-1] is None
    with opened([desk.path]) as findings:
        ends = [one.end_us for one in findings._of_group("mood", {"service": "s7"}, "TRUE", (), "ASC", 100)]
    assert ends == [finding(hour).end_us for hour in range(4, 9)]


def test_a_place_that_cannot_be_written_is_a_trouble_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where a folder should be")
    desk = Desk(tmp_path / "var" / "findings.db")
    desk.take(1)
    desk.keeper.settle()
    assert "cannot be kept" in str(desk.told[0])
    desk.keeper.close()
    assert desk.keeper.counts.dropped == 1


def test_a_file_that_is_none_of_ours_is_a_trouble_until_it_is_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "findings.db"
    path.write_bytes(b"something else altogether" * 100)
    desk = Desk(path)
    desk.take(1)
    desk.keeper.settle()
    assert "not a database" in str(desk.told[0])
    path.unlink()
    desk.keeper.settle()
    assert (desk.told[-1], desk.kept()) == (None, 1)
    desk.keeper.close()


def test_a_file_that_is_deleted_under_a_running_flow_begins_anew(desk: Desk) -> None:
    desk.take(1)
    desk.keeper.settle()
    for leftover in desk.path.parent.glob("findings.db*"):
        leftover.unlink()
    desk.take(2)
    desk.keeper.settle()
    assert desk.kept() == 1


def test_old_findings_go_now_and_then(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "findings.db", keep="2h")
    desk.take(1, 2, 3, 4, 5)
    desk.keeper.settle()
    now_us = 10**15
    desk.keeper.look(now_us)
    assert desk.kept() == 3
    desk.take(6, 7)
    desk.keeper.settle()
    desk.keeper.look(now_us + 1)
    assert desk.kept() == 3, "where more may be left, the next look comes at once"
    desk.keeper.look(now_us + 2)
    desk.take(8)
    desk.keeper.settle()
    desk.keeper.look(now_us + 3)
    assert desk.kept() == 4, "otherwise after a while"
    desk.keeper.look(now_us + 2 + keeping.PRUNE_EVERY_US)
    assert desk.kept() == 3
    desk.keeper.close()
