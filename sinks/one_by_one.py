"""Sends to recipients one after the other, and stops where the rest would meet the same failure."""

import time
from collections.abc import Callable, Sequence

import msgspec

from sinks.contract import DeliveryError, Failure, Reason, Receipt

_ALL_ALIKE = {Reason.AUTH, Reason.UNREACHABLE, Reason.TIMEOUT, Reason.RATE_LIMITED, Reason.SERVER_ERROR}
"""Failures that the next recipient would meet too; trying would only cost time."""


def one_by_one(recipients: Sequence[str], timeout_s: float, send_one: Callable[[str, float], Receipt]) -> list[Receipt]:
    """Return one receipt for each of ``recipients``.

    Args:
        recipients: whom to send to, in this order.
        timeout_s: for all of them, in seconds.
        send_one: ``send_one(recipient, seconds left)``; raises :class:`DeliveryError`.
    """
    end_s = time.monotonic() + timeout_s
    receipts: list[Receipt] = []
    hopeless: Failure | None = None
    for recipient in recipients:
        left_s = end_s - time.monotonic()
        if hopeless is None and left_s <= 0:
            hopeless = Failure(reason=Reason.TIMEOUT, permanent=False, detail="no time was left")
        if hopeless is not None:
            receipts.append(Receipt(recipient=recipient, outcome="failed", failure=hopeless))
            continue
        try:
            receipts.append(send_one(recipient, left_s))
        except DeliveryError as error:
            receipts.append(Receipt(recipient=recipient, outcome="failed", failure=error.failure))
            if error.failure.reason in _ALL_ALIKE:
                # Nothing was sent to the others: for them nothing is ambiguous.
                hopeless = msgspec.structs.replace(error.failure, ambiguous=False)
    return receipts
