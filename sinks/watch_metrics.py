"""Metrics of audits, drills and canaries: read from the store, so that every notifier shows the same."""

from collections.abc import Iterable

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

from alerts.store import AlertStore
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
        self.missing = Counter(
            "makegood_audit_missing",
            "Notifications and changes that were missing, found by audits of this notifier, and sent",
            registry=registry,
        )
        self._ratio = Gauge(
            "makegood_audit_success_ratio", "Part of what was to be told that was not missing", registry=registry
        )
        self._audited = Gauge(
            "makegood_audit_last_run_timestamp_seconds", "When the last audit began", registry=registry
        )
        self._overdue = Gauge(
            "makegood_audit_overdue", "What was on its way for too long, in the last audit", registry=registry
        )
        self._well = Gauge("makegood_audit_well", "1 when the last audit found all well", registry=registry)
        self._reached = Gauge(
            "makegood_drill_reached",
            "1 when the receiver's last drill reached somebody in every case",
            ["receiver"],
            registry=registry,
        )
        self._drilled = Gauge(
            "makegood_drill_last_run_timestamp_seconds",
            "When the receiver's last drill began",
            ["receiver"],
            registry=registry,
        )
        self._works = Gauge(
            "makegood_canary_working", "1 when the channel's last canary came through", ["channel"], registry=registry
        )
        self._tried = Gauge(
            "makegood_canary_last_run_timestamp_seconds",
            "When the channel's last canary began",
            ["channel"],
            registry=registry,
        )
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
