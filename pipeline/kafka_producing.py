"""How this program writes to Kafka: what a broker has acknowledged is in its log."""

from typing import Any, Final

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

WAITING: Final[dict[str, Any]] = {
    **LOSSLESS,
    # What is not delivered is not given up: whoever writes waits.
    "message.timeout.ms": 0,
    "compression.type": "lz4",
    "socket.keepalive.enable": True,
    "reconnect.backoff.max.ms": 2_000,
    "allow.auto.create.topics": False,
    "log_level": 0,
}
"""Properties of the producers of our own topics."""
