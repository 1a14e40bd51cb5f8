import os

import pytest

from tests.support.store_fixtures import client, redis_url, store

__all__ = ["client", "redis_url", "store"]


@pytest.fixture(autouse=True)
def no_telemetry_of_whoever_runs_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")  # milliseconds: nobody waits for a batch to fill
