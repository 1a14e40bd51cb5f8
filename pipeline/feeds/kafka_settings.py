"""Settings of the Kafka feed, and what the client is told besides."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from config.secret import SecretRef
from pipeline.feeds.contract import FeedSettings
from pipeline.feeds.kafka_registry_settings import RegistrySettings

_OWNED = {
    "bootstrap.servers": "bootstrap",
    "auto.offset.reset": "start",
    "enable.auto.commit": None,
    "enable.auto.offset.store": None,
    "enable.partition.eof": None,
    "error_cb": None,
    "logger": None,
}
_SECRET = re.compile(r"password|secret|\.key\.pem$|^ssl\.key$|sasl\.oauthbearer\.config")
_TUNING: dict[str, Any] = {
    "group.id": "makegood",  # the client demands one; nothing is ever committed under it
    # A reader that fills its queue of 100,000 records would otherwise wait a second before it fetches again.
    "fetch.queue.backoff.ms": 5,
    "fetch.wait.max.ms": 100,
    "fetch.error.backoff.ms": 100,
    "queued.max.messages.kbytes": 32_768,
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
    bootstrap: Annotated[list[str], Field(min_length=1)]
    topics: Annotated[list[str], Field(min_length=1)]
    start: Literal["earliest", "latest"] = "earliest"
    value: Literal["json", "avro", "protobuf", "json_schema"] = "json"
    schema_registry: RegistrySettings | None = None
    cloudevents: Literal["auto", "binary", "structured"] = "auto"
    repartition: bool = False
    properties: dict[str, str | bool | int | float | SecretRef] = Field(default={})

    @field_validator("bootstrap", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("bootstrap")
    @classmethod
    def _host_and_port(cls, servers: list[str]) -> list[str]:
        for server in servers:
            if not re.fullmatch(r"(\w+://)?(\[[0-9a-fA-F:.%]+\]|[^\s:/\[\]]+):\d{1,5}", server):
                msg = f"{server!r} is not a server: write host:port, like kafka.example.com:9092"
                raise ValueError(msg)
        return servers

    @field_validator("topics")
    @classmethod
    def _distinct(cls, topics: list[str]) -> list[str]:
        for topic in topics:
            if not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", topic):
                msg = f"{topic!r} is not a topic: 1 to 249 letters, digits, dots, underscores and hyphens"
                raise ValueError(msg)
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
        for name, value in self.properties.items():
            if name in _OWNED:
                instead = f"; write it as {_OWNED[name]!r} of the feed" if _OWNED[name] else ""
                msg = f"properties: {name!r} is set by Makegood{instead}"
                raise ValueError(msg)
            if _SECRET.search(name) and not isinstance(value, SecretRef) and not name.endswith(".location"):
                msg = f"properties: {name!r} is a secret: write {{env: NAME}} or {{file: PATH}} in place of the value"
                raise ValueError(msg)
        return self

    def client_properties(self) -> dict[str, Any]:
        """Return the properties of the client, secrets in plain text: for the client alone, never to be logged.

        Raises:
            SecretMissingError: naming the variable or file.
        """
        given = {
            name: value.resolve().get_secret_value() if isinstance(value, SecretRef) else value
            for name, value in self.properties.items()
        }
        return {**_TUNING, **given, "bootstrap.servers": ",".join(self.bootstrap)}
