"""Record: every try goes into the store and the metrics; a channel that begins or ceases to fail becomes an alert."""

from collections.abc import Callable, Iterable, Sequence

import structlog

from alerts.connection import StoreUnavailableError
from alerts.model import Try
from detectors.contract import AlertChange, alert_change
from sinks.contract import Failure, Reason
from sinks.metrics import NotifierMetrics
from sinks.observing import DeliveryObserver
from sinks.outbox import Claim, Outbox
from sinks.progress import Progress
from sinks.stages.contract import Clock
from sinks.stages.transport import Step, StepHook

_log = structlog.get_logger("makegood.notifier")
_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0


class Record:
    """Writes down what happened.

    Args:
        wait: waits that many seconds; True when the program stops. A try that was sent is recorded however long the
            store is away, because a forgotten one would be sent again.
        observer: looks on.
    """

    def __init__(
        self,
        outbox: Outbox,
        metrics: NotifierMetrics,
        clock: Clock,
        wait: Callable[[float], bool],
        on_step: StepHook,
        observer: DeliveryObserver | None = None,
    ) -> None:
        self._observer = DeliveryObserver() if observer is None else observer
        self._outbox = outbox
        self._metrics = metrics
        self._clock = clock
        self._wait = wait
        self._on_step = on_step
        self._failing: set[str] = set()
        self._caught_up = False

    def catch_up(self) -> None:
        """Take over, once, what was known of channels before this notifier began.

        Raises:
            StoreUnavailableError: the store is away; try it again.
        """
        if self._caught_up:
            return
        self._failing |= set(self._outbox.failing())
        for channel in self._failing:
            self._metrics.channel_failing.labels(channel).set(1)
        self._caught_up = True

    def tried(
        self, claim: Claim, one: Try, progress: Progress, links: Iterable[tuple[str, str]] = (), over: str = ""
    ) -> None:
        """Record a try in the store and in the metrics; ``over`` ends the notification with it."""
        self._metrics.tries.labels(one.channel, one.outcome).inc()
        if one.reason:
            self._metrics.failures.labels(one.channel, one.reason).inc()
        if one.outcome != "failed":
            self._metrics.worked_us[one.channel] = one.at_us
        linked = list(links)
        self._until_stored(lambda: self._outbox.tried(claim, one, progress, linked, over))
        self._on_step(Step.RECORDED, claim.key)
        self._observer.tried(claim, one)

    def tier_failed(self, claim: Claim, channel: str, failure: Failure) -> None:
        """Raise, once, that a channel fails: a failover that works must not hide that its primary does not."""
        self.channel_failed(channel, failure)

    def channel_failed(self, channel: str, failure: Failure) -> None:
        """Raise, once, that a channel fails, by whatever that became known."""
        self._metrics.channel_failing.labels(channel).set(1)
        if failure.reason == Reason.BREAKER_OPEN:
            return  # follows from failures that were raised
        if channel not in self._failing:
            _log.warning("channel_failing", channel=channel, reason=str(failure.reason), detail=failure.detail)
        self._failing.add(channel)
        since_us = self._outbox.failing_since(channel, self._clock())
        # Applied again and again, to the same id: no crash in between can lose it.
        self._outbox.store.apply([_channel_alert(channel, since_us, failure, None)])

    def tier_worked(self, claim: Claim, channel: str, tier_number: int) -> None:
        """Count the delivery; the channel works."""
        delay_s = max(0, claim.claimed_us - claim.accepted_us) / 1_000_000
        self._metrics.delay_s.labels(claim.receiver).observe(delay_s)
        self._metrics.delivered.labels(claim.receiver).inc()
        if tier_number > 1:
            self._metrics.failovers.labels(claim.receiver).inc()
        if claim.sending:
            self._metrics.repeats.labels(claim.receiver).inc()
        self.channel_worked(channel)

    def channel_worked(self, channel: str) -> None:
        """Resolve the channel's alert, if there is one."""
        self._metrics.channel_failing.labels(channel).set(0)
        if channel not in self._failing:
            return
        since_us = self._outbox.failing().get(channel)
        if since_us is not None:
            self._outbox.store.apply([_channel_alert(channel, since_us, None, max(self._clock(), since_us))])
            self._outbox.works_again(channel)
        self._failing.discard(channel)
        _log.info("channel_works_again", channel=channel)

    def _until_stored(self, write: Callable[[], None]) -> None:
        pause_s = _FIRST_WAIT_S
        while True:
            try:
                write()
            except StoreUnavailableError:
                if self._wait(pause_s):
                    raise
                self._outbox.store.revive()
                pause_s = min(pause_s * 2, _LONGEST_WAIT_S)
            else:
                return

    def refresh_failing(self, channels: Sequence[str]) -> None:
        """Take over what other notifiers found out about channels."""
        self._failing |= set(channels)


def _channel_alert(channel: str, since_us: int, failure: Failure | None, ended_us: int | None) -> AlertChange:
    if failure is not None:
        why = f"{failure.reason}: {failure.detail}"
        summary = f"Channel {channel} fails ({failure.reason})"
        description = f"{why}. Notifications go out by the next tiers until it works again."
    else:
        summary = f"Channel {channel} works again"
        description = f"A notification went out by {channel}."
    return alert_change(
        step="firing" if ended_us is None else "resolved",
        at_us=since_us if ended_us is None else ended_us,
        status="firing" if ended_us is None else "resolved",
        labels={"alertname": "ChannelFailing", "detector": "notifier", "severity": "warning", "channel": channel},
        annotations={"summary": summary, "description": description},
        starts_at_us=since_us,
        ends_at_us=ended_us,
    )
