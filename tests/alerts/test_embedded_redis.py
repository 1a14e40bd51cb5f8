import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alerts.connection import connect
from alerts.embedded_redis import EmbeddedRedis, EmbeddedRedisError
from alerts.opening import open_store
from config.delivery import StoreSettings
from tests.support.alerts import change
from tests.support.patience import PATIENCE_S, until


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy disk is no reason to take Redis for being away."""
    monkeypatch.setattr(connect, "__kwdefaults__", {"timeout_s": PATIENCE_S})


def _alive(server: EmbeddedRedis) -> bool:
    return EmbeddedRedis(server.folder.parent)._runs()


def test_data_outlives_a_stop(tmp_path: Path) -> None:
    settings = StoreSettings(dir=tmp_path)
    with open_store(settings, {}) as store:
        store.apply([change()])
    with open_store(settings, {}) as store:
        assert store.counts()["firing"] == 1


def test_the_second_user_adopts_the_server_and_the_last_one_stops_it(tmp_path: Path) -> None:
    first, second = EmbeddedRedis(tmp_path), EmbeddedRedis(tmp_path)
    first.start()
    second.start()
    first.close()
    assert _alive(second)
    second.close()
    until(lambda: not _alive(second))
    second.close()


def test_a_killed_user_leaves_a_server_that_the_next_one_adopts_and_stops(tmp_path: Path) -> None:
    code = f"""
import os, signal, pathlib
from alerts.embedded_redis import EmbeddedRedis
from alerts.connection import connect
client = connect(EmbeddedRedis(pathlib.Path({str(tmp_path)!r})).start())
client.set("kept", "yes")
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    server = EmbeddedRedis(tmp_path)
    client = connect(server.start())
    assert client.get("kept") == "yes"
    client.close()
    server.close()
    until(lambda: not _alive(server))


def test_a_killed_server_is_started_again_with_what_it_had_answered(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    client = connect(server.start())
    client.set("kept", "yes")
    os.kill(int((server.folder / "redis.pid").read_text()), signal.SIGKILL)
    server._process.wait()  # type: ignore[union-attr]
    again = EmbeddedRedis(tmp_path)
    again.start()
    assert client.get("kept") == "yes"
    client.close()
    server.close()
    again.close()


def test_it_listens_on_no_port(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        client = connect(server.url)
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
        client.close()


def test_a_folder_too_long_for_a_socket_works(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    with EmbeddedRedis(folder) as server:
        assert len(str(server.socket)) < 100
        assert server.socket.parent.stat().st_mode & 0o077 == 0


def test_a_program_that_is_no_redis_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedRedisError, match="/bin/true"):
        EmbeddedRedis(tmp_path, server=Path("/bin/true")).start()


def test_the_redis_of_the_environment_goes_before_the_embedded_one(redis_url: str, tmp_path: Path) -> None:
    with open_store(StoreSettings(dir=tmp_path, prefix="elsewhere:"), {"MAKEGOOD_REDIS_URL": redis_url}) as store:
        store.ping()
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_dies_while_in_use_is_started_again_by_whoever_waits_for_it(tmp_path: Path) -> None:
    with open_store(StoreSettings(dir=tmp_path), {}) as store:
        store.apply([change()])
        os.kill(int((tmp_path / "redis" / "redis.pid").read_text()), signal.SIGKILL)
        assert store.apply_waiting([change(), change("Other")], wait=lambda _s: False) == 1
        assert store.counts()["firing"] == 2
    until(lambda: not _alive(EmbeddedRedis(tmp_path)))


def test_a_server_that_runs_is_not_started_a_second_time(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, EmbeddedRedis(tmp_path) as other:
        pid = (server.folder / "redis.pid").read_text()
        server.revive()
        other.revive()
        assert (server.folder / "redis.pid").read_text() == pid
