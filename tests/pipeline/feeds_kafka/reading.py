"""Polls a feed until something holds, and keeps what came."""

import time
from collections.abc import Callable

from pipeline.feeds.contract import BadRecord, Status
from pipeline.feeds.kafka import KafkaFeed
from pipeline.feeds.kafka_settings import KafkaSettings
from tests.support.kafka import Cluster
from tests.support.patience import PATIENCE_S


class Reader:
    """A feed with everything it has returned, by partition."""

    def __init__(self, feed: KafkaFeed) -> None:
        self.feed = feed
        self.poll_size = 500
        self.records: dict[str, list[tuple[int, bytes]]] = {}
        self.bad: list[BadRecord] = []

    def poll(self, max_records: int | None = None) -> int:
        count = 0
        for batch in self.feed.poll(max_records or self.poll_size):
            kept = self.records.setdefault(batch.partition, [])
            kept.extend(zip(batch.offsets, batch.records, strict=True))
            self.bad.extend(batch.bad)
            count += len(batch.records)
        return count

    def until(self, holds: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        while not holds():
            if not self.poll():
                time.sleep(0.002)
            if time.monotonic() > give_up_s:
                msg = f"waited {PATIENCE_S} s in vain; {self.feed.partitions()} at {self.feed.positions()}"
                raise TimeoutError(msg)

    def all_are(self, status: Status) -> bool:
        return set(self.feed.partitions().values()) == {status}

    def until_all(self, status: Status) -> None:
        self.until(lambda: self.all_are(status))

    def count(self) -> int:
        return sum(map(len, self.records.values()))

    def values(self) -> list[bytes]:
        return [value for _, records in sorted(self.records.items()) for _, value in records]


def settings(cluster: Cluster, topic: str, **more: object) -> KafkaSettings:
    return KafkaSettings.model_validate({"type": "kafka", "bootstrap": cluster.bootstrap, "topics": [topic], **more})


def numbered(count: int, partitions: int, start: int = 0) -> list[tuple[int, bytes]]:
    """Return records ``{"n": 0}``, ``{"n": 1}``, ... dealt out over the partitions."""
    return [(number % partitions, b'{"n":%d}' % number) for number in range(start, start + count)]


SMALL_QUEUE: dict[str, object] = {
    "properties": {"queued.min.messages": 1, "queued.max.messages.kbytes": 1, "fetch.message.max.bytes": 1000}
}
"""Makes the client fetch little ahead, so that a broker can go away while records are still unread."""

SMALL_BATCHES = {"batch.num.messages": 50}
"""Makes a producer write batches that such a client takes one or a few at a time."""
