"""The topic of panes as a feed that waits where a newer program has written what this one cannot read.

In a rolling upgrade some processes are newer than others. A message that is too new is not lost and not passed over:
its partition is not read on, and the position stays before it, until the process is upgraded and reads it.
"""

from collections.abc import Mapping

import structlog

from pipeline.feeds.contract import RawBatch, Status
from pipeline.feeds.kafka import KafkaFeed
from pipeline.scale import wire

_log = structlog.get_logger(__name__)


class HoldingFeed:
    """Reads the topic of panes (the protocol is ``Feed`` in ``pipeline.feeds.contract``).

    Args:
        inner: reads the topic.

    Attributes:
        skipped: offsets that retention deleted before they were read, by partition.
    """

    def __init__(self, inner: KafkaFeed) -> None:
        self.name = inner.name
        self.skipped = inner.skipped
        self._inner = inner
        self._held: dict[str, tuple[int, str]] = {}

    def open(self, positions: dict[str, int]) -> None:
        """Start reading. Returns at once, whether or not the cluster can be reached."""
        self._inner.open(positions)

    def held(self) -> Mapping[str, str]:
        """Return, by partition that is not read on, why. May be asked from another thread."""
        return {partition: why for partition, (_, why) in dict(self._held).items()}

    def partitions(self) -> dict[str, Status]:
        """Return every partition of ours that is known, with its status."""
        return {**self._inner.partitions(), **dict.fromkeys(self._held, Status.UNREACHABLE)}

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        """Return what has been fetched of partitions that are not held, up to the first message that is too new."""
        batches = (self._readable(batch) for batch in self._inner.poll(max_records, partition))
        return [batch for batch in batches if batch.records or batch.bad]

    def _readable(self, batch: RawBatch) -> RawBatch:
        held = self._held.get(batch.partition)
        if held is not None:
            if batch.offsets and batch.offsets[0] <= held[0]:  # read again from before: the topic was made anew
                del self._held[batch.partition]
            else:
                return RawBatch(batch.feed, batch.partition, [], [])
        for index, message in enumerate(batch.records):
            version = wire.too_new(message)
            if version is not None:
                at = batch.offsets[index]
                why = (
                    f"a message (offset {at}) has version {version}, this program reads {wire.READS}: another process "
                    "is newer; upgrade this one, it goes on from there"
                )
                self._held[batch.partition] = at, why
                _log.error("panes.held", partition=batch.partition, offset=at, reason=why)
                before = [bad for bad in batch.bad if bad.offset < at]
                return RawBatch(batch.feed, batch.partition, batch.offsets[:index], batch.records[:index], before)
        return batch

    def positions(self) -> dict[str, int]:
        """Return, by partition, the offset after the last record that ``poll`` returned; one that is held is next."""
        return {**self._inner.positions(), **{partition: at for partition, (at, _) in self._held.items()}}

    def lag(self) -> dict[str, int]:
        """Return, by partition, how many offsets the cluster was ahead of us when it last answered."""
        behind, positions = self._inner.lag(), self._inner.offsets()
        for partition, (at, _) in dict(self._held).items():
            if partition in behind:
                behind[partition] += positions[partition] - at
        return behind

    def why_unreachable(self) -> dict[str, str]:
        """Return, by partition, why it cannot be reached now, or is not read on."""
        return {**self._inner.why_unreachable(), **self.held()}

    def close(self) -> None:
        """Close the clients."""
        self._inner.close()
