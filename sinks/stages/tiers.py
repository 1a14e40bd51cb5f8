"""Tiers: the ordered channels of a receiver. Only what failed goes down, with the cause; nobody is told twice."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from alerts.model import Try, TryOutcome
from config.delivery import NotifierSettings, ReceiverSettings, TierSettings
from sinks.contract import Channel, ChannelSettings, Failure, Notification
from sinks.outbox import Claim
from sinks.progress import Progress, reached
from sinks.stages.contract import Attempt, Clock, Outcome, Stage


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One channel, ready for use: its settings and its stages."""

    channel: Channel
    settings: ChannelSettings
    stages: Stage


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a notification stands after a turn: done (``delay_us`` None), or to be gone on with later."""

    delay_us: int | None
    note: str = ""
    undelivered: bool = False


class Recorder(Protocol):
    """Who is told what happened."""

    def tried(self, claim: Claim, one: Try, progress: Progress) -> None:
        """Record a try, or why there was none."""
        ...

    def tier_failed(self, claim: Claim, channel: str, failure: Failure) -> None:
        """Take note that a tier was given up."""
        ...

    def tier_worked(self, claim: Claim, channel: str, tier_number: int) -> None:
        """Take note that a tier has delivered."""
        ...


class Tiers:
    """Goes down the tiers until one has delivered, or asks to be called again later."""

    def __init__(self, lines: Mapping[str, Line], recorder: Recorder, clock: Clock, settings: NotifierSettings) -> None:
        self._lines = lines
        self._recorder = recorder
        self._clock = clock
        self._settings = settings

    def __call__(self, claim: Claim, notification: Notification, receiver: ReceiverSettings) -> Verdict:
        """Make one turn. ``claim.progress`` is changed as it goes."""
        progress = claim.progress
        if claim.sending:
            progress.ambiguous = claim.sending
        while progress.tier < len(receiver.tiers):
            verdict = self._tier(claim, notification, receiver.tiers[progress.tier])
            if verdict is not None:
                return verdict
        if progress.plain:
            return Verdict(delay_us=None, note="in standard words only: no tier's template could be used")
        progress.start_over()
        wait_us = min(self._settings.retry_first_wait << min(progress.round - 1, 32), self._settings.retry_max_wait)
        return Verdict(delay_us=wait_us, undelivered=True)

    def _tier(self, claim: Claim, notification: Notification, tier: TierSettings) -> Verdict | None:
        """Return the verdict, or None when the tier has failed and progress is on the next."""
        progress = claim.progress
        line = self._lines[tier.channel]
        now_us = self._clock()
        # One in the future was written before the clock was set back: it would hold up the next tier as long.
        if progress.tier_started_us is None or progress.tier_started_us > now_us:
            progress.tier_started_us = now_us
        number = progress.tier + 1
        known = reached(claim.tries, tier.channel)
        left = tuple(name for name in line.channel.recipients if name not in known)
        if not left:
            return Verdict(delay_us=None, note=f"by tier {number} ({tier.channel})")
        attempt = Attempt(
            claim=claim,
            notification=notification,
            channel=line.channel,
            settings=line.settings,
            tier=tier,
            tier_number=number,
            tier_started_us=progress.tier_started_us,
            tries=progress.tries,
            recipients=left,
            notes=_notes(progress, number, tier.channel),
            timeout_us=line.settings.timeout,
        )
        outcome = line.stages(attempt)
        failure = outcome.failure
        if outcome.receipts:
            progress.tries += 1
        if failure is not None and failure.ambiguous:
            progress.ambiguous = f"tier {number} ({tier.channel})"
        if outcome.plain and any(receipt.outcome != "failed" for receipt in outcome.receipts):
            progress.plain = True
        if outcome.kind == "failed" and failure is not None:
            progress.go_down(f"tier {number} ({tier.channel}) failed: {failure.reason}: {failure.detail}")
        if outcome.kind != "later" or outcome.receipts:
            self._recorder.tried(claim, _record(attempt, outcome, now_us, self._clock()), progress)
        if outcome.kind == "done":
            self._recorder.tier_worked(claim, tier.channel, number)
            return Verdict(delay_us=None, note=f"by tier {number} ({tier.channel})")
        if outcome.kind == "later":
            return Verdict(delay_us=outcome.delay_us)
        if failure is not None:
            self._recorder.tier_failed(claim, tier.channel, failure)
        return None


def _notes(progress: Progress, number: int, channel: str) -> tuple[str, ...]:
    notes: list[str] = []
    if progress.causes:
        notes.append(f"Sent by tier {number} ({channel}) because {'; '.join(progress.causes)}.")
    if progress.ambiguous:
        notes.append(f"It may have reached you already by {progress.ambiguous}.")
    return tuple(notes)


def _record(attempt: Attempt, outcome: Outcome, began_us: int, ended_us: int) -> Try:
    receipts = outcome.receipts
    good = [receipt for receipt in receipts if receipt.outcome != "failed"]
    said: TryOutcome
    if good and len(good) == len(receipts) and not outcome.plain:
        said = "accepted" if any(receipt.outcome == "accepted" for receipt in good) else "delivered"
    else:
        said = "partly" if good and not outcome.plain else "failed"
    failure = outcome.failure
    return Try(
        tier=attempt.tier_number,
        channel=attempt.channel.name,
        outcome=said,
        reason="" if failure is None else str(failure.reason),
        detail="" if failure is None else failure.detail,
        permanent=failure is not None and failure.permanent,
        at_us=began_us,
        took_us=ended_us - began_us,
        recipients=attempt.recipients,
        reached=tuple(receipt.recipient for receipt in good),
        provider_ids={receipt.recipient: receipt.provider_id for receipt in good if receipt.provider_id},
        plain=outcome.plain,
    )
