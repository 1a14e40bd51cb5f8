import pytest

from pipeline.feeds import kafka_probe
from tests.support.kafka_fixtures import broker, cluster

__all__ = ["broker", "cluster", "look_often"]


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests wait for the next look at the cluster; let it come soon."""
    monkeypatch.setattr(kafka_probe, "_INTERVAL_S", 0.1)
