"""Redis is killed and started again under load, and forgets what it had not written to its disk."""

from pathlib import Path

import pytest

from alerts import durability
from alerts.connection import connect
from alerts.embedded_redis import EmbeddedRedis
from alerts.store import AlertStore
from config.delivery import StoreSettings
from detectors.contract import AlertChange
from pipeline.storing import LOOK_AFTER_S, SAFE_AFTER_S, Storer
from tests.faults.flowing import pending, running, settle, stored, until, write_files, write_live
from tests.faults.portions import Portions
from tests.support.alerts import change
from tests.support.own_redis import OwnRedis

pytestmark = pytest.mark.timeout(900)


def test_killed_again_and_again_under_load_nothing_is_lost_or_doubled(tmp_path: Path, own_redis: OwnRedis) -> None:
    write_files(tmp_path)
    config = write_live(tmp_path, batch_size=5)
    posts = Portions(config)
    with running(config, own_redis.url) as flow:
        before, total = 0, posts.more()
        for _ in range(4):
            flow.until(lambda before=before: stored(own_redis.url).total() > before)  # type: ignore[misc]
            own_redis.kill()
            before, total = total, posts.more()  # or nothing would miss the store, where all is in it already
            assert "check that it runs and can be reached" in flow.until_waits("store")
            assert flow.health()["status"] == "unhealthy"
            own_redis.start()
            flow.until_health(lambda told: not told["waits"])
        settle(flow, own_redis.url, total)
        flow.stop()
        # Told once when it goes, and again when the reason is another one: refused, then still loading.
        # On a machine that is busy it may be away for a moment without having been killed.
        assert 4 <= len(flow.logged("store.there")) <= len(flow.logged("store.away"))
    assert stored(own_redis.url) == posts.expected
    assert pending(own_redis.url) == total


class Storing:
    """A storer on a Redis that may lose power, with a clock of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.now_s = 0.0
        self.redis = OwnRedis(folder, *options)
        self.redis.start()
        self.client = self.redis.client()
        self.store = AlertStore(self.client, StoreSettings())
        self.storer = Storer(self.store, wait=lambda _: False, tell=lambda _: None, clock_s=lambda: self.now_s)
        self._log = folder / "appendonlydir" / "appendonly.aof.1.incr.aof"
        self._on_disk_bytes = 0

    def written(self) -> None:
        """Take what the store has now to be on its disk; what comes later goes with the power."""
        # It acknowledges without having written while its disk is busy with what came before.
        until(lambda: self.client.info("persistence")["aof_buffer_length"] == 0)
        self._on_disk_bytes = self._log.stat().st_size

    def lose_power(self) -> None:
        self.redis.kill()
        with self._log.open("r+b") as file:
            file.truncate(self._on_disk_bytes)
        self.redis.start()

    def kept(self, changes: list[AlertChange]) -> list[bool]:
        return [self.store.get(one.fingerprint) is not None for one in changes]


@pytest.fixture
def changes() -> list[AlertChange]:
    return [change(case=str(number)) for number in range(4)]


def test_a_store_that_lost_its_last_changes_with_the_power_is_given_them_again(
    tmp_path: Path, changes: list[AlertChange]
) -> None:
    at = Storing(tmp_path / "redis", "--appendfsync", "everysec")
    try:
        at.storer.apply(changes[:1])
        at.written()
        at.now_s += 1
        at.storer.apply(changes[1:3])
        at.lose_power()
        assert at.kept(changes) == [True, False, False, False]
        at.now_s += 1
        at.storer.apply(changes[3:])
        assert at.kept(changes) == [True] * 4
        assert at.store.counts()["pending"] == 4, "nobody is told twice"
    finally:
        at.redis.kill()
        at.client.close()


def test_what_was_lost_is_noticed_without_another_change(tmp_path: Path, changes: list[AlertChange]) -> None:
    at = Storing(tmp_path / "redis", "--appendfsync", "everysec")
    try:
        at.storer.apply([])
        at.written()
        at.storer.apply(changes)
        at.lose_power()
        at.storer.look()
        assert at.kept(changes) == [False] * 4, "it asks only after a while"
        at.now_s += LOOK_AFTER_S
        at.storer.look()
        assert at.kept(changes) == [True] * 4
    finally:
        at.redis.kill()
        at.client.close()


def test_what_is_on_the_disk_for_long_is_not_kept_in_memory(tmp_path: Path, changes: list[AlertChange]) -> None:
    at = Storing(tmp_path / "redis")
    try:
        at.storer.apply(changes)
        at.now_s += SAFE_AFTER_S + 1
        at.storer.look()
        assert not at.storer._recent
    finally:
        at.redis.kill()
        at.client.close()


@pytest.mark.parametrize(
    ("options", "doubts"),
    [
        ((), []),
        (("--appendfsync", "everysec"), ["the last second of acknowledged changes is gone; set `appendfsync always`"]),
        (("--appendfsync", "no"), ["half a minute of acknowledged changes is gone; set `appendfsync always`"]),
        (("--appendonly", "no"), ["alerts and their notifications are gone; set `appendonly yes`"]),
        (
            ("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"),
            ["deletes keys when its memory is full (allkeys-lru): set `maxmemory-policy noeviction`"],
        ),
        (("--rename-command", "CONFIG", ""), []),
    ],
)
def test_a_redis_that_may_lose_what_it_acknowledged_is_told_of_with_what_to_do(
    tmp_path: Path, options: tuple[str, ...], doubts: list[str]
) -> None:
    server = OwnRedis(tmp_path / "redis", *options)
    server.start()
    try:
        with server.client() as client:
            told = durability.doubts(client)
            assert len(told) == len(doubts)
            for one, doubt in zip(told, doubts, strict=True):
                assert doubt in one
            assert len(durability.run_id(client)) == 40
    finally:
        server.kill()


def test_the_embedded_redis_is_not_doubted(tmp_path: Path) -> None:

    with EmbeddedRedis(tmp_path) as server, connect(server.url) as client:
        assert durability.doubts(client) == []
