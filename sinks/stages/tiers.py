"""Tiers: the ordered channels of a receiver. Only what failed goes down, with the cause; nobody is told twice."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from alerts.model import Try
from config.delivery import NotifierSettings, ReceiverSettings, TierSettings
from sinks.contract import Channel, ChannelSettings, Failure, Notification
from sinks.outbox import Claim
from sinks.progress import Progress
from sinks.receipts import arrived, still_said, within_us
from sinks.stages.awaiting import Awaiting, Waiting
from sinks.stages.contract import Attempt, Clock, Stage, target_of
from sinks.stages.telling import awaited_of, links_of, notes_of, try_of

GIVEN_UP_ROUNDS = 5
"""After so many rounds in which all tiers have failed, what waits behind a digest goes on without it."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One channel, ready for use: its settings and its stages."""

    channel: Channel
    settings: ChannelSettings
    stages: Stage


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a notification stands after a turn: done (``delay_us`` None), or to be gone on with later.

    Attributes:
        given_up: every tier has failed, so often that nothing is to wait for it. It is tried again all the same.
        recorded: that it is done was recorded together with its last try.
    """

    delay_us: int | None
    note: str = ""
    undelivered: bool = False
    given_up: bool = False
    recorded: bool = False


class Recorder(Protocol):
    """Who is told what happened."""

    def tried(
        self, claim: Claim, one: Try, progress: Progress, links: Iterable[tuple[str, str]] = (), over: str = ""
    ) -> None:
        """Record a try, or why there was none; ``over``, unless empty, says how that ends the notification."""
        ...

    def tier_failed(self, claim: Claim, channel: str, failure: Failure) -> None:
        """Take note that a tier was given up."""
        ...

    def tier_worked(self, claim: Claim, channel: str, tier_number: int) -> None:
        """Take note that a tier has delivered."""
        ...


class Tiers:
    """Goes down the tiers until one has delivered, or asks to be called again later."""

    def __init__(
        self,
        lines: Mapping[str, Line],
        recorder: Recorder,
        clock: Clock,
        settings: NotifierSettings,
        awaiting: Awaiting,
    ) -> None:
        self._awaiting = awaiting
        self._lines = lines
        self._recorder = recorder
        self._clock = clock
        self._settings = settings

    def __call__(self, claim: Claim, notification: Notification, receiver: ReceiverSettings) -> Verdict:
        """Make one turn. ``claim.progress`` is changed as it goes."""
        progress = claim.progress
        if claim.sending:
            progress.ambiguous = claim.sending
        if claim.receipts and (late := self._by_receipt(claim, receiver)) is not None:
            return late
        while progress.tier < len(receiver.tiers):
            verdict = self._tier(claim, notification, receiver.tiers[progress.tier])
            if verdict is not None:
                return verdict
        if progress.plain and still_said(claim.tries, claim.receipts):
            return Verdict(delay_us=None, note="in standard words only: no tier's template could be used")
        progress.start_over()
        wait_us = min(self._settings.retry_first_wait << min(progress.round - 1, 32), self._settings.retry_max_wait)
        return Verdict(delay_us=wait_us, undelivered=True, given_up=progress.round >= GIVEN_UP_ROUNDS)

    def _by_receipt(self, claim: Claim, receiver: ReceiverSettings) -> Verdict | None:
        """Return that it is done when a tier, also one that was given up, has delivered by its receipts."""
        for index, tier in enumerate(receiver.tiers):
            line = self._lines[tier.channel]
            if within_us(line.settings) is None or index == claim.progress.tier:
                continue
            if arrived(claim.tries, claim.receipts, tier.channel).issuperset(line.channel.recipients):
                self._recorder.tier_worked(claim, tier.channel, index + 1)
                return Verdict(delay_us=None, note=f"by {target_of(index + 1, tier.channel)}; its receipt came late")
        return None

    def _tier(self, claim: Claim, notification: Notification, tier: TierSettings) -> Verdict | None:
        """Return the verdict, or None when the tier has failed and progress is on the next."""
        progress = claim.progress
        now_us = self._clock()
        # One in the future was written before the clock was set back: it would hold up the next tier as long.
        if progress.tier_started_us is None or progress.tier_started_us > now_us:
            progress.tier_started_us = now_us
        line = self._lines[tier.channel]
        waiting = self._look(claim, line, progress.tier + 1)
        if waiting.failure is not None:
            self._give_up(claim, tier.channel, waiting.failure, waiting)
            return None
        known = arrived(claim.tries, claim.receipts, tier.channel) | progress.awaiting.keys()
        left = tuple(name for name in line.channel.recipients if name not in known)
        if not left:
            return self._reached(claim, line, waiting, now_us)
        held_us = progress.not_before_us
        if claim.receipts and held_us is not None and held_us > now_us:  # a receipt has woken it, and not its time
            return Verdict(delay_us=min(held_us - now_us, tier.deadline))
        attempt = Attempt(
            claim=claim,
            notification=notification,
            channel=line.channel,
            settings=line.settings,
            tier=tier,
            tier_number=progress.tier + 1,
            tier_started_us=progress.tier_started_us,
            tries=progress.tries,
            recipients=left,
            notes=notes_of(progress, progress.tier + 1, tier.channel),
            timeout_us=line.settings.timeout,
        )
        return self._try(attempt, line, now_us)

    def _try(self, attempt: Attempt, line: Line, now_us: int) -> Verdict | None:
        """Make one try, and record it."""
        claim, channel, number = attempt.claim, attempt.channel.name, attempt.tier_number
        progress, target = claim.progress, target_of(number, channel)
        outcome = line.stages(attempt)
        failure = outcome.failure
        if outcome.receipts:
            progress.tries += 1
        if failure is not None and failure.ambiguous:
            progress.ambiguous = target
        within = within_us(line.settings)
        accepted = awaited_of(outcome, within)
        if accepted:
            progress.awaiting = {**progress.awaiting, **accepted}
            progress.awaiting_since_us = self._clock()
            progress.asked = 0
        progress.not_before_us = self._clock() + outcome.delay_us if outcome.kind == "later" else None
        if outcome.plain and any(receipt.outcome != "failed" for receipt in outcome.receipts):
            progress.plain = True
        if outcome.kind == "failed" and failure is not None:
            if progress.awaiting:  # of these nothing is known
                progress.ambiguous = target
            progress.go_down(f"{target} failed: {failure.reason}: {failure.detail}")
        waits = bool(progress.awaiting) and within is not None
        over = f"by {target}" if outcome.kind == "done" and not waits else ""
        if outcome.kind != "later" or outcome.receipts:
            one = try_of(attempt, outcome, accepted, now_us, self._clock())
            self._recorder.tried(claim, one, progress, links_of(attempt, one), over)
        if outcome.kind == "later":
            return Verdict(delay_us=outcome.delay_us)
        if outcome.kind == "done":
            if progress.awaiting and within is not None:
                return Verdict(delay_us=self._awaiting.pause_us(claim, channel, within))
            self._recorder.tier_worked(claim, channel, number)
            return Verdict(delay_us=None, note=over, recorded=True)
        if failure is not None:
            self._recorder.tier_failed(claim, channel, failure)
        return None

    def _reached(self, claim: Claim, line: Line, waiting: Waiting, now_us: int) -> Verdict:
        """Return that everybody was reached, or that of some the receipts are still to come."""
        channel, number = line.channel.name, claim.progress.tier + 1
        within = within_us(line.settings)
        if waiting.until_us is not None and within is not None:
            return Verdict(delay_us=min(max(1, waiting.until_us - now_us), within))
        if within is not None:
            self._recorder.tier_worked(claim, channel, number)
        return Verdict(delay_us=None, note=f"by {target_of(number, channel)}")

    def _look(self, claim: Claim, line: Line, number: int) -> Waiting:
        """Return what the receipts of a tier say; nothing where none are waited for."""
        within, name = within_us(line.settings), line.channel.name
        if within is None:
            return Waiting()
        if claim.receipts and claim.sending == target_of(number, name):
            sent = self._awaiting.adopt(claim, name)
            if sent is not None:
                self._recorder.tried(claim, sent, claim.progress, sent.provider_ids.items())
        return self._awaiting.look(claim, line.channel, within, line.settings.timeout)

    def _give_up(self, claim: Claim, channel: str, failure: Failure, waiting: Waiting) -> None:
        """Go down a tier because of what the receipts say, or do not say."""
        progress, number = claim.progress, claim.progress.tier + 1
        if failure.ambiguous:
            progress.ambiguous = target_of(number, channel)
        progress.go_down(f"{target_of(number, channel)} failed: {failure.reason}: {failure.detail}")
        one = Try(
            tier=number,
            channel=channel,
            outcome="failed",
            reason=str(failure.reason),
            detail=failure.detail,
            permanent=failure.permanent,
            at_us=self._clock(),
            recipients=waiting.failed,
        )
        self._recorder.tried(claim, one, progress)
        if waiting.blamed:
            self._recorder.tier_failed(claim, channel, failure)
