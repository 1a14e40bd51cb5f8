"""The real stages over an outbox that is nowhere: what is tried here touches no notification that is pending."""

import random
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry

from alerts.model import Draft, ReceiptRecord, Try
from config.delivery import NotifierSettings, ReceiverSettings
from sinks.breakers import OwnBreakers
from sinks.contract import Channel, ChannelSettings, Failure, Notification
from sinks.delivery import compose
from sinks.metrics import NotifierMetrics
from sinks.outbox import Claim, Outbox
from sinks.progress import Progress
from sinks.render import Renderer
from sinks.stages.contract import Clock


class NoOutbox(Outbox):
    """Keeps nothing; every lease is ours."""

    def __init__(self) -> None:
        return

    def begin(self, claim: Claim, lease_us: int, sending: str) -> None:
        """Do nothing."""

    def receipt(self, one: ReceiptRecord, key: str = "") -> str:
        """Take it; nobody else waits for it."""
        return "taken"


class Notes:
    """Writes down tries, in order, and nothing else: no alert is raised, nothing is counted."""

    def tried(
        self, claim: Claim, one: Try, progress: Progress, links: Iterable[tuple[str, str]] = (), over: str = ""
    ) -> None:
        """Keep a try."""
        claim.tries.append(one)

    def tier_failed(self, claim: Claim, channel: str, failure: Failure) -> None:
        """Do nothing: it was broken on purpose, or its next real use will tell."""

    def tier_worked(self, claim: Claim, channel: str, tier_number: int) -> None:
        """Do nothing."""


class Sandbox:
    """Sends one notification down the tiers of a receiver, in this thread, until one has delivered or all have failed.

    Args:
        channels: by name, broken ones among them.
        clock: microseconds.
        wait: waits that many seconds.
    """

    def __init__(
        self,
        channels: Mapping[str, tuple[Channel, ChannelSettings]],
        *,
        settings: NotifierSettings,
        renderer: Renderer,
        clock: Clock,
        wait: Callable[[float], object],
        rng: random.Random,
    ) -> None:
        self._clock = clock
        self._wait = wait
        self._tiers = compose(
            channels,
            outbox=NoOutbox(),
            record=Notes(),
            settings=settings,
            clock=clock,
            rng=rng,
            on_step=lambda _step, _key: None,
            renderer=renderer,
            metrics=NotifierMetrics(channels, [], CollectorRegistry()),
            breakers=OwnBreakers(clock),
        )

    def send(self, notification: Notification, receiver: ReceiverSettings) -> tuple[list[Try], bool]:
        """Return the tries, and whether a tier has delivered."""
        now_us = self._clock()
        claim = Claim(
            line="sandbox",
            token="",
            key=notification.key,
            receiver=notification.receiver,
            draft=Draft(
                kind="test",
                alerts=notification.alerts,
                group_labels=notification.group_labels,
                group="",
                thread=notification.thread,
            ),
            urgency=0,
            accepted_us=now_us,
            claimed_us=now_us,
            progress=Progress(),
            sending="",
            tries=[],
        )
        while True:
            verdict = self._tiers(claim, notification, receiver)
            if verdict.delay_us is None or verdict.undelivered:
                return claim.tries, not verdict.undelivered
            self._wait(verdict.delay_us / 1_000_000)
