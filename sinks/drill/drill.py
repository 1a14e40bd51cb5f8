"""A drill of one receiver: its primary fails in each way, and with it all that shares a point of failure with it."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from alerts.model import Try
from config.delivery import ReceiverSettings
from config.settings import Settings
from sinks.checking import check_channel
from sinks.contract import Channel, ChannelSettings, DeliveryError, Notification
from sinks.drill.cases import Case, cases, drill_notification, remarks
from sinks.drill.faults import BrokenChannel, Fault
from sinks.drill.report import CaseResult, ReceiverResult, TierOutcome, TierResult
from sinks.drill.sandbox import Sandbox
from sinks.points import shared
from sinks.render import Renderer
from sinks.stages.contract import Clock

_AT_ONCE = 8
_NEVER_ALL = "with this broken, nobody is told"


class Drill:
    """Drills receivers.

    Args:
        settings: the whole file.
        channels: of the settings, by name; they are used as they are, and not closed.
        clock: microseconds since 1970 UTC.
        wait: waits that many seconds, or raises when the program stops.
        rng: for jitter.
    """

    def __init__(
        self,
        settings: Settings,
        channels: Mapping[str, Channel],
        *,
        clock: Clock,
        wait: Callable[[float], object],
        rng: random.Random | None = None,
    ) -> None:
        self._settings = settings
        self._channels = channels
        self._entries = {name: one for name, one in settings.channels.items() if isinstance(one, ChannelSettings)}
        self._points = {name: one.points_of_failure() for name, one in self._entries.items()}
        self._clock = clock
        self._wait = wait
        self._rng = random.SystemRandom() if rng is None else rng
        self._renderer = Renderer.of(settings)

    def run(self, names: Sequence[str], faults: Sequence[str]) -> Iterator[ReceiverResult]:
        """Yield the result of each receiver, in order; all are drilled at the same time.

        Args:
            names: of receivers.
            faults: values of :class:`Fault`.
        """
        began_us = self._clock()
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="drill") as pool:
            jobs = {
                name: [pool.submit(self._case, name, case) for case in cases(self._settings.receivers[name], faults)]
                for name in names
            }
            for name, futures in jobs.items():
                yield self._result(name, began_us, [future.result() for future in futures], dry=False)

    def look(self, names: Sequence[str], timeout_s: float) -> Iterator[ReceiverResult]:
        """Yield what would happen, by what each channel's check says; no message is sent.

        Args:
            names: of receivers.
            timeout_s: of each check.
        """
        began_us = self._clock()
        used = {tier.channel for name in names for tier in self._settings.receivers[name].tiers}
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="drill") as pool:
            jobs = {name: pool.submit(check_channel, self._channels[name], timeout_s) for name in sorted(used)}
            wrong = {
                name: next((one.failure for one in job.result() if one.failure is not None), None)
                for name, job in jobs.items()
            }
        for name in names:
            receiver = self._settings.receivers[name]
            found = []
            for case in cases(receiver, (Fault.INTACT, Fault.REFUSED)):
                tiers = self._planned(receiver, case)
                told = [
                    tier
                    if tier.broken
                    else msgspec.structs.replace(tier, outcome="would_deliver")
                    if (failure := wrong[tier.channel]) is None
                    else msgspec.structs.replace(
                        tier, outcome="failed", reason=str(failure.reason), detail=failure.detail
                    )
                    for tier in tiers
                ]
                first = next((tier.number for tier in told if tier.outcome == "would_deliver"), 0)
                found.append(_case_result(case, told, first, 0))
            yield self._result(name, began_us, found, dry=True)

    def _result(self, name: str, at_us: int, found: Sequence[CaseResult], *, dry: bool) -> ReceiverResult:
        return ReceiverResult(
            receiver=name,
            at_us=at_us,
            dry=dry,
            reached=all(one.tier for one in found),
            cases=tuple(found),
            remarks=(*_now(found), *remarks(self._settings.receivers[name], self._points)),
        )

    def _planned(self, receiver: ReceiverSettings, case: Case) -> list[TierResult]:
        """Return the tiers, with those that are broken, before anything is tried."""
        broken = [] if case.fault is Fault.INTACT else [tier.channel for tier in receiver.tiers[: case.down]]
        common = {
            tier.channel: tuple(sorted({point for one in broken for point in shared(points, self._points[one])}))
            for tier in receiver.tiers
            for points in (self._points[tier.channel],)
        }
        return [
            TierResult(
                number=number,
                channel=tier.channel,
                broken=bool(tier.channel in broken or common[tier.channel]),
                shares=() if tier.channel in broken else common[tier.channel],
            )
            for number, tier in enumerate(receiver.tiers, 1)
        ]

    def _case(self, name: str, case: Case) -> CaseResult:
        receiver = self._settings.receivers[name]
        planned = self._planned(receiver, case)
        if all(tier.broken for tier in planned):  # known before it is tried
            told = [
                msgspec.structs.replace(tier, outcome="failed", reason="broken", detail=_NEVER_ALL) for tier in planned
            ]
            return _case_result(case, told, 0, 0)
        down = {tier.channel for tier in planned if tier.broken}
        sandbox = Sandbox(
            {
                tier.channel: (
                    BrokenChannel(self._channels[tier.channel], case.fault, self._wait)
                    if tier.channel in down
                    else self._channels[tier.channel],
                    self._entries[tier.channel],
                )
                for tier in receiver.tiers
            },
            settings=self._settings.notifier,
            renderer=self._renderer,
            clock=self._clock,
            wait=self._wait,
            rng=self._rng,
        )
        began_us = self._clock()
        notification = drill_notification(name, case, began_us)
        tries, delivered = sandbox.send(notification, receiver)
        after_us = self._clock() - began_us
        told = [_told(tier, [one for one in tries if one.tier == tier.number], began_us) for tier in planned]
        best = [tier.number for tier in told if tier.outcome in {"delivered", "accepted"}]
        number = best[-1] if delivered and best else 0
        left_open = bool(number) and not self._closed(receiver.tiers[number - 1].channel, notification, tries)
        return _case_result(case, told, number, after_us if number else 0, left_open=left_open)

    def _closed(self, channel: str, notification: Notification, tries: Sequence[Try]) -> bool:
        """Close the incident that the test has opened, where the far side keeps some; return whether none is left."""
        one = self._channels[channel]
        if not self._entries[channel].keeps_state:
            return True
        over = drill_notification(notification.receiver, None, notification.accepted_us, like=notification)
        message = self._renderer(over, self._entries[channel])
        earlier = {name: id_ for made in tries for name, id_ in made.provider_ids.items() if made.channel == channel}
        message = msgspec.structs.replace(message, earlier=earlier)
        try:
            receipts = one.send(message, one.recipients, self._entries[channel].timeout / 1_000_000)
        except DeliveryError:
            return False
        return all(receipt.outcome != "failed" for receipt in receipts)


def _now(found: Sequence[CaseResult]) -> list[str]:
    """Return what is wrong now, with nothing broken."""
    return [
        f"{tier.channel} fails now, with nothing broken: {tier.reason}: {tier.detail}"
        for case in found
        if case.fault == Fault.INTACT
        for tier in case.tiers
        if tier.outcome in {"failed", "partly"}
    ]


def _told(tier: TierResult, tries: Sequence[Try], began_us: int) -> TierResult:
    if not tries:
        return tier
    last = tries[-1]
    outcome: TierOutcome = "failed" if last.plain else last.outcome
    return msgspec.structs.replace(
        tier,
        outcome=outcome,
        reason=last.reason,
        detail=last.detail,
        tries=sum(bool(one.took_us or one.recipients) for one in tries),
        at_us=last.at_us + last.took_us - began_us,
    )


def _case_result(
    case: Case, tiers: Sequence[TierResult], number: int, after_us: int, *, left_open: bool = False
) -> CaseResult:
    return CaseResult(
        fault=str(case.fault),
        broken=tuple(tier.channel for tier in tiers if tier.broken),
        tiers=tuple(tiers),
        tier=number,
        after_us=after_us,
        left_open=left_open,
    )
