"""From a Kafka message to one JSON object."""

from typing import Protocol

from pipeline.feeds.kafka_cloudevents import CONTENT_TYPE, Headers, envelope, is_binary, is_structured
from pipeline.feeds.kafka_reading import Message
from pipeline.feeds.kafka_settings import KafkaSettings
from pipeline.reasons import Reason, RecordError


class Values(Protocol):
    """Makes values JSON that are not."""

    @property
    def trouble(self) -> str | None:
        """Why schemas are not there yet; None while all is well."""

    def json(self, value: bytes, headers: Headers) -> bytes:
        """Return a value as JSON.

        Raises:
            SchemaAwaited: its schema is not there yet; ask again later.
            RecordError: it cannot be read.
        """
        ...

    def close(self) -> None:
        """Release what was opened."""
        ...


class SchemaAwaited(Exception):
    """The schema of a record has been asked for and is not there yet."""


class Records:
    """What messages say.

    Args:
        settings: of the feed.
        values: None where values are JSON.

    Attributes:
        as_is: every value is a record already.
        by_headers: a value whose message has no headers is a record already.
    """

    def __init__(self, settings: KafkaSettings, values: Values | None) -> None:
        self._values = values
        self._binary = settings.cloudevents == "binary"
        self._by_headers = settings.cloudevents == "auto" and settings.mapping is None
        self._limit = settings.max_record_bytes
        self.as_is = values is None and settings.cloudevents != "binary" and not self._by_headers
        self.by_headers = values is None and self._by_headers

    def record(self, message: Message) -> bytes:
        """Return the record that a message holds.

        Raises:
            SchemaAwaited: the schema of its value is not there yet.
            RecordError: it holds none.
        """
        value = message.value()
        headers = message.headers() or ()
        if value is not None and len(value) > self._limit:
            detail = f"{len(value)} bytes, more than max_record_bytes ({self._limit}); kept up to that"
            raise RecordError(Reason.TOO_LARGE, detail)
        binary = self._binary or (self._by_headers and not is_structured(headers) and is_binary(headers))
        if self._binary and is_structured(headers):
            detail = f"header {CONTENT_TYPE}: the value is a whole event, and the feed says cloudevents: binary"
            raise RecordError(Reason.INVALID_VALUE, detail)
        if value is not None and self._values is not None:
            value = self._values.json(value, headers)
        if binary:
            return envelope(headers, value, decoded=self._values is not None)
        if value is None:
            raise RecordError(Reason.NOT_AN_OBJECT, "empty value (tombstone)")
        return value
