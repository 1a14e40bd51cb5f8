"""Transport: renders the message and hands it to the channel. The only stage that talks to the outside."""

import traceback
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec
import structlog

from sinks.contract import DeliveryError, Failure, Reason, Receipt
from sinks.outbox import Outbox
from sinks.receipts import Reporting
from sinks.render import Renderer
from sinks.stages.contract import Attempt, Outcome, target_of

_log = structlog.get_logger("makegood.notifier")


class Step(StrEnum):
    """The steps of a notifier, between any two of which it may die. The first four are about many alerts: no key."""

    LOOKED = "looked"
    ROUTED = "routed"
    DECIDED = "decided"
    WRITTEN = "written"
    CLAIMED = "claimed"
    RENDERED = "rendered"
    SENDING = "sending"
    SENT = "sent"
    RECORDED = "recorded"
    ACKED = "acked"


StepHook = Callable[[Step, str], None]
"""Called with the step and the notification's key after each step. For tests that kill."""


class Transport:
    """Renders, writes down that it is about to send (unless the lease is lost), sends.

    Args:
        lease_us: how long beyond the try's timeout the notification stays ours.
        renderer: makes the message.
        reporting: where the far side reports; None: nowhere.
    """

    def __init__(
        self, outbox: Outbox, lease_us: int, on_step: StepHook, renderer: Renderer, reporting: Reporting | None = None
    ) -> None:
        self._renderer = renderer
        self._reporting = reporting
        self._outbox = outbox
        self._lease_us = lease_us
        self._on_step = on_step

    def __call__(self, attempt: Attempt) -> Outcome:
        """Send now, once."""
        message = self._renderer(attempt.notification, attempt.settings, attempt.notes)
        earlier = attempt.claim.earlier.get(attempt.channel.name)
        if earlier:
            message = msgspec.structs.replace(message, earlier=earlier)
        if self._reporting is not None:
            message = self._reporting.addressed(message, attempt.channel.name)
        self._on_step(Step.RENDERED, message.key)
        target = target_of(attempt.tier_number, attempt.channel.name)
        self._outbox.begin(attempt.claim, attempt.timeout_us + self._lease_us, target)
        self._on_step(Step.SENDING, message.key)
        try:
            receipts = attempt.channel.send(message, attempt.recipients, attempt.timeout_us / 1_000_000)
        except DeliveryError as error:
            receipts = all_failed(attempt.recipients, error.failure)
        except Exception as error:  # a defect of the channel must neither lose the message nor stop the others
            where = "".join(traceback.format_tb(error.__traceback__))  # no message, no locals: they can hold secrets
            _log.error("channel_defect", channel=attempt.channel.name, error=type(error).__name__, where=where)
            detail = f"defect in the channel: {type(error).__name__}; see the log"
            failure = Failure(reason=Reason.INTERNAL, permanent=True, detail=detail, ambiguous=True)
            receipts = all_failed(attempt.recipients, failure)
        self._on_step(Step.SENT, message.key)
        failure_ = overall([receipt.failure for receipt in receipts if receipt.failure is not None])
        plain = message.failure is not None
        if failure_ is None and message.failure is not None:
            failure_ = message.failure
        return Outcome(
            kind="done" if failure_ is None else "failed", failure=failure_, receipts=tuple(receipts), plain=plain
        )


def all_failed(recipients: Sequence[str], failure: Failure) -> list[Receipt]:
    """Return one failed receipt for each recipient."""
    return [Receipt(recipient=name, outcome="failed", failure=failure) for name in recipients]


def overall(failures: Sequence[Failure]) -> Failure | None:
    """Return one failure for those of several recipients: worth another try when one of them is."""
    if not failures:
        return None
    hopeful = [failure for failure in failures if not failure.permanent and not failure.ambiguous]
    first = hopeful[0] if hopeful else failures[0]
    waits = [failure.retry_after_us for failure in failures if failure.retry_after_us is not None]
    times = [failure.retry_at_us for failure in failures if failure.retry_at_us is not None]
    return Failure(
        reason=first.reason,
        permanent=first.permanent,
        detail="; ".join(dict.fromkeys(failure.detail for failure in failures)),
        ambiguous=first.ambiguous,
        retry_after_us=max(waits) if waits else None,
        retry_at_us=max(times) if times else None,
    )
