"""What a broker has acknowledged is in its log."""

import pytest
from confluent_kafka import Producer

from pipeline.kafka_producing import LOSSLESS
from tests.support.kafka import Cluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1200)]
PARTITIONS = 3
RECORDS = 1_000


def test_nothing_acknowledged_is_missing_in_a_topic_that_was_just_made(cluster: Cluster) -> None:
    """With five requests on their way at a time, one in some hundred new topics loses its first records."""
    for _ in range(1_000):
        topic = cluster.create_topic(partitions=PARTITIONS)
        acknowledged = 0

        def told(error: object, _: object) -> None:
            nonlocal acknowledged
            acknowledged += error is None

        producer = Producer({"bootstrap.servers": cluster.bootstrap, "linger.ms": 1, "log_level": 0, **LOSSLESS})
        for number in range(RECORDS):
            producer.produce(topic, value=b"%d" % number, partition=number % PARTITIONS, on_delivery=told)
            producer.poll(0)
        producer.flush(60)
        kept = sum(cluster.end_offset(topic, partition) for partition in range(PARTITIONS))
        assert (kept, acknowledged) == (RECORDS, RECORDS)
        cluster.delete_topic(topic)
