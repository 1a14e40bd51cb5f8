"""Metrics of the notifier. Names and labels are public; label values are a closed set, there from the start at zero."""

from collections.abc import Iterable

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from sinks.contract import Reason

RECEIPT_OUTCOMES = ("accepted", "delivered", "failed")
OUTCOMES = ("delivered", "accepted", "partly", "failed")
_LATENCY_BUCKETS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)


class NotifierMetrics:
    """What a notifier counts.

    Args:
        channels, receivers: names in the settings.
        registry: of ``prometheus_client``.
    """

    def __init__(
        self, channels: Iterable[str], receivers: Iterable[str], registry: CollectorRegistry = REGISTRY
    ) -> None:
        self.tries = Counter(
            "makegood_tries", "Tries to tell somebody, by outcome", ["channel", "outcome"], registry=registry
        )
        self.failures = Counter(
            "makegood_try_failures", "Tries that failed, by reason", ["channel", "reason"], registry=registry
        )
        self.delivered = Counter(
            "makegood_notifications_delivered", "Notifications delivered", ["receiver"], registry=registry
        )
        self.receipts = Counter(
            "makegood_receipts",
            "What far sides said later of messages that they had accepted",
            ["channel", "outcome"],
            registry=registry,
        )
        self.digested = Counter(
            "makegood_notifications_digested", "Notifications that a digest stands for", ["receiver"], registry=registry
        )
        self.failovers = Counter(
            "makegood_failovers", "Notifications that a tier below the first delivered", ["receiver"], registry=registry
        )
        self.repeats = Counter(
            "makegood_notifications_possibly_repeated",
            "Notifications sent again after an earlier send whose end is not known",
            ["receiver"],
            registry=registry,
        )
        self.delay_s = Histogram(
            "makegood_notification_delay_seconds",
            "From the store's taking a change to its delivery",
            ["receiver"],
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.pending = Gauge("makegood_notifications_pending", "Notifications not yet delivered", registry=registry)
        self.undelivered = Gauge(
            "makegood_notifications_undelivered", "Of the pending ones: every tier has failed", registry=registry
        )
        self.oldest_pending_s = Gauge(
            "makegood_notification_oldest_pending_seconds", "Age of the oldest pending notification", registry=registry
        )
        self.channel_failing = Gauge(
            "makegood_channel_failing", "1 while a channel's last tier use failed", ["channel"], registry=registry
        )
        self.breaker_open = Gauge(
            "makegood_breaker_open", "1 while a channel is left alone because it keeps failing", ["channel"],
            registry=registry,
        )  # fmt: skip
        self.defects = Counter("makegood_notifier_defects", "Unexpected errors in the notifier", registry=registry)
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
