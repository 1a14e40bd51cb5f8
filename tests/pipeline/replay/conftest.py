"""Fixtures of the replay tests."""

from tests.support.kafka_fixtures import broker, cluster

__all__ = ["broker", "cluster"]
