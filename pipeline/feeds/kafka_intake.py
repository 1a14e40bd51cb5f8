"""Takes the messages that the consumer has fetched, and holds back those whose schema is not there yet."""

from collections.abc import Callable
from typing import cast

from confluent_kafka import Consumer, KafkaError, TopicPartition

from pipeline.feeds.contract import BadRecord, RawBatch
from pipeline.feeds.kafka_probe import Part, part_name
from pipeline.feeds.kafka_reading import Message, Reading
from pipeline.feeds.kafka_records import Records, SchemaAwaited
from pipeline.reasons import RecordError


class Gathered:
    """The records of one partition that come out of one poll."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.records: list[bytes] = []
        self.bad: list[BadRecord] = []


class Intake:
    """Makes batches of messages.

    A partition at whose next message a schema is missing is paused; the messages of it that were fetched already are
    held, and taken in their order as soon as the schema is there.

    Args:
        feed: its name.
        readings: the partitions that are read; shared with the feed.
        records: makes records of messages.
        consumer: of the feed.
        set_aside: told of a partition that answers with an error; must call :meth:`unassign`.
        limit: ``max_record_bytes``.
    """

    def __init__(
        self,
        feed: str,
        readings: dict[Part, Reading],
        *,
        records: Records,
        consumer: Consumer,
        set_aside: Callable[[Reading, KafkaError], None],
        limit: int,
    ) -> None:
        self._feed = feed
        self._readings = readings
        self._records = records
        self._consumer = consumer
        self._set_aside = set_aside
        self._limit = limit
        self._gathered: dict[Part, Gathered] = {}
        self._holding: dict[Part, Reading] = {}

    @property
    def holds(self) -> bool:
        """Whether there are messages that wait for a schema."""
        return bool(self._holding)

    def poll(self, max_records: int) -> list[RawBatch]:
        """Return what has been fetched. Never waits."""
        self._gathered = {}
        left = max_records - self._take_held(max_records) if self._holding else max_records
        if left > 0:
            self._take_all(cast("list[Message]", self._consumer.consume(left, 0.0)))
        return [
            RawBatch(self._feed, part_name(*part), got.offsets, got.records, got.bad)
            for part, got in self._gathered.items()
            if got.records or got.bad
        ]

    def unassign(self, reading: Reading) -> None:
        """Fetch no more of a partition, and forget what is held of it."""
        target = [TopicPartition(*reading.part)]
        if self._holding.pop(reading.part, None) is not None:
            reading.held.clear()
            self._consumer.resume(target)
        self._consumer.incremental_unassign(target)

    def _take_all(self, messages: list[Message]) -> None:
        """Take messages; those that are records as they are, here: a call for each would cost more than the rest."""
        as_is, looks_at_headers, limit = self._records.as_is, self._records.by_headers, self._limit
        simple = as_is or looks_at_headers
        last: Part | None = None
        reading: Reading | None = None
        for message in messages:
            part = (message.topic(), message.partition())
            if part != last:
                last, reading = part, self._readings.get(part)
                got = self._gathered.setdefault(part, Gathered())
            if simple and reading is not None and reading.stop_at is None and not reading.held:
                value, offset = message.value(), message.offset()
                if (
                    value is not None
                    and len(value) <= limit
                    and offset >= reading.position
                    and message.error() is None
                    and (as_is or message.headers() is None)
                ):
                    got.offsets.append(offset)
                    got.records.append(value)
                    reading.position, reading.at_end = offset + 1, False
                    continue
            self._take(message)
            last = None  # it may have set the partition aside

    def _take(self, message: Message) -> None:
        part = (message.topic(), message.partition())
        reading = self._readings.get(part)
        if reading is None or reading.ended():
            return  # fetched before the partition was set aside (it will be fetched again), or after its end
        if reading.held or not self._take_now(message, reading):
            if not reading.held:
                self._holding[part] = reading
                self._consumer.pause([TopicPartition(*part)])
            reading.held.append(message)

    def _take_now(self, message: Message, reading: Reading) -> bool:
        """Take a message; return whether it was: False while its schema is awaited."""
        error = message.error()
        offset = message.offset()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's name for it
                self._set_aside(reading, error)
                return True
            reading.position = max(reading.position, offset)
            reading.at_end = True
        elif offset < reading.position:
            return True
        elif reading.stop_at is not None and offset >= reading.stop_at:
            reading.position = reading.stop_at
        else:
            reading.at_end = False
            if not self._add(message, offset, reading):
                return False
            reading.position = offset + 1
        if reading.ended():
            self.unassign(reading)
        return True

    def _take_held(self, max_records: int) -> int:
        """Take what waited for schemas that are there now; return how many messages."""
        taken = 0
        for part, reading in list(self._holding.items()):
            while reading.held and taken < max_records and self._take_now(reading.held[0], reading):
                taken += 1
                if part in self._holding:  # else it was set aside, or has ended, and nothing is held any more
                    reading.held.popleft()
            if part in self._holding and not reading.held:
                del self._holding[part]
                self._consumer.resume([TopicPartition(*part)])
        return taken

    def _add(self, message: Message, offset: int, reading: Reading) -> bool:
        """Gather a message's record; return whether it was: False while its schema is awaited."""
        got = self._gathered.setdefault(reading.part, Gathered())
        try:
            value = self._records.record(message)
        except SchemaAwaited:
            return False
        except RecordError as error:
            raw = (message.value() or b"")[: self._limit]
            got.bad.append(BadRecord(offset, raw, error.reason, error.detail))
            return True
        got.offsets.append(offset)
        got.records.append(value)
        return True
