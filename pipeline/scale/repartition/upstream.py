"""A feed's own partitions, as an intake reads them."""

from collections.abc import Mapping
from typing import Protocol

from pipeline.feeds.contract import RawBatch, Status
from pipeline.feeds.kafka import KafkaFeed


class Upstream(Protocol):
    """What an intake reads: a feed (the protocol is ``Feed`` in ``pipeline.feeds.contract``) that knows its topics."""

    def partitions(self) -> dict[str, Status]: ...  # noqa: D102
    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]: ...  # noqa: D102
    def positions(self) -> dict[str, int]: ...  # noqa: D102

    def counts(self) -> Mapping[str, int]:
        """Return how many partitions each topic has that is known."""
        ...

    def topic_id(self, topic: str) -> str:
        """Return the id of a topic that is known: one that was made anew has another."""
        ...


class UpstreamFeed(KafkaFeed):
    """A Kafka feed that says what it knows of its topics."""

    _counted: Mapping[str, int] = {}

    def know(self, topic_ids: Mapping[str, str]) -> None:
        """Note the ids that topics had when positions were saved: positions in a topic made anew mean nothing."""
        self._ids.update(topic_ids)

    def positions(self) -> dict[str, int]:
        """Return, by partition, the offset after the last record that ``poll`` returned."""
        return self.offsets()

    def counts(self) -> Mapping[str, int]:
        """Return how many partitions each topic has, as the cluster last said."""
        if self._view.partitions:
            self._counted = {**self._counted, **self._view.partitions}
        return self._counted

    def topic_id(self, topic: str) -> str:
        """Return the id of a topic; empty before the cluster has answered."""
        return self._ids.get(topic, "")
