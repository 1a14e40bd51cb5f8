"""A marked test message through one channel: what the far side answered, and what became of it."""

import time
import uuid
from collections.abc import Callable, Sequence

import msgspec

from detectors.contract import alert_change
from sinks.checking import ReportsLater
from sinks.contract import Channel, DeliveryError, Failure, Message, Notification, Reason, Receipt

ALERT_NAME = "MakegoodTest"
_FIRST_WAIT_S, _MAX_WAIT_S = 0.25, 4.0

Words = Callable[[Notification], Message]
"""Makes the message of a notification, in the channel's words."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one test message.

    Attributes:
        key: idempotency key, to find it by at the far side.
        status: ``firing`` or ``resolved``.
        receipts: what became of it, by recipient.
        took_us: how long sending took; waiting for what becomes of it later is not counted.
    """

    key: str
    status: str
    receipts: tuple[Receipt, ...]
    took_us: int

    @property
    def failed(self) -> bool:
        """Whether any recipient was not reached."""
        return any(receipt.outcome == "failed" for receipt in self.receipts)


def trial_notification(channel: str, now_us: int, *, number: str, resolved: bool = False) -> Notification:
    """Return a notification that says what it is: a test, about nothing.

    Args:
        channel: name of the channel.
        now_us: the time.
        number: tells one test from another.
        resolved: whether it tells that the test is over.
    """
    step = "resolved" if resolved else "firing"
    alert = alert_change(
        step=step,
        at_us=now_us,
        status="resolved" if resolved else "firing",
        labels={"alertname": ALERT_NAME, "severity": "info", "channel": channel, "test": number},
        annotations={
            "summary": f"Test of the channel {channel}: nothing is wrong",
            "description": "Somebody tries whether messages of Makegood arrive here. There is nothing to do.",
        },
        starts_at_us=now_us,
        ends_at_us=now_us if resolved else None,
    )
    return Notification(
        key=f"mg-{uuid.uuid5(uuid.NAMESPACE_URL, f'urn:makegood:test:{number}:{step}').hex}",
        receiver="test",
        alerts=(alert,),
        group_labels={"alertname": ALERT_NAME, "channel": channel},
        accepted_us=now_us,
        thread=f"mg-test-{number}",
        kind="test",
        notes=("This is a test.",),
    )


def try_channel(
    channel: Channel,
    words: Words,
    now_us: int,
    timeout_s: float,
    *,
    recipients: Sequence[str] = (),
    wait_s: float = 0.0,
    close: bool = False,
) -> list[Trial]:
    """Send a test message, and close what it opened at the far side. Never raises for a failure.

    Args:
        channel: to try.
        words: makes the message.
        now_us: the time.
        timeout_s: of each message, in seconds.
        recipients: some of the channel's; none: all.
        wait_s: how long to wait for what becomes of messages that were only accepted, where the provider says so later.
        close: send that the test is over, too: for a far side that keeps what fires open (``keeps_state``).
    """
    number = uuid.uuid4().hex[:12]
    wanted = tuple(recipients) or channel.recipients
    trials = [_send(channel, words(trial_notification(channel.name, now_us, number=number)), wanted, timeout_s, wait_s)]
    reached = [receipt for receipt in trials[0].receipts if receipt.outcome != "failed"]
    if reached and close:
        over = words(trial_notification(channel.name, now_us, number=number, resolved=True))
        over = msgspec.structs.replace(over, earlier={one.recipient: one.provider_id for one in reached})
        trials.append(_send(channel, over, [one.recipient for one in reached], timeout_s, wait_s))
    return trials


def _send(channel: Channel, message: Message, recipients: Sequence[str], timeout_s: float, wait_s: float) -> Trial:
    began_s = time.monotonic()
    try:
        receipts = channel.send(message, recipients, timeout_s)
    except DeliveryError as error:
        receipts = _all_failed(recipients, error.failure)
    except Exception as error:  # a defect of the channel; its text can hold secrets
        detail = f"defect in the channel: {type(error).__name__}"
        receipts = _all_failed(recipients, Failure(reason=Reason.INTERNAL, permanent=True, detail=detail))
    took_us = round((time.monotonic() - began_s) * 1_000_000)
    status = message.notification.status
    settled = tuple(_settled(channel, one, timeout_s, began_s + wait_s) for one in receipts)
    return Trial(key=message.key, status=status, receipts=settled, took_us=took_us)


def _settled(channel: Channel, receipt: Receipt, timeout_s: float, end_s: float) -> Receipt:
    """Return what became of a message that was accepted, as far as it is known in time."""
    wait_s = _FIRST_WAIT_S
    while receipt.outcome == "accepted" and receipt.provider_id and isinstance(channel, ReportsLater):
        if time.monotonic() + wait_s > end_s:
            return receipt
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, _MAX_WAIT_S)
        try:
            receipt = channel.result(receipt.recipient, receipt.provider_id, timeout_s)
        except DeliveryError:
            continue
    return receipt


def _all_failed(recipients: Sequence[str], failure: Failure) -> list[Receipt]:
    return [Receipt(recipient=name, outcome="failed", failure=failure) for name in recipients]
