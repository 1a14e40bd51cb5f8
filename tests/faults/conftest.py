"""Fixtures of the fault tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.flowing import Changes, running, settle, stored, write_files, write_live
from tests.support.kafka_fixtures import broker, cluster
from tests.support.own_redis import OwnRedis

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
        with running(write_live(folder), server.url) as flow:
            settle(flow, server.url, looks=40)  # every test is measured by it: a machine may be busy for a while
            flow.stop()
        return stored(server.url)
    finally:
        server.kill()
