"""Awaiting: a tier whose messages were accepted has not delivered before their receipts say so."""

import time

import msgspec
import structlog

from alerts.model import ReceiptRecord, Try
from sinks.checking import ReportsLater
from sinks.contract import Channel, DeliveryError, Failure
from sinks.metrics import NotifierMetrics
from sinks.outbox import Claim, Outbox
from sinks.progress import Progress
from sinks.receipts import PASSED_ON, failure_of, judge, next_ask_us, none_came, unrecorded
from sinks.stages.contract import Clock

_log = structlog.get_logger("makegood.notifier")


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """How a tier stands that waits for receipts.

    Attributes:
        reached: recipients that it has reached, by their receipts.
        failure: why the tier has failed; None while it has not.
        failed: recipients of the failure.
        blamed: whether the failure says something about the channel.
        until_us: when to look again although no receipt comes; None: there is nothing to wait for.
    """

    reached: frozenset[str] = frozenset()
    failure: Failure | None = None
    failed: tuple[str, ...] = ()
    blamed: bool = True
    until_us: int | None = None


class Awaiting:
    """Judges what receipts say, and asks the far side where it does not report by itself.

    Args:
        outbox: keeps receipts.
        metrics: counts them.
        clock: of the notifier.
        longest_us: how long asking may take at most, because the lease does not last longer.
        told: the far side is asked to report to us.
    """

    def __init__(
        self, outbox: Outbox, metrics: NotifierMetrics, clock: Clock, longest_us: int, *, told: frozenset[str]
    ) -> None:
        self._outbox = outbox
        self._metrics = metrics
        self._clock = clock
        self._longest_us = longest_us
        self._told = told

    def look(self, claim: Claim, channel: Channel, within: int, timeout_us: int) -> Waiting:
        """Return how a tier stands, and ask about it when that is due.

        Args:
            claim: its ``progress`` says who is waited for; receipts that are fetched are added to it.
            channel: of the tier.
            within: how long receipts are waited for.
            timeout_us: of asking once.
        """
        progress = claim.progress
        if not progress.awaiting:
            return Waiting()
        now_us = self._clock()
        if progress.awaiting_since_us is None or progress.awaiting_since_us > now_us:
            progress.awaiting_since_us = now_us  # the clock was set back
        since_us = progress.awaiting_since_us
        standing = judge(progress.awaiting, claim.receipts, channel.name)
        told = channel.name in self._told
        if standing.state == "open" and now_us >= next_ask_us(since_us, progress.asked, within, told=told):
            self._ask(claim, channel, standing.open, timeout_us)
            progress.asked += 1
            standing = judge(progress.awaiting, claim.receipts, channel.name)
            now_us = self._clock()
        if standing.failed:
            failed = tuple(one.recipient for one in standing.failed)
            failure = failure_of(standing.failed, channel.name)
            if standing.open:  # of these nothing is known
                failure = msgspec.structs.replace(failure, ambiguous=True)
            blamed = any(one.status != PASSED_ON for one in standing.failed)
            return Waiting(reached=standing.delivered, failure=failure, failed=failed, blamed=blamed)
        if not standing.open:
            return Waiting(reached=standing.delivered)
        if now_us >= since_us + within:
            return Waiting(reached=standing.delivered, failure=none_came(within), failed=tuple(standing.open))
        due_us = next_ask_us(since_us, progress.asked, within, told=told)
        return Waiting(reached=standing.delivered, until_us=max(due_us, now_us + 1))

    def pause_us(self, claim: Claim, channel: str, within: int) -> int:
        """Return how long a message that was accepted just now can be left alone."""
        since_us = self._clock() if claim.progress.awaiting_since_us is None else claim.progress.awaiting_since_us
        due_us = next_ask_us(since_us, claim.progress.asked, within, told=channel in self._told)
        return max(1, due_us - self._clock())

    def adopt(self, claim: Claim, channel: str) -> Try | None:
        """Take over messages of which only receipts are known, as a try; None when there are none."""
        progress: Progress = claim.progress
        found = unrecorded(claim.tries, claim.receipts, channel)
        if not found:
            return None
        now_us = self._clock()
        progress.awaiting = {**progress.awaiting, **{name: one.provider_id for name, one in found.items()}}
        progress.awaiting_since_us = now_us
        progress.asked = 0
        return Try(
            tier=progress.tier + 1,
            channel=channel,
            outcome="accepted",
            detail="sent by a notifier that died before it could record it; known by its receipts",
            at_us=now_us,
            recipients=tuple(found),
            provider_ids=dict(progress.awaiting),
        )

    def _ask(self, claim: Claim, channel: Channel, open_: dict[str, str], timeout_us: int) -> None:
        if not isinstance(channel, ReportsLater):
            return
        end_s = time.monotonic() + min(self._longest_us, timeout_us * len(open_)) / 1_000_000
        for recipient, id_ in open_.items():
            left_s = min(end_s - time.monotonic(), timeout_us / 1_000_000)
            if not id_ or left_s <= 0:
                continue
            try:
                receipt = channel.result(recipient, id_, left_s)
            except DeliveryError as error:
                # It says nothing about the delivery: there is still time, or the next tier makes sure.
                _log.info("receipt_not_known", channel=channel.name, detail=error.failure.detail)
                continue
            if receipt.outcome == "accepted":
                continue
            failure = receipt.failure
            one = ReceiptRecord(
                channel=channel.name,
                recipient=recipient,
                provider_id=id_,
                status=receipt.outcome,
                outcome=receipt.outcome,
                reason="" if failure is None else str(failure.reason),
                detail="" if failure is None else failure.detail,
                at_us=self._clock(),
                via="asked",
            )
            if self._outbox.receipt(one, claim.key) != "repeated":
                self._metrics.receipts.labels(channel.name, one.outcome).inc()
            claim.receipts.append(one)
