"""Fixtures of the fault tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.flowing import RECORDING, Changes, running, settle, stored, write_files, write_live
from tests.support.kafka_fixtures import broker, cluster
from tests.support.own_redis import OwnRedis
from tests.support.undisturbed import undisturbed

__all__ = ["broker", "cluster", "expected", "own_redis"]


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """A store that the test may kill, freeze and start again."""
    server = OwnRedis(tmp_path / "redis")
    server.start()
    yield server
    server.resume()
    server.kill()


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Changes:
    """What a flow that nothing disturbs stores of the recording."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_files(folder)
    server = OwnRedis(folder / "redis")
    server.start()
    try:
        config = write_live(folder)
        wanted = undisturbed(config, [RECORDING]).counted
        with running(config, server.url) as flow:
            settle(flow, server.url, wanted.total())
            flow.stop()
        assert stored(server.url) == wanted
        return wanted
    finally:
        server.kill()
