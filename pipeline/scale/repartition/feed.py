"""A feed whose events intakes have sorted: read from the topic of its events, shown as its upstream partitions."""

import time
from collections.abc import Callable

import structlog

from config.scale import ScaleSettings
from pipeline.feeds.contract import BadRecord, FeedContext, RawBatch, Status
from pipeline.feeds.kafka import KafkaFeed
from pipeline.feeds.kafka_settings import KafkaSettings
from pipeline.reasons import Reason
from pipeline.scale.keys import partition_number
from pipeline.scale.repartition.names import events_topic, shown
from pipeline.scale.repartition.sorted import Sorted
from pipeline.scale.repartition.wire import BadMessageError
from pipeline.scale.topics import LARGEST_MESSAGE_BYTES

_MARK = "\t"
_MESSAGES = 16
"""Messages that are asked for at a time; each may hold many events."""
_log = structlog.get_logger(__name__)


class RepartitionedFeed:
    """Reads this process's share of a feed's events (the protocol is ``Feed`` in ``pipeline.feeds.contract``).

    Partitions are ``topic/upstream number/number``: what partition ``number`` of the events has of an upstream one.
    Positions are those of the topic of events, and beside each, behind a tab, the places in the upstream partitions.

    Args:
        name: of the feed.
        settings: of the feed.
        scale: how the work is shared.
        context: which share is ours.
        clock_s: a monotonic clock in seconds.
    """

    def __init__(
        self,
        name: str,
        settings: KafkaSettings,
        scale: ScaleSettings,
        context: FeedContext,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._topic = events_topic(scale, name)
        self._clock_s = clock_s
        numbers = [number for number in range(scale.partitions) if context.share.has(number)]
        self._parts = {number: Sorted(name, number, settings.topics) for number in numbers}
        inner = KafkaSettings(
            bootstrap=scale.bootstrap,
            topics=[self._topic],
            properties=scale.properties,
            cloudevents="structured",
            max_record_bytes=LARGEST_MESSAGE_BYTES,
        )
        self._inner = KafkaFeed(name, inner, context)
        self.skipped = self._inner.skipped

    def open(self, positions: dict[str, int]) -> None:
        """Start reading. Returns at once, whether or not the cluster can be reached.

        Raises:
            ValueError: when a client refuses its properties.
            SecretMissingError: when a secret is not where the settings say.
        """
        places: dict[int, dict[tuple[str, str], int]] = {}
        own: dict[str, int] = {}
        for name, at in positions.items():
            partition, *mark = name.split(_MARK)
            if len(mark) == 2:
                places.setdefault(partition_number(partition), {})[mark[0], mark[1]] = at
            else:
                own[name] = at
        for number, part in self._parts.items():
            part.restore(places.get(number, {}))
        self._inner.open(own)

    def partitions(self) -> dict[str, Status]:
        """Return every upstream partition, once for each partition of ours, with its status."""
        now_s = self._clock_s()
        inner = self._inner.partitions()
        known: dict[str, Status] = {}
        for number, part in self._parts.items():
            statuses = part.statuses(now_s)
            if inner.get(shown(self._topic, number), Status.UNREACHABLE) is Status.UNREACHABLE:
                statuses = dict.fromkeys(statuses, Status.UNREACHABLE)
            known.update(statuses)
        return known

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        """Return what has been fetched, about ``max_records`` records. Never waits."""
        del partition
        out: list[RawBatch] = []
        left = max_records
        while left > 0 and (fetched := self._inner.poll(min(_MESSAGES, left))):
            now_s = self._clock_s()
            for messages in fetched:
                if messages.bad:
                    out.append(messages)
                for offset, raw in zip(messages.offsets, messages.records, strict=True):
                    batches = self._taken(messages.partition, offset, raw, now_s)
                    left -= 1 + sum(len(batch.records) for batch in batches)
                    out += batches
        return out

    def _taken(self, partition: str, offset: int, raw: bytes, now_s: float) -> list[RawBatch]:
        try:
            return self._parts[partition_number(partition)].take(raw, offset, now_s)
        except BadMessageError as error:
            _log.error("events.refused", feed=self.name, partition=partition, offset=offset, reason=str(error))
            bad = BadRecord(offset, raw, Reason.UNDECODABLE, str(error))
            return [RawBatch(self.name, partition, [], [], [bad])]

    def positions(self) -> dict[str, int]:
        """Return, by partition of the events, the offset after the last message; and the places upstream."""
        found = self._inner.positions()
        for number, part in self._parts.items():
            ours = shown(self._topic, number)
            for (upstream, topic_id), place in part.places().items():
                found[_MARK.join((ours, upstream, topic_id))] = place
        return found

    def lag(self) -> dict[str, int]:
        """Return, by partition of the events, how many messages the cluster was ahead of us when it last answered."""
        return self._inner.lag()

    def why_unreachable(self) -> dict[str, str]:
        """Return, by partition, why it cannot be reached now."""
        now_s = self._clock_s()
        inner = self._inner.why_unreachable()
        said: dict[str, str] = {}
        for number, part in self._parts.items():
            why = inner.get(shown(self._topic, number))
            names = part.statuses(now_s)
            said.update(part.why_unreachable(now_s) if why is None else dict.fromkeys(names, why))
        return said

    def close(self) -> None:
        """Close the clients."""
        self._inner.close()
