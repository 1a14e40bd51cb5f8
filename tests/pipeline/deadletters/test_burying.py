import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog.testing

from config.settings import DeadLetterSettings
from pipeline import burying, pruning
from pipeline.burying import PRUNE_EVERY_US, Undertaker
from pipeline.deadletters import DeadLetters, DeadLettersUnwritableError
from pipeline.feeds.requeue import RequeueFeed
from pipeline.letters import DeadLetter, LetterFilter
from pipeline.reasons import Reason

DAY_US = 86_400_000_000
LETTER = DeadLetter("crm", "p", 1, 0, os.urandom(300_000), Reason.INVALID_JSON, "d")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of four megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "makegood-test", folder], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip(f"no small file system can be mounted here: {mounted.stderr.decode().strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


class Waiting:
    """Waits by doing something; notes what the undertaker tells."""

    def __init__(self, *then: object) -> None:
        self.then = list(then)
        self.told: list[str | None] = []
        self.pauses: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        step = self.then.pop(0)
        if callable(step):
            step()
        return step is True


def undertaker(store: DeadLetters, waiting: Waiting, now_us: int = 100 * DAY_US, **settings: object) -> Undertaker:
    given = DeadLetterSettings.model_validate(settings)
    return Undertaker(store, given, wait=waiting.wait, clock_us=lambda: now_us, tell=waiting.told.append)


def test_on_a_full_disk_letters_wait_until_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    with DeadLetters(small_disk / "letters.db") as store, structlog.testing.capture_logs() as logs:
        free = os.statvfs(small_disk)
        ballast.write_bytes(b"x" * (free.f_bavail * free.f_frsize - 100_000))
        waiting = Waiting(None, None, ballast.unlink)
        undertaker(store, waiting).bury([LETTER])
        assert store.counts() == {"crm": {"invalid_json": 1}}
        kept = store.get(1)
        assert kept is not None
        assert kept.raw == LETTER.raw
    assert waiting.pauses == [0.5, 1.0, 2.0]
    assert [bool(why) for why in waiting.told] == [True, False]
    assert "make room" in str(waiting.told[0])
    assert [entry["event"] for entry in logs] == ["deadletters.unwritable", "deadletters.writable"]


def limited(store: DeadLetters, pages: int) -> None:
    store._db.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_store_keeps_all_letters_of_a_batch_or_none(tmp_path: Path) -> None:
    with DeadLetters(tmp_path / "letters.db") as store:
        limited(store, 40)
        small = DeadLetter("crm", "p", 2, 0, b"x", Reason.INVALID_JSON, "d")
        with pytest.raises(DeadLettersUnwritableError, match="full"):
            store.add([small, LETTER], 1)
        assert store.counts() == {}
        waiting = Waiting(lambda: limited(store, 10_000))
        undertaker(store, waiting).bury([small, LETTER])
        assert store.counts() == {"crm": {"invalid_json": 2}}


def test_a_stop_ends_the_waiting_with_the_reason(tmp_path: Path) -> None:
    with DeadLetters(tmp_path / "letters.db") as store:
        limited(store, 40)
        with pytest.raises(DeadLettersUnwritableError, match="full"):
            undertaker(store, Waiting(None, True)).bury([LETTER])


def test_a_store_that_somebody_else_holds_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    with DeadLetters(path) as store:
        store._db.execute("PRAGMA busy_timeout = 1")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        undertaker(store, Waiting(lambda: other.execute("COMMIT"))).bury([LETTER])
        other.close()
        assert store.counts() == {"crm": {"invalid_json": 1}}


def test_an_error_that_does_not_pass_is_not_waited_for(tmp_path: Path) -> None:
    with DeadLetters(tmp_path / "letters.db") as store:
        store._db.execute("DROP TABLE letters")
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            undertaker(store, Waiting()).bury([LETTER])


def test_requeued_letters_wait_on_a_full_disk_too(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    with DeadLetters(path) as store:
        store.add([LETTER], 1)
        store.requeue(LetterFilter(), at_us=2)
        feed = RequeueFeed("crm", path)
        feed.open({})
        inner = feed._letters
        assert inner is not None
        inner._db.execute("PRAGMA busy_timeout = 1")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with structlog.testing.capture_logs() as logs:
            assert feed.poll(10) == feed.poll(10) == []
        assert [entry["event"] for entry in logs] == ["requeue.waits"]
        other.execute("COMMIT")
        other.close()
        assert len(feed.poll(10)) == 1
        feed.close()


def test_old_letters_go_now_and_then_and_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 10)
    monkeypatch.setattr(burying, "PRUNED_AT_ONCE", 20)
    now_us = 100 * DAY_US
    with DeadLetters(tmp_path / "letters.db") as store, structlog.testing.capture_logs() as logs:
        keeper = undertaker(store, Waiting(), keep="2d")
        for number in range(50):
            seen_us = now_us - (3 if number < 45 else 1) * DAY_US
            store.add([DeadLetter("crm", "p", number, 0, b"x", Reason.TOO_LATE, "d")], seen_us)
        keeper.look(now_us)
        assert store.counts() == {"crm": {"too_late": 30}}
        keeper.look(now_us)
        keeper.look(now_us)
        assert store.counts() == {"crm": {"too_late": 5}}
        keeper.look(now_us + DAY_US)
        keeper.look(now_us + 2 * DAY_US)
        assert store.counts() == {}
        assert keeper.pruned == {"crm": {"too_late": 50}}
        store.add([LETTER], now_us)
        keeper.look(now_us + 2 * DAY_US + PRUNE_EVERY_US - 1)
        assert len(store.page()) == 1
    assert {entry["event"] for entry in logs} == {"deadletters.pruned"}
    assert sum(entry["letters"] for entry in logs) == 50


def test_pruning_that_fails_is_told_once_and_stops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    with DeadLetters(path) as store, structlog.testing.capture_logs() as logs:
        store.add([LETTER], 0)
        store._db.execute("PRAGMA busy_timeout = 1")
        keeper = undertaker(store, Waiting())
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for minute in range(3):
            keeper.look(100 * DAY_US + minute * PRUNE_EVERY_US)
        other.execute("COMMIT")
        other.close()
        keeper.look(101 * DAY_US)
        assert store.counts() == {}
    assert [entry["event"] for entry in logs] == ["deadletters.not_pruned", "deadletters.pruned"]
