"""What the Kafka feed knows of one partition, and of one message."""

from collections import deque
from typing import Any, Protocol

from confluent_kafka import KafkaError

from pipeline.feeds.kafka_probe import Part, part_name

READING: dict[str, Any] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
}
"""Properties of a consumer that reads where it is told, and nowhere else."""


class Message(Protocol):
    """A message as ``consume`` returns it. The client's own types allow None where there never is one."""

    def topic(self) -> str: ...  # noqa: D102
    def partition(self) -> int: ...  # noqa: D102
    def offset(self) -> int: ...  # noqa: D102
    def value(self) -> bytes | None: ...  # noqa: D102
    def error(self) -> KafkaError | None: ...  # noqa: D102
    def headers(self) -> list[tuple[str, bytes | None]] | None: ...  # noqa: D102


class Reading:
    """What the feed knows of one partition that it reads.

    ``end`` is the cluster's last answer; ``at_end`` says that the consumer itself met the end; ``stop_at`` is where a
    recording ends. ``held`` are messages behind one whose schema is not there yet, that one first; meanwhile the
    consumer is told to fetch no more of the partition.
    """

    def __init__(self, part: Part, position: int, end: int, stop_at: int | None) -> None:
        self.part = part
        self.name = part_name(*part)
        self.position = position
        self.end = end
        self.at_end = False
        self.stop_at = stop_at
        self.held: deque[Message] = deque()

    def ended(self) -> bool:
        """Whether a recording of this partition is read to its end."""
        return self.stop_at is not None and self.position >= self.stop_at
