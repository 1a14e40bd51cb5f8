"""What Twilio says of a message or a call after it has taken it over: its statuses, and its error codes in words.

Sources: https://www.twilio.com/docs/messaging/api/message-resource#message-status-values,
https://www.twilio.com/docs/voice/api/call-resource#call-status-values, https://www.twilio.com/docs/api/errors.
"""

from collections.abc import Mapping

from alerts.model import ReceiptOutcome, ReceiptRecord, ReceiptWay
from sinks.contract import Failure, Reason
from sinks.twilio_errors import ERRORS

_OUTCOMES: Mapping[str, ReceiptOutcome] = {
    # messages
    "accepted": "accepted",
    "scheduled": "accepted",
    "queued": "accepted",
    "sending": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
    # calls; some of their words are those of messages
    "initiated": "accepted",
    "ringing": "accepted",
    "in-progress": "accepted",
    "completed": "delivered",
    "busy": "failed",
    "no-answer": "failed",
}
_CALLS: Mapping[str, str] = {"busy": "the line was busy", "no-answer": "nobody answered"}
_UNKNOWN_ERROR = 30008
_WORDS: Mapping[int, str] = {
    21610: "the recipient has unsubscribed",
    30001: "too much is queued",
    30002: "the account is suspended",
    30003: "the phone cannot be reached: off, or without network",
    30004: "blocked by the recipient or the carrier",
    30005: "there is no such number, or it is out of service",
    30006: "a landline, or a carrier that cannot be reached",
    30007: "filtered as spam by Twilio or the carrier",
    30008: "unknown error",
    30009: "a part of the message was lost",
    30010: "it costs more than the account's maximum price",
    30022: "more than the carrier takes from this sender",
    30023: "more than the carrier takes from this sender in a day",
    30024: "the sender is not provisioned with the carrier",
    30032: "the toll-free sender is not verified",
    30034: "the sender is not registered with the carriers (A2P 10DLC)",
    30036: "not delivered before it ran out",
    30410: "the carrier did not answer in time",
}


def outcome_of(status: str) -> ReceiptOutcome:
    """Return what a status means; one that Twilio adds some day says nothing yet.

    >>> outcome_of("sent"), outcome_of("undelivered"), outcome_of("something-new")
    ('accepted', 'failed', 'accepted')
    """
    return _OUTCOMES.get(status, "accepted")


def failure_of(status: str, code: int | None) -> Failure:
    """Return why a message or call did not arrive.

    Args:
        status: one of those that mean so.
        code: Twilio's error code; None: it gave none.
    """
    if status in _CALLS:
        return Failure(
            reason=Reason.NO_RECEIPT, permanent=False, detail=f"the call ended as {status}: {_CALLS[status]}"
        )
    number = code or _UNKNOWN_ERROR
    reason, permanent = ERRORS.get(number, (Reason.REJECTED, True))
    words = f": {_WORDS[number]}" if number in _WORDS else f" (https://www.twilio.com/docs/api/errors/{number})"
    said = f"Twilio says {status}, error {number}{words}" if code else f"Twilio says {status}, and not why"
    return Failure(reason=reason, permanent=permanent, detail=said)


def receipt_of(
    channel: str, recipient: str, sid: str, status: str, code: int | None, at_us: int, via: ReceiptWay
) -> ReceiptRecord:
    """Return a status as it is recorded."""
    outcome = outcome_of(status)
    failure = failure_of(status, code) if outcome == "failed" else None
    return ReceiptRecord(
        channel=channel,
        recipient=recipient,
        provider_id=sid,
        status=status if status in _OUTCOMES else "other",
        outcome=outcome,
        reason="" if failure is None else str(failure.reason),
        detail="" if failure is None else failure.detail,
        at_us=at_us,
        via=via,
    )
