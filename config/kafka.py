"""What all settings of a connection to Kafka have in common: servers, topics, properties of the client."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from config.secret import SecretRef

LOSSLESS: Final[dict[str, Any]] = {
    "acks": "all",
    "enable.idempotence": True,
    # With several requests on their way, the first to a partition that was just made can fail and the second be taken;
    # the broker then holds the first, sent again, for an old one, and the client says that it was written. It was not
    # (KAFKA-15591; measured with 4.1.1: once in some hundred new topics). One request holds many records, so that
    # little is lost by waiting for its answer.
    "max.in.flight.requests.per.connection": 1,
}
"""Properties of every producer; they go over what a user has set."""

_SECRET = re.compile(r"password|secret|\.key\.pem$|^ssl\.key$|sasl\.oauthbearer\.config")


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _host_and_port(servers: list[str]) -> list[str]:
    for server in servers:
        if not re.fullmatch(r"(\w+://)?(\[[0-9a-fA-F:.%]+\]|[^\s:/\[\]]+):\d{1,5}", server):
            msg = f"{server!r} is not a server: write host:port, like kafka.example.com:9092"
            raise ValueError(msg)
    return servers


def _topic(topic: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", topic):
        msg = f"{topic!r} is not a topic: 1 to 249 letters, digits, dots, underscores and hyphens"
        raise ValueError(msg)
    return topic


Bootstrap = Annotated[list[str], Field(min_length=1), BeforeValidator(_split), AfterValidator(_host_and_port)]
"""Servers to ask first, ``host:port``: a list, or one text with commas."""
TopicName = Annotated[str, AfterValidator(_topic)]
ClientProperties = dict[str, str | bool | int | float | SecretRef]
"""Properties of librdkafka; passwords as ``{env: NAME}`` or ``{file: PATH}``."""


def check_properties(properties: Mapping[str, object], owned: Mapping[str, str | None], owner: str) -> None:
    """Refuse properties that are ours, and secrets in plain text.

    Args:
        properties: as a user has set them.
        owned: what Makegood sets itself, and under which key of the settings it is written, if under any.
        owner: whose settings these are, in a word: ``feed``, ``channel``.

    Raises:
        ValueError: naming the property and what to write instead.
    """
    for name, value in properties.items():
        if name in owned:
            instead = f"; write it as {owned[name]!r} of the {owner}" if owned[name] else ""
            msg = f"properties: {name!r} is set by Makegood{instead}"
            raise ValueError(msg)
        if _SECRET.search(name) and not isinstance(value, SecretRef) and not name.endswith(".location"):
            msg = f"properties: {name!r} is a secret: write {{env: NAME}} or {{file: PATH}} in place of the value"
            raise ValueError(msg)


def plain_properties(properties: Mapping[str, str | bool | int | float | SecretRef]) -> dict[str, Any]:
    """Return the properties with their secrets in plain text: for the client alone, never to be logged.

    Raises:
        SecretMissingError: naming the variable or file.
    """
    return {
        name: value.resolve().get_secret_value() if isinstance(value, SecretRef) else value
        for name, value in properties.items()
    }
