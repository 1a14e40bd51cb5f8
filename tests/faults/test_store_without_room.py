"""The disk of Redis is full: changes wait, whoever asks is told why, and they are stored when there is room."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.connection import StoreUnavailableError, connect
from alerts.embedded_redis import EmbeddedRedis
from alerts.store import AlertStore
from config.delivery import StoreSettings
from detectors.contract import AlertChange
from pipeline.storing import Storer
from tests.faults.flowing import Changes, running, settle, stored, until, write_files, write_live
from tests.faults.volumes import Filler, small_disk
from tests.support.alerts import change
from tests.support.own_redis import OwnRedis
from tests.support.patience import PATIENCE_S

DISK_BYTES = 24_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "var" / "redis", DISK_BYTES) as folder:
        yield folder


class Writing:
    """A storer at work in a thread of its own, and what it was told to tell."""

    def __init__(self, store: AlertStore) -> None:
        self.told: list[str | None] = []
        self._stop = threading.Event()
        self._storer = Storer(store, wait=self._stop.wait, tell=self.told.append, clock_s=lambda: 0.0)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self.written: list[AlertChange] = []

    def __enter__(self) -> "Writing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)

    def _write(self) -> None:
        for number in range(10_000):
            if self._stop.is_set():
                return
            one = change(step=f"step-{number}", case=str(number), filler="x" * 1000)
            try:
                self._storer.apply([one])
            except StoreUnavailableError:
                return  # the test is over
            self.written.append(one)

    def until_it_waits(self, why: str) -> None:
        until(lambda: self.told and why in str(self.told[-1]))

    def until_it_goes_on(self) -> None:
        so_many = len(self.written)
        until(lambda: len(self.written) > so_many + 5 and self.told[-1] is None)

    def all_are_in(self, store: AlertStore) -> bool:
        return all(store.get(one.fingerprint) is not None for one in list(self.written))


def test_the_embedded_redis_gives_up_is_started_again_and_has_everything(disk: Path) -> None:
    with EmbeddedRedis(disk.parent) as server:
        store = AlertStore(connect(server.url), StoreSettings(), server.revive, server.complaint)
        filler = Filler(disk)
        with Writing(store) as writing:
            until(lambda: len(writing.written) > 5)
            filler.leave(0)
            writing.until_it_waits("its disk has ")
            filler.release()
            writing.until_it_goes_on()
        assert writing.all_are_in(store)
        store.client.close()


def test_a_redis_that_takes_no_writes_for_want_of_room_is_waited_for(disk: Path) -> None:
    server = OwnRedis(disk, "--appendfsync", "everysec")
    server.start()
    try:
        with server.client() as client:
            store = AlertStore(client, StoreSettings())
            filler = Filler(disk)
            with Writing(store) as writing:
                until(lambda: len(writing.written) > 5)
                filler.leave(0)
                writing.until_it_waits("takes no writes now: MISCONF")
                filler.release()
                writing.until_it_goes_on()
            assert writing.all_are_in(store)
    finally:
        server.kill()


def why_it_waits(why: str) -> bool:
    """Return whether a reason to wait is that there is no room, or what comes of it."""
    return "full" in why or "cannot be used" in why or "No space" in why


@pytest.mark.timeout(900)
def test_a_flow_whose_embedded_redis_has_no_room_loses_and_doubles_nothing(
    tmp_path: Path, disk: Path, expected: Changes
) -> None:
    write_files(tmp_path)
    config = write_live(tmp_path, var=tmp_path / "var")
    text = config.read_text(encoding="utf-8").replace("flow:\n", "flow:\n  min_free_bytes: 8000000\n")
    config.write_text(text, encoding="utf-8")
    with EmbeddedRedis(tmp_path / "var") as server, running(config) as flow:
        filler = Filler(disk)
        flow.until(lambda: stored(server.url).total() > 20)
        filler.leave(0)
        flow.until_health(lambda told: any(why_it_waits(why) for why in told.get("waits", {}).values()))
        filler.release()
        settle(flow, server.url, expected.total())
        flow.stop()
        assert stored(server.url) == expected
