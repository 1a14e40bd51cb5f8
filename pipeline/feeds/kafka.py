"""The Kafka feed: many partitions through one consumer, with offsets of our own.

Offsets belong to the snapshots of the flow and are never committed to the cluster, so a consumer group plays no part.
"""

from typing import cast

import structlog
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition

from pipeline.feeds.contract import FEEDS, BadRecord, FeedContext, RawBatch, Status
from pipeline.feeds.kafka_probe import Part, Probe, Span, View, part_name
from pipeline.feeds.kafka_reading import Message, Reading
from pipeline.feeds.kafka_settings import KafkaSettings
from pipeline.reasons import Reason

_CLUSTER = "cluster"
_log = structlog.get_logger(__name__)


@FEEDS.register("kafka", KafkaSettings)
class KafkaFeed:
    """Reads topics of a Kafka cluster (the protocol is ``Feed`` in ``pipeline.feeds.contract``).

    A recording ends, partition by partition, at the end that the partition had when the cluster first answered. A
    partition whose position is no longer there (deleted by retention, or the topic was made anew) is read on from its
    earliest record; that is logged as an error and counted in :attr:`skipped`.

    Until the cluster has answered, every topic shows as its partition 0, unreachable: that one always exists.

    Attributes:
        skipped: offsets that retention deleted before they were read, by partition.
    """

    def __init__(self, name: str, settings: KafkaSettings, context: FeedContext) -> None:
        self.name = name
        self.skipped: dict[str, int] = {}
        self._settings = settings
        self._recording = context.recording
        self._resume: dict[str, int] = {}
        self._reading: dict[Part, Reading] = {}
        self._stops: dict[Part, int] = {}
        self._seen_topics: set[str] = set()
        self._view = View()
        self._trouble: dict[str, str] = {}
        self._last_error = ""
        self._log = _log.bind(feed=name)
        self._consumer: Consumer | None = None
        self._probe: Probe | None = None

    def open(self, positions: dict[str, int]) -> None:
        """Start reading. Returns at once, whether or not the cluster can be reached.

        Raises:
            ValueError: when the client refuses the properties.
            SecretMissingError: when a secret is not where the settings say.
        """
        self._resume = {name: at for name, at in positions.items() if name.rpartition("/")[0] in self._settings.topics}
        for name in sorted(positions.keys() - self._resume.keys()):
            self._log.warning("kafka_position_dropped", partition=name, reason="the settings name no such topic")
        properties = {"client.id": f"makegood-{self.name}", **self._settings.client_properties()}
        uncommitted = properties.get("isolation.level") == "read_uncommitted"
        isolation = IsolationLevel.READ_UNCOMMITTED if uncommitted else IsolationLevel.READ_COMMITTED
        ours = {
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "error_cb": self._on_client_error,
        }
        try:
            self._consumer = Consumer({**properties, **ours})
            self._probe = Probe(properties, self._settings.topics, isolation)
        except KafkaException as error:
            self.close()
            msg = f"feed {self.name!r}: the Kafka client refuses its properties: {error.args[0].str()}"
            raise ValueError(msg) from error

    def partitions(self) -> dict[str, Status]:
        """Return every partition known, with its status."""
        known = {reading.name: self._status(reading) for reading in self._reading.values()}
        for name in self._resume:
            known.setdefault(name, Status.UNREACHABLE)
        for topic in self._settings.topics:
            for number in range(self._view.partitions.get(topic, 1)):
                known.setdefault(part_name(topic, number), Status.UNREACHABLE)
        return known

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        """Return what has been fetched, at most ``max_records`` records. Never waits."""
        consumer, probe = self._consumer, self._probe
        if consumer is None or probe is None:
            msg = f"feed {self.name!r} is not open"
            raise RuntimeError(msg)
        view = probe.view
        if view.serial != self._view.serial:
            self._apply(view, consumer)
        batches: dict[Part, RawBatch] = {}
        for message in cast("list[Message]", consumer.consume(max_records, 0.0)):
            self._take(message, batches, consumer)
        if batches and _CLUSTER in self._trouble:
            self._well(_CLUSTER)
        return list(batches.values())

    def positions(self) -> dict[str, int]:
        """Return, by partition, the offset after the last record that ``poll`` returned."""
        return {**self._resume, **{reading.name: reading.position for reading in self._reading.values()}}

    def lag(self) -> dict[str, int]:
        """Return, by partition, how many offsets the cluster was ahead of us when it last answered."""
        return {reading.name: max(0, reading.end - reading.position) for reading in self._reading.values()}

    def close(self) -> None:
        """Close both clients."""
        if self._probe is not None:
            self._probe.close()
            self._probe = None
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _status(self, reading: Reading) -> Status:
        if reading.ended():
            return Status.ENDED
        if self._trouble and any(name in self._trouble for name in (_CLUSTER, reading.part[0], reading.name)):
            return Status.UNREACHABLE
        # Both must say so: the consumer met the end, and the leader has answered since that nothing was added.
        return Status.CAUGHT_UP if reading.at_end and reading.position >= reading.end else Status.READING

    def _apply(self, view: View, consumer: Consumer) -> None:
        self._view = view
        for name in [name for name in self._trouble if name not in view.trouble]:
            if name != _CLUSTER or view.spans:
                self._well(name)
        for name, reason in view.trouble.items():
            self._ill(name, reason)
        for part, span in view.spans.items():
            reading = self._reading.get(part)
            if reading is None:
                self._start(part, span, consumer)
            else:
                reading.end = span.end
        self._seen_topics.update(view.partitions)

    def _start(self, part: Part, span: Span, consumer: Consumer) -> None:
        """Begin to read a partition where we were, or else where the settings say."""
        name = part_name(*part)
        position = self._resume.pop(name, None)
        if position is None:
            # A partition that appears later was empty when we began: nothing of it may be skipped.
            late = self._recording or self._settings.start == "earliest" or part[0] in self._seen_topics
            position = span.low if late else span.end
        elif not span.low <= position <= span.end:
            missed = max(0, span.low - position)
            if missed:
                self.skipped[name] = self.skipped.get(name, 0) + missed
            self._log.error(
                "kafka_offset_out_of_range",
                partition=name,
                wanted=position,
                available=[span.low, span.end],
                missed=missed,
                reason="deleted by retention" if missed else "the topic was truncated or made anew",
                action="reading on from the earliest record",
            )
            position = span.low
        stop_at = self._stops.setdefault(part, span.end) if self._recording else None
        reading = self._reading[part] = Reading(part, position, span.end, stop_at)
        if not reading.ended():
            consumer.incremental_assign([TopicPartition(*part, position)])

    def _take(self, message: Message, batches: dict[Part, RawBatch], consumer: Consumer) -> None:
        part = (message.topic(), message.partition())
        reading = self._reading.get(part)
        if reading is None or reading.ended():
            return  # fetched before the partition was set aside (it will be fetched again), or after its end
        error = message.error()
        offset = message.offset()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's name for it
                reading.position = max(reading.position, offset)
                reading.at_end = True
            else:
                self._set_aside(reading, error, consumer)
                return
        elif offset < reading.position:
            return
        elif reading.stop_at is not None and offset >= reading.stop_at:
            reading.position = reading.stop_at
        else:
            reading.position = offset + 1
            reading.at_end = False
            self._add(message, reading, batches)
        if reading.ended():
            consumer.incremental_unassign([TopicPartition(*part)])

    def _add(self, message: Message, reading: Reading, batches: dict[Part, RawBatch]) -> None:
        batch = batches.get(reading.part)
        if batch is None:
            batch = batches[reading.part] = RawBatch(self.name, reading.name, [], [], [])
        offset, value, limit = message.offset(), message.value(), self._settings.max_record_bytes
        if value is None:
            batch.bad.append(BadRecord(offset, b"", Reason.NOT_AN_OBJECT, "empty value (tombstone)"))
        elif len(value) > limit:
            detail = f"{len(value)} bytes, more than max_record_bytes ({limit}); kept up to that"
            batch.bad.append(BadRecord(offset, value[:limit], Reason.TOO_LARGE, detail))
        else:
            batch.offsets.append(offset)
            batch.records.append(value)

    def _set_aside(self, reading: Reading, error: KafkaError, consumer: Consumer) -> None:
        """Stop reading a partition that answers with an error; the next view of the cluster starts it again."""
        del self._reading[reading.part]
        self._resume[reading.name] = reading.position
        consumer.incremental_unassign([TopicPartition(*reading.part)])
        if error.code() not in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            self._ill(reading.name, error.str())

    def _on_client_error(self, error: KafkaError) -> None:
        """Hear of the client's troubles; called from within ``consume``."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._ill(_CLUSTER, self._last_error or error.str())
        else:
            self._last_error = error.str()

    def _ill(self, name: str, reason: str) -> None:
        if name not in self._trouble:
            self._log.error(
                "kafka_unreachable", what=name, reason=reason, last_error=self._last_error, action="trying again"
            )
        self._trouble[name] = reason

    def _well(self, name: str) -> None:
        self._log.info("kafka_reachable", what=name, was=self._trouble.pop(name))
