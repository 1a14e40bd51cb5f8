"""Reads what is in a topic."""

import time
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from tests.support.kafka import Cluster
from tests.support.patience import PATIENCE_S


def records(cluster: Cluster, topic: str, partitions: int = 1, **properties: Any) -> list[Message]:
    """Return everything that is in ``topic`` now, partition by partition."""
    reader = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "test", "log_level": 0, **properties})
    found: list[Message] = []
    try:
        for partition in range(partitions):
            end = cluster.end_offset(topic, partition)
            reader.assign([TopicPartition(topic, partition, 0)])
            give_up_s = time.monotonic() + PATIENCE_S
            read = 0
            while read < end:
                record = reader.poll(0.5)
                if record is not None and record.error() is None:
                    found.append(record)
                    read += 1
                assert time.monotonic() < give_up_s, f"{topic}/{partition} ends at {end}, {read} were read"
    finally:
        reader.close()
    return found
