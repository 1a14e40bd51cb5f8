"""Metrics of audits, drills and canaries: read from the store, so that every notifier shows the same."""

from collections.abc import Iterable

from prometheus_client import REGISTRY, CollectorRegistry

from alerts.store import AlertStore
from config.metrics import build, notifier
from sinks.audit.report import load_report
from sinks.canary import load_canaries
from sinks.drill.report import load_drills

_US = 1_000_000


class WatchMetrics:
    """What is known of the last audit, drills and canaries. NaN, or 0 for times: there was none yet.

    Args:
        receivers, channels: names in the settings; of ``channels`` those that have a canary.
        registry: of ``prometheus_client``.
    """

    def __init__(
        self, receivers: Iterable[str], channels: Iterable[str], registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._receivers = tuple(receivers)
        self._channels = tuple(channels)
        self.missing = build.counter(notifier.AUDIT_MISSING, registry)
        self._ratio = build.gauge(notifier.AUDIT_RATIO, registry)
        self._audited = build.gauge(notifier.AUDIT_LAST, registry)
        self._overdue = build.gauge(notifier.AUDIT_OVERDUE, registry)
        self._well = build.gauge(notifier.AUDIT_WELL, registry)
        self._reached = build.gauge(notifier.DRILL_REACHED, registry)
        self._drilled = build.gauge(notifier.DRILL_LAST, registry)
        self._works = build.gauge(notifier.CANARY_WORKING, registry)
        self._tried = build.gauge(notifier.CANARY_LAST, registry)
        for gauge in (self._ratio, self._well):
            gauge.set(float("nan"))
        for name in self._receivers:
            self._reached.labels(name).set(float("nan"))
            self._drilled.labels(name)
        for name in self._channels:
            self._works.labels(name).set(float("nan"))
            self._tried.labels(name)

    def refresh(self, store: AlertStore) -> None:
        """Take over what is in the store.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        report = load_report(store)
        if report is not None:
            self._ratio.set(report.ratio)
            self._audited.set(report.at_us / _US)
            self._overdue.set(report.overdue)
            self._well.set(int(report.well))
        drills = load_drills(store)
        for name in self._receivers:
            if name in drills:
                self._reached.labels(name).set(int(drills[name].reached))
                self._drilled.labels(name).set(drills[name].at_us / _US)
        canaries = load_canaries(store) if self._channels else {}
        for name in self._channels:
            if name in canaries:
                self._works.labels(name).set(int(canaries[name].works))
                self._tried.labels(name).set(canaries[name].at_us / _US)
