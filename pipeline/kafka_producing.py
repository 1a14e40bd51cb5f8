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
