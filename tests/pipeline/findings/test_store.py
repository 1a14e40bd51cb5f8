"""The store of findings: what goes in comes out, once, until it is too old or too much."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from detectors.contract import Finding
from pipeline.findings.query import UnreadableError, opened
from pipeline.findings.rows import SCHEMA_VERSION
from pipeline.findings.store import FindingsFormatError, FindingStore
from pipeline.pruning import used_bytes
from tests.support.events import HOUR_US
from tests.support.findings import Recorded, finding

DAY = 24


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "findings.db"


def kept(path: Path) -> list[Finding]:
    """Return all findings in a file, by end and group."""
    found = []
    with opened([path]) as findings:
        for detector, groups in findings.groups().items():
            for group in groups:
                found += findings._of_group(detector, group, "TRUE", (), "ASC", 10_000)
    return sorted(found, key=order)


def order(one: Finding) -> tuple[int, str, list[tuple[str, str]]]:
    return one.end_us, one.detector, sorted(one.group.items())


def rows(path: Path) -> tuple[int, int]:
    """Return how many series and parts there are."""
    with sqlite3.connect(path) as db:
        (series,) = db.execute("SELECT count(*) FROM series").fetchone()
        (parts,) = db.execute("SELECT count(*) FROM parts").fetchone()
    db.close()
    return series, parts


def test_every_finding_of_a_recording_comes_back_as_it_was(recorded: Recorded, path: Path) -> None:
    store = FindingStore(path)
    store.add(recorded.findings)
    store.close()
    assert kept(path) == sorted(recorded.findings, key=order)
    assert {one.verdict for one in recorded.findings} >= {"quiet", "fires", "still_firing", "warming_up"}


def test_adding_again_in_any_batches_and_order_changes_nothing(path: Path) -> None:
    findings = [finding(hour, service=service) for hour in range(1, 6) for service in ("a", "b")]
    store = FindingStore(path)
    store.add(findings)
    before = kept(path)
    store.close()
    again = FindingStore(path)
    for one in reversed(findings):
        again.add([msgspec.structs.replace(one, verdict="fires")])
    again.close()
    assert kept(path) == before


def test_labels_in_another_order_are_the_same_group(path: Path) -> None:
    store = FindingStore(path)
    store.add([finding(1, service="a", region="n"), finding(1, region="n", service="a")])
    store.close()
    assert len(kept(path)) == 1


def test_what_is_added_can_be_read_while_the_file_is_open_and_outlives_a_crash(path: Path) -> None:
    store = FindingStore(path)
    store.add([finding(1)])
    assert len(kept(path)) == 1, "not closed, as after a crash"
    store.close()


def test_findings_of_no_figures_and_odd_ones_come_back(path: Path) -> None:
    bare = finding(1, p_value=None, service="")
    bare = msgspec.structs.replace(bare, details={}, evidence=None, value=None, baseline=None, ready=False)
    odd = msgspec.structs.replace(finding(2, service="ü,=\"'"), details={"a": 1e-300, "b": "text", "c": -5.0})
    store = FindingStore(path)
    store.add([bare, odd])
    store.close()
    assert kept(path) == [bare, odd]


def test_findings_older_than_keep_go_by_event_time_with_what_only_they_used(path: Path) -> None:
    store = FindingStore(path)
    old = msgspec.structs.replace(finding(1, service="gone"), details={"other": 1.0})
    store.add([old, *(finding(DAY * day, service="a") for day in range(1, 8))])
    series, parts = rows(path)
    assert series == 2
    while store.prune(3 * DAY * HOUR_US, 10**9):
        pass
    store.close()
    assert [one.end_us for one in kept(path)] == [finding(DAY * day).end_us for day in (4, 5, 6, 7)]
    assert rows(path) == (1, parts - 1)


def test_what_was_deleted_can_be_added_again(path: Path) -> None:
    store = FindingStore(path)
    store.add([finding(1, service="a"), finding(400, service="b")])
    assert store.prune(HOUR_US, 10**9)
    store.add([finding(1, service="a")])
    store.close()
    assert len(kept(path)) == 2


def test_the_oldest_go_while_all_of_them_take_too_much(path: Path) -> None:
    store = FindingStore(path)
    store.add([finding(hour, service=f"s{number}") for hour in range(1, 41) for number in range(50)])
    most = used_bytes(store.db) // 2
    pruned = 0
    while store.prune(10_000 * HOUR_US, most):
        pruned += 1
        assert pruned < 1000
    left = [one.end_us for one in kept(path)]
    assert used_bytes(store.db) <= most
    store.close()
    assert max(left) == finding(40).end_us
    assert min(left) > finding(10).end_us
    assert len(left) > 500


def test_the_newest_window_is_never_deleted(path: Path) -> None:
    store = FindingStore(path)
    store.add([finding(1), finding(2)])
    while store.prune(0, 1):
        pass
    store.close()
    assert [one.end_us for one in kept(path)] == [finding(2).end_us]


def test_a_finding_that_cannot_be_written_leaves_none_of_its_batch(path: Path) -> None:
    store = FindingStore(path)
    store.add([finding(1)])
    with pytest.raises(sqlite3.IntegrityError):
        store.add([finding(2, service="new"), msgspec.structs.replace(finding(3), level=None)])
    assert len(kept(path)) == 1
    store.add([finding(2, service="new")])
    store.close()
    assert len(kept(path)) == 2


def test_a_file_of_a_later_version_is_left_alone(path: Path) -> None:
    FindingStore(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(FindingsFormatError, match="later version"):
        FindingStore(path)
    with pytest.raises(UnreadableError, match="format"), opened([path]):
        pass
