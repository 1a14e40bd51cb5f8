"""The Kafka feed: many partitions through one consumer, with offsets of our own.

Offsets belong to the snapshots of the flow and are never committed to the cluster, so a consumer group plays no part.
"""

import structlog
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition

from pipeline.feeds.contract import FEEDS, FeedContext, RawBatch, Status
from pipeline.feeds.kafka_intake import Intake
from pipeline.feeds.kafka_positions import available, of_another, own_positions, split_ids, with_ids
from pipeline.feeds.kafka_probe import Part, Probe, Span, View, part_name
from pipeline.feeds.kafka_reading import READING, Reading
from pipeline.feeds.kafka_records import Records, Values
from pipeline.feeds.kafka_settings import KafkaSettings
from pipeline.feeds.kafka_trouble import CLUSTER, REGISTRY, Troubles

_NOT_YET = "no answer yet"
_log = structlog.get_logger(__name__)


@FEEDS.register("kafka", KafkaSettings)
class KafkaFeed:
    """Reads topics of a Kafka cluster (the protocol is ``Feed`` in ``pipeline.feeds.contract``).

    A recording ends, partition by partition, at the end that the partition had when the cluster first answered. A
    partition whose position is no longer there (deleted by retention, or the topic was made anew) is read on from its
    earliest record; that is logged as an error and counted in :attr:`skipped`.

    Until the cluster has answered, every topic shows as the first partition of our share, unreachable: time must not
    pass before it is known what there is.

    Attributes:
        skipped: offsets that retention deleted before they were read, by partition.
    """

    def __init__(self, name: str, settings: KafkaSettings, context: FeedContext) -> None:
        self.name = name
        self.skipped: dict[str, int] = {}
        self._settings = settings
        self._recording = context.recording
        self._share = context.share
        # Without a count, the first of our share stands for all until the cluster has answered.
        self._least = context.share.index + 1 if context.partitions is None else context.partitions
        self._resume: dict[str, int] = {}
        self._reading: dict[Part, Reading] = {}
        self._stops: dict[Part, int] = {}
        self._old: dict[str, int] = {}
        self._ids: dict[str, str] = {}
        self._kept_ids: dict[str, int] = {}
        self._view = View()
        self._log = _log.bind(feed=name)
        self._troubles = Troubles(self._log)
        self._values: Values | None = None
        self._consumer: Consumer | None = None
        self._intake: Intake | None = None
        self._probe: Probe | None = None

    def open(self, positions: dict[str, int]) -> None:
        """Start reading. Returns at once, whether or not the cluster can be reached.

        Raises:
            ValueError: when a client refuses its properties.
            SecretMissingError: when a secret is not where the settings say.
        """
        offsets, self._kept_ids = split_ids(positions)
        self._resume = own_positions(offsets, self._settings.topics, self._share, self._log)
        # What has no position in a snapshot that knows the topic was added since.
        self._old = dict.fromkeys((name.rpartition("/")[0] for name in self._resume), 0)
        properties = {"client.id": f"makegood-{self.name}", **self._settings.client_properties()}
        uncommitted = properties.get("isolation.level") == "read_uncommitted"
        isolation = IsolationLevel.READ_UNCOMMITTED if uncommitted else IsolationLevel.READ_COMMITTED
        ours = {**READING, "error_cb": self._on_client_error}
        try:
            self._values = self._open_values()
            self._consumer = Consumer({**properties, **ours})
            self._intake = Intake(
                self.name,
                self._reading,
                records=Records(self._settings, self._values),
                consumer=self._consumer,
                set_aside=self._set_aside,
                limit=self._settings.max_record_bytes,
            )
            self._probe = Probe(properties, self._settings.topics, isolation, self._share)
        except KafkaException as error:
            self.close()
            msg = f"feed {self.name!r}: the Kafka client refuses its properties: {error.args[0].str()}"
            raise ValueError(msg) from error

    def _open_values(self) -> Values | None:
        if self._settings.value == "json":
            return None
        # Only here: the registry's client takes 0.2 s to import.
        from pipeline.feeds.kafka_values.reader import SchemaValues  # noqa: PLC0415

        try:
            return SchemaValues(self._settings)
        except (ValueError, TypeError, OSError) as error:
            msg = f"feed {self.name!r}: schema_registry: {error}"
            raise ValueError(msg) from error

    def partitions(self) -> dict[str, Status]:
        """Return every partition of ours that is known, with its status."""
        known = {reading.name: self._status(reading) for reading in list(self._reading.values())}
        for name in list(self._resume):
            known.setdefault(name, Status.UNREACHABLE)
        for topic in self._settings.topics:
            count = self._view.partitions.get(topic, self._least)
            for number in range(self._share.index, count, self._share.of):
                known.setdefault(part_name(topic, number), Status.UNREACHABLE)
        return known

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        """Return what has been fetched, at most ``max_records`` records. Never waits."""
        del partition
        intake, probe = self._intake, self._probe
        if intake is None or probe is None:
            msg = f"feed {self.name!r} is not open"
            raise RuntimeError(msg)
        view = probe.view
        if view.serial != self._view.serial:
            self._apply(view)
        if intake.holds or REGISTRY in self._troubles:
            self._note_registry()
        batches = intake.poll(max_records)
        if batches and CLUSTER in self._troubles:
            self._troubles.well(CLUSTER)
        return batches

    def positions(self) -> dict[str, int]:
        """Return, by partition, the offset after the last record that ``poll`` returned; beside it the topic's id."""
        return with_ids(self.offsets(), self._kept_ids, self._ids)

    def offsets(self) -> dict[str, int]:
        """Return, by partition, the offset after the last record that ``poll`` returned."""
        return {**self._resume, **{reading.name: reading.position for reading in self._reading.values()}}

    def lag(self) -> dict[str, int]:
        """Return, by partition, how many offsets the cluster was ahead of us when it last answered."""
        return {reading.name: max(0, reading.end - reading.position) for reading in list(self._reading.values())}

    def why_unreachable(self) -> dict[str, str]:
        """Return, by partition, why it cannot be reached now."""
        readings = {reading.name: reading for reading in list(self._reading.values())}
        said = {}
        for name, status in self.partitions().items():
            if status is Status.UNREACHABLE:
                held = name in readings and readings[name].held
                why = self._values.trouble if held and self._values is not None else None
                said[name] = why or self._troubles.reason(name.rpartition("/")[0], name) or _NOT_YET
        return said

    def close(self) -> None:
        """Close the clients."""
        if self._probe is not None:
            self._probe.close()
            self._probe = None
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
        if self._values is not None:
            self._values.close()
            self._values = None

    def _status(self, reading: Reading) -> Status:
        if reading.ended():
            return Status.ENDED
        if self._troubles and self._troubles.reason(reading.part[0], reading.name) is not None:
            return Status.UNREACHABLE
        if reading.held:
            return Status.READING if REGISTRY not in self._troubles else Status.UNREACHABLE
        # Both must say so: the consumer met the end, and the leader has answered since that nothing was added.
        return Status.CAUGHT_UP if reading.at_end and reading.position >= reading.end else Status.READING

    def _apply(self, view: View) -> None:
        self._view = view
        for name in self._troubles.names():
            if name not in view.trouble and name != REGISTRY and (name != CLUSTER or view.spans):
                self._troubles.well(name)
        for name, reason in view.trouble.items():
            self._troubles.ill(name, reason)
        for topic, count in view.partitions.items():
            self._old.setdefault(topic, count)
        for topic in view.absent:
            self._old.setdefault(topic, 0)
        for topic, identity in view.ids.items():
            was = self._ids.get(topic)
            self._ids[topic] = identity
            if was != identity and (was is not None or of_another(topic, identity, self._resume, self._kept_ids)):
                self._begin_anew(topic)
        for part, span in view.spans.items():
            reading = self._reading.get(part)
            if reading is None:
                self._start(part, span)
            else:
                reading.end = span.end

    def _begin_anew(self, topic: str) -> None:
        """Forget where we were in a topic that was deleted and made anew: its offsets mean other records now."""
        left = {reading.name: max(0, reading.end - reading.position) for reading in self._of(topic)}
        self._log.error(
            "kafka_topic_made_anew", what=topic, unread=left, action="reading the new topic from its earliest record"
        )
        self._old[topic] = 0
        for reading in self._of(topic):
            del self._reading[reading.part]
            if self._intake is not None:
                self._intake.unassign(reading)
        self._resume = {name: at for name, at in self._resume.items() if name.rpartition("/")[0] != topic}

    def _of(self, topic: str) -> list[Reading]:
        return [reading for reading in self._reading.values() if reading.part[0] == topic]

    def _start(self, part: Part, span: Span) -> None:
        """Begin to read a partition where we were, or else where the settings say."""
        name = part_name(*part)
        position = self._resume.pop(name, None)
        if position is None:
            # A partition that appears later was empty when we began: nothing of it may be skipped.
            late = self._recording or self._settings.start == "earliest" or part[1] >= self._old.get(part[0], 0)
            position = span.low if late else span.end
        else:
            position, missed = available(name, position, span, self._log)
            if missed:
                self.skipped[name] = self.skipped.get(name, 0) + missed
        stop_at = self._stops.setdefault(part, span.end) if self._recording else None
        reading = self._reading[part] = Reading(part, position, span.end, stop_at)
        if not reading.ended() and self._consumer is not None:
            self._consumer.incremental_assign([TopicPartition(*part, position)])

    def _set_aside(self, reading: Reading, error: KafkaError) -> None:
        """Stop reading a partition that answers with an error; the next view of the cluster starts it again."""
        del self._reading[reading.part]
        self._resume[reading.name] = reading.position
        if self._intake is not None:
            self._intake.unassign(reading)
        if error.code() not in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            self._troubles.ill(reading.name, error.str())

    def _note_registry(self) -> None:
        trouble = self._values.trouble if self._values is not None else None
        if trouble is not None:
            self._troubles.ill(REGISTRY, trouble)
        else:
            self._troubles.well(REGISTRY)

    def _on_client_error(self, error: KafkaError) -> None:
        """Hear of the client's troubles; called from within ``consume``."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._troubles.ill(CLUSTER, self._troubles.last_error or error.str())
        else:
            self._troubles.last_error = error.str()
