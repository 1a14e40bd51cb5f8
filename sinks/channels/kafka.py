"""Kafka: writes the webhook's JSON to a topic, for programs that act on alerts. Written is what all replicas have.

A record that is written twice (a try whose answer got lost) has the same header ``idempotency-key`` twice.
"""

import threading
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from config.kafka import LOSSLESS, Bootstrap, ClientProperties, TopicName, check_properties, plain_properties
from config.secret import SecretMissingError
from sinks.checking import Checked
from sinks.contract import CHANNELS, ChannelSettings, Message, Reason, Receipt, permanent
from sinks.kafka_writer import KafkaWriter
from sinks.payload import encoded, webhook_payload

_OWNED: dict[str, str | None] = {
    **dict.fromkeys(LOSSLESS),
    "bootstrap.servers": "bootstrap",
    "max.in.flight": None,
    "request.required.acks": None,
    "delivery.timeout.ms": "timeout",
    "message.timeout.ms": "timeout",
    "message.max.bytes": "max_bytes",
    "transactional.id": None,
    "error_cb": None,
    "logger": None,
    "log_level": None,
}
_TUNING: dict[str, Any] = {
    "linger.ms": 0,
    "socket.keepalive.enable": True,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
    "allow.auto.create.topics": False,
    # The client's own log repeats every attempt, and names properties. What matters comes with the report.
    "log_level": 0,
}
_SHORTEST = 100
_ROOM_BYTES = 1_024
"""Of ``max_bytes``, for key, headers and what Kafka adds."""


class KafkaChannelSettings(ChannelSettings):
    """Settings of a Kafka channel.

    Attributes:
        bootstrap: servers to ask first, ``host:port``; a list, or one text with commas.
        topic: is written to; it must be there.
        max_bytes: the longest record that topic and broker take (``max.message.bytes``). A notification that is longer
            loses alerts from its end, which ``truncatedAlerts`` counts.
        properties: any further property of the client (librdkafka's names), for security above all, as in a feed of
            type ``kafka``. Passwords are given as ``{env: NAME}`` or ``{file: PATH}``.
    """

    keeps_state: ClassVar[bool] = True

    type: Literal["kafka"]
    bootstrap: Bootstrap
    topic: TopicName
    max_bytes: int = Field(default=1_000_000, ge=10_000, le=1_000_000_000)
    properties: ClientProperties = Field(default={})

    def model_post_init(self, context: object, /) -> None:
        """Check that the properties are the user's to set."""
        check_properties(self.properties, _OWNED, "channel")


@CHANNELS.register("kafka", KafkaChannelSettings)
class KafkaChannel:
    """One record for each notification; one recipient: the topic."""

    def __init__(self, name: str, settings: KafkaChannelSettings) -> None:
        self.name = name
        self.recipients: tuple[str, ...] = (settings.topic,)
        self._settings = settings
        self._lock = threading.Lock()
        self._writer: KafkaWriter | None = None

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Write one record and wait for the broker's word."""
        writer = self._current()
        place = writer.write(
            self._settings.topic,
            message.notification.thread or message.notification.alerts[0].fingerprint,
            record_value(webhook_payload(message), self._settings.max_bytes - _ROOM_BYTES),
            {"idempotency-key": message.key, "content-type": "application/json"},
            timeout_s,
        )
        return [Receipt(recipient=name, outcome="delivered", provider_id=place) for name in recipients]

    def check(self, timeout_s: float) -> list[Checked]:
        """Ask the cluster for the topic; write nothing."""
        number = self._current().ask(self._settings.topic, timeout_s)
        return [Checked(subject=self._settings.topic, said=f"the topic has {number} partitions")]

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
            self._writer = None

    def _current(self) -> KafkaWriter:
        """Return the client; another one when a secret has changed or the last one is of no more use."""
        try:
            given = plain_properties(self._settings.properties)
        except SecretMissingError as error:
            raise permanent(Reason.AUTH, str(error)) from error
        properties = {
            **_TUNING,
            **given,
            **LOSSLESS,
            "bootstrap.servers": ",".join(self._settings.bootstrap),
            "message.max.bytes": self._settings.max_bytes,
            "message.timeout.ms": max(1, self._settings.timeout // 1_000),
        }
        with self._lock:
            if self._writer is None or not self._writer.fits(properties):
                # One that others still write with closes itself when they are done.
                self._writer = KafkaWriter(properties)
            return self._writer


def record_value(payload: dict[str, Any], max_bytes: int) -> bytes:
    """Return the payload as JSON of at most ``max_bytes``: alerts go first, then the ends of the longest texts."""
    value = encoded(payload)
    if len(value) <= max_bytes:
        return value
    alerts, dropped = list(payload["alerts"]), 0
    over = len(value) - max_bytes
    while over > 0 and len(alerts) > 1:
        over -= len(encoded(alerts.pop())) + 1  # and its comma
        dropped += 1
    payload = {**payload, "alerts": alerts, "truncatedAlerts": payload["truncatedAlerts"] + dropped}
    longest = max_bytes
    while len(value := encoded(payload)) > max_bytes and longest > _SHORTEST:
        longest //= 2
        payload = _shortened(payload, longest)
    return value


def _shortened(value: Any, longest: int) -> Any:
    """Return ``value`` with every text in it cut to ``longest`` characters. Names and keys are shorter than that."""
    if isinstance(value, str):
        return value if len(value) <= longest else value[: longest - 1] + "…"
    if isinstance(value, dict):
        return {name: _shortened(one, longest) for name, one in value.items()}
    return [_shortened(one, longest) for one in value] if isinstance(value, list) else value
