"""A real Redis for tests: one server a test process, one key prefix a test."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from alerts.connection import connect
from alerts.embedded_redis import EmbeddedRedis
from alerts.store import AlertStore
from config.delivery import StoreSettings
from tests.support.patience import PATIENCE_S

_numbers = itertools.count()


@contextmanager
def redis_server() -> Iterator[str]:
    """Give the address of a new Redis with a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="mg-") as folder, EmbeddedRedis(Path(folder)) as server:
        yield server.url


@contextmanager
def redis_client(url: str) -> Iterator["redis.Redis"]:
    """Give a client that waits for answers however busy a machine is, and close it."""
    client = connect(url, timeout_s=PATIENCE_S)
    try:
        yield client
    finally:
        client.close()


def fresh_store(client: "redis.Redis", **settings: object) -> AlertStore:
    """Return a store that sees nothing of other tests."""
    prefix = f"t{os.getpid()}-{next(_numbers)}:"
    return AlertStore(client, StoreSettings.model_validate({"prefix": prefix, **settings}))
