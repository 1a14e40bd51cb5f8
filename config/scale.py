"""Settings of several flow processes that share the work."""

import re
from typing import Annotated

from pydantic import Field, field_validator

from config.base import SettingsModel
from config.secret import SecretRef

_TOPIC = r"^[a-zA-Z0-9._-]{1,200}$"
_TOPIC_PREFIX = r"^[a-zA-Z0-9._-]{1,180}$"


class ScaleSettings(SettingsModel):
    """How several flow processes share the work, each with its own partitions of the feeds' Kafka topics.

    All events of a case must be in partitions of one number: topics keyed by the case, or by the customer, with
    ``partitions`` partitions. Topics that are not are sorted first: ``repartition: true`` at their feed.

    Attributes:
        bootstrap: servers of the cluster for the topics between the processes, ``host:port``.
        partitions: number of partitions of the feeds' topics and of those between the processes. No more processes
            than this can share the work. State is bound to it: choose it for years.
        panes_topic: carries the sums of windows to the processes that judge them; made where it is missing.
        events_topic: carries the events of feeds with ``repartition: true``, each in a topic of its own that has the
            feed's name behind this one and a dot; made where they are missing.
        replication: copies of the topics that are made.
        properties: further properties of the clients (librdkafka's names), for security above all. Passwords are given
            as ``{env: NAME}`` or ``{file: PATH}``.
    """

    bootstrap: Annotated[list[str], Field(min_length=1)]
    partitions: Annotated[int, Field(ge=1, le=1024)]
    panes_topic: Annotated[str, Field(pattern=_TOPIC)] = "makegood.panes"
    events_topic: Annotated[str, Field(pattern=_TOPIC_PREFIX)] = "makegood.events"
    replication: Annotated[int, Field(ge=1)] = 1
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
