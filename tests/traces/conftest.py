import os

import pytest

from alerts.traces import otlp
from tests.support.patience import PATIENCE_S
from tests.support.store_fixtures import client, redis_url, store

__all__ = ["client", "redis_url", "store"]


@pytest.fixture(autouse=True)
def no_telemetry_of_whoever_runs_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")  # milliseconds: nobody waits for a batch to fill
    # A collector that takes spans has the time of a busy machine, also at the end of a process.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", f"{PATIENCE_S:g}")
    monkeypatch.setattr(otlp, "CLOSE_S", PATIENCE_S)
