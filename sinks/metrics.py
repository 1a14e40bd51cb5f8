"""Metrics of the notifier. Names and labels are public; label values are a closed set, there from the start at zero."""

from collections.abc import Iterable

from prometheus_client import REGISTRY, CollectorRegistry

from config.metrics import build, notifier
from sinks.contract import Reason

RECEIPT_OUTCOMES = ("accepted", "delivered", "failed")
OUTCOMES = ("delivered", "accepted", "partly", "failed")


class NotifierMetrics:
    """What a notifier counts.

    Args:
        channels, receivers: names in the settings.
        registry: of ``prometheus_client``.

    Attributes:
        worked_us: when a channel took a message last, by name, microseconds UTC: proof that it works.
    """

    def __init__(
        self, channels: Iterable[str], receivers: Iterable[str], registry: CollectorRegistry = REGISTRY
    ) -> None:
        self.tries = build.counter(notifier.TRIES, registry)
        self.failures = build.counter(notifier.FAILURES, registry)
        self.delivered = build.counter(notifier.DELIVERED, registry)
        self.receipts = build.counter(notifier.RECEIPTS, registry)
        self.digested = build.counter(notifier.DIGESTED, registry)
        self.failovers = build.counter(notifier.FAILOVERS, registry)
        self.repeats = build.counter(notifier.REPEATS, registry)
        self.delay_s = build.histogram(notifier.DELAY, registry)
        self.pending = build.gauge(notifier.PENDING, registry)
        self.undelivered = build.gauge(notifier.UNDELIVERED, registry)
        self.oldest_pending_s = build.gauge(notifier.OLDEST_PENDING, registry)
        self.channel_failing = build.gauge(notifier.CHANNEL_FAILING, registry)
        self.breaker_open = build.gauge(notifier.BREAKER_OPEN, registry)
        self.defects = build.counter(notifier.DEFECTS, registry)
        self.worked_us: dict[str, int] = {}
        for channel in channels:
            self.channel_failing.labels(channel)
            self.breaker_open.labels(channel)
            for outcome in OUTCOMES:
                self.tries.labels(channel, outcome)
            for outcome in RECEIPT_OUTCOMES:
                self.receipts.labels(channel, outcome)
            for reason in Reason:
                self.failures.labels(channel, str(reason))
        for receiver in receivers:
            for per_receiver in (self.delivered, self.digested, self.failovers, self.repeats, self.delay_s):
                per_receiver.labels(receiver)
