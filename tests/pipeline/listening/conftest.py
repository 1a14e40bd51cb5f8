from tests.support.kafka_fixtures import broker, cluster

__all__ = ["broker", "cluster"]
