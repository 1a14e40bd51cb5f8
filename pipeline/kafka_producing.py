"""How this program writes to Kafka: what a broker has acknowledged is in its log."""

from typing import Any, Final

from config.kafka import LOSSLESS

__all__ = ["LOSSLESS", "WAITING"]

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
