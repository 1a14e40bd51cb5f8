import pytest

from pipeline.feeds import kafka_probe
from pipeline.feeds.kafka_values import registry
from tests.support.kafka_fixtures import broker, cluster

__all__ = ["broker", "cluster", "look_often"]


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests wait for the next look at the cluster, or at a schema; let it come soon."""
    monkeypatch.setattr(kafka_probe, "_INTERVAL_S", 0.1)
    monkeypatch.setattr(registry, "_SECOND_LOOK_S", 0.2)
