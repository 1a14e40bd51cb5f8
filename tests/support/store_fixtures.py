"""Fixtures of a real store; a ``conftest.py`` that wants them imports them by name."""

from collections.abc import Iterator

import pytest
import redis

from alerts.store import AlertStore
from tests.support.redis import fresh_store, redis_client, redis_server


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def client(redis_url: str) -> Iterator["redis.Redis"]:
    with redis_client(redis_url) as client:
        yield client


@pytest.fixture
def store(client: "redis.Redis") -> AlertStore:
    return fresh_store(client)
