"""Settings of the Kafka feed, and what the client is told besides."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from config.kafka import Bootstrap, ClientProperties, TopicName, check_properties, plain_properties
from pipeline.feeds.contract import FeedSettings
from pipeline.feeds.kafka_registry_settings import RegistrySettings

_OWNED: dict[str, str | None] = {
    "bootstrap.servers": "bootstrap",
    "auto.offset.reset": "start",
    "enable.auto.commit": None,
    "enable.auto.offset.store": None,
    "enable.partition.eof": None,
    "error_cb": None,
    "logger": None,
}
_TUNING: dict[str, Any] = {
    "group.id": "makegood",  # the client demands one; nothing is ever committed under it
    # A reader that fills its queue of 100,000 records would otherwise wait a second before it fetches again.
    "fetch.queue.backoff.ms": 5,
    # An answer for every few records costs brokers and us more than the records do: 15 ms of them come at once.
    "fetch.wait.max.ms": 15,
    "fetch.min.bytes": 131_072,
    "fetch.error.backoff.ms": 100,
    # Behind a backlog the queue is full: as small as it is, records in it are still in the processor's cache when they
    # are read. One of more bytes is fetched all the same.
    "queued.max.messages.kbytes": 4_096,
    "reconnect.backoff.max.ms": 2_000,
    "socket.timeout.ms": 10_000,
    "socket.keepalive.enable": True,
    "allow.auto.create.topics": False,
    # The client's own log repeats every attempt. Errors come by callback and are logged when something changes.
    "log_level": 0,
}


class KafkaSettings(FeedSettings):
    """A Kafka topic, or several.

    Attributes:
        bootstrap: servers to ask first, ``host:port``; a list, or one text with commas.
        topics: the topics; all their partitions are read, also those that are added later.
        start: where to begin a partition that has no position yet. A replay always begins at the earliest record.
        value: what the values of records are: JSON, or Avro, Protobuf or JSON Schema in the wire format of Confluent's
            serializers (the schema's id before the value, or in the header ``__value_schema_id``). Each becomes a JSON
            object, for mappings like any other.
        schema_registry: where the schemas are. ``avro`` and ``protobuf`` need it; with ``json_schema`` it proves that
            the schema of a record is there, which the record is read without.
        cloudevents: how records carry CloudEvents. ``binary``: attributes in headers (``ce_id``, ...), the value is
            their data. ``structured``: the value is the whole event; headers are not looked at. ``auto``: without a
            mapping each record's own headers say which, with one they are not looked at.
        repartition: with ``scale``, where events of one case are not in one partition, or topics have another number
            of partitions than ``scale.partitions``: ``makegood repartition`` reads the topics and sorts the events.
        properties: any further property of the client (librdkafka's names), for security above all. Passwords are given
            as ``{env: NAME}`` or ``{file: PATH}``.
    """

    type: Literal["kafka"] = "kafka"
    bootstrap: Bootstrap
    topics: Annotated[list[TopicName], Field(min_length=1)]
    start: Literal["earliest", "latest"] = "earliest"
    value: Literal["json", "avro", "protobuf", "json_schema"] = "json"
    schema_registry: RegistrySettings | None = None
    cloudevents: Literal["auto", "binary", "structured"] = "auto"
    repartition: bool = False
    properties: ClientProperties = Field(default={})

    @field_validator("topics")
    @classmethod
    def _distinct(cls, topics: list[str]) -> list[str]:
        if len(set(topics)) != len(topics):
            msg = "a topic is named twice"
            raise ValueError(msg)
        return topics

    @model_validator(mode="after")
    def _registry_where_one_is_needed(self) -> Self:
        if self.schema_registry is None and self.value in {"avro", "protobuf"}:
            msg = f"value: {self.value} needs a schema_registry: write schema_registry: {{url: https://...}}"
            raise ValueError(msg)
        if self.schema_registry is not None and self.value == "json":
            msg = "a schema_registry is of no use with value: json; write value: avro, protobuf or json_schema"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _only_what_is_the_users(self) -> Self:
        check_properties(self.properties, _OWNED, "feed")
        return self

    def client_properties(self) -> dict[str, Any]:
        """Return the properties of the client, secrets in plain text: for the client alone, never to be logged.

        Raises:
            SecretMissingError: naming the variable or file.
        """
        given = plain_properties(self.properties)
        tuning = dict(_TUNING)
        if "fetch.wait.max.ms" in given:  # it was chosen for brokers that answer as soon as there is anything
            del tuning["fetch.min.bytes"]
        return {**tuning, **given, "bootstrap.servers": ",".join(self.bootstrap)}
