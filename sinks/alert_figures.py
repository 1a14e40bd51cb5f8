"""Figures of the alerts that fire now, read from the store at a scrape: every notifier shows the same."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from alerts.acknowledging import Acknowledging, load_acknowledging
from alerts.connection import StoreUnavailableError, store_errors
from alerts.priority import Priority, about_one, priority
from alerts.responses import Responses
from alerts.store import AlertStore
from alerts.urgency import urgency
from config.metrics import build, notifier
from config.metrics.labels import MOST_SERVICES, PRIORITY, SEVERITY
from config.metrics.model import OTHER
from config.urgency import UrgencySettings
from detectors.contract import DETECTORS, AlertChange

READ_EVERY_US = 10_000_000
"""Figures are this old at most: reading ten thousand alerts takes a good part of a second."""
_NOTIFIER = "notifier"
_STATES = {"SlaAtRisk": "at_risk", "SlaBreach": "broken"}
_BATCH = 500


class AlertFigures(Collector):
    """What fires, whom it is about, and who has it in hand.

    Where Redis is away nothing is shown: that there are no alerts would not be true.

    Args:
        store: of the alerts.
        now_us: the time of day, microseconds UTC.
        settings: how urgent alerts are: their priorities are those that screens show.
    """

    def __init__(
        self,
        store: AlertStore,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        settings: UrgencySettings | None = None,
    ) -> None:
        self._store = store
        self._now_us = now_us
        self._urgency = UrgencySettings() if settings is None else settings
        self._lock = threading.Lock()
        self._service = build.Capped(MOST_SERVICES)
        self._read_us: int | None = None
        self._figures: _Figures | None = None

    def describe(self) -> Iterator[Metric]:
        """Return nothing: the figures are read when they are asked for."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Return the figures, which are at most :data:`READ_EVERY_US` old."""
        with self._lock:
            now_us = self._now_us()
            if self._read_us is None or not 0 <= now_us - self._read_us < READ_EVERY_US:
                try:
                    self._figures = self._read(now_us)
                except StoreUnavailableError:
                    self._figures = None
                self._read_us = now_us
            return iter(()) if self._figures is None else self._figures.families()

    def _read(self, now_us: int) -> "_Figures":
        firing = [record.current for record in self._store.list_alerts(status="firing")]
        acked = Responses(self._store).acknowledgements(firing)
        figures = _Figures(now_us, load_acknowledging(self._store))
        waiting = []
        for change in firing:
            acknowledgement = acked.get(change.fingerprint)
            taken = acknowledgement is not None and acknowledgement.holds(change, now_us)
            first = priority(urgency(change, self._urgency).rank)
            figures.add(change, self._service(change.labels.get("service", "")), first, taken=taken)
            if not taken:
                waiting.append((change, first))
        for (change, first), since_us in zip(waiting, self._since([one for one, _ in waiting]), strict=True):
            if since_us is not None:
                figures.waits(_severity(change), f"P{first}", since_us)
        return figures

    def _since(self, firing: list[AlertChange]) -> list[int | None]:
        """Return since when the store has known that alerts fire; None where it does not say."""
        client: Any = self._store.client
        found: list[int | None] = []
        with store_errors():
            for start in range(0, len(firing), _BATCH):
                pipeline = client.pipeline(transaction=False)
                for change in firing[start : start + _BATCH]:
                    pipeline.hget(self._store.keys.alert(change.fingerprint), "since")
                found += [None if text is None else int(text.partition("-")[0]) * 1000 for text in pipeline.execute()]
        return found


class _Figures:
    """Figures of one moment."""

    def __init__(self, at_us: int, acknowledging: Acknowledging) -> None:
        self._at_us = at_us
        self._acknowledging = acknowledging
        self._firing: Counter[tuple[str, str, str]] = Counter()
        self._services: Counter[tuple[str, str]] = Counter()
        self._promises: Counter[tuple[str, str]] = Counter()
        self._open: Counter[tuple[str, str]] = Counter()
        self._worst: dict[str, Priority] = {}
        self._oldest_us: dict[str, int] = {}
        self._known = {*DETECTORS.names(), _NOTIFIER}

    def add(self, change: AlertChange, service: str, first: Priority, *, taken: bool) -> None:
        """Count an alert that fires."""
        kind, severity = change.labels.get("detector", OTHER), _severity(change)
        self._firing[kind if kind in self._known else OTHER, severity, "yes" if taken else "no"] += 1
        self._services[service, severity] += 1
        self._open[f"P{first}", "yes" if taken else "no"] += 1
        if not about_one(change.labels):
            self._worst[service] = min(self._worst.get(service, first), first)
        state = _STATES.get(change.labels.get("alertname", ""))
        if kind == "sla_breach" and state is not None:
            self._promises[service, state] += 1

    def waits(self, severity: str, first: str, since_us: int) -> None:
        """Note that an alert waits for somebody since then."""
        for of in (severity, first):
            self._oldest_us[of] = min(self._oldest_us.get(of, since_us), since_us)

    def families(self) -> Iterator[Metric]:
        """Return the families. What is always there at zero: totals without a service, so that zero can be seen."""
        firing, services = build.gauges(notifier.FIRING), build.gauges(notifier.SERVICE_FIRING)
        promises, oldest = build.gauges(notifier.PROMISES_OPEN), build.gauges(notifier.OLDEST_UNACKNOWLEDGED)
        acknowledged = build.histograms(notifier.ACKNOWLEDGED)
        kinds = {kind for kind, _, _ in self._firing} or {_NOTIFIER}
        for of in sorted(product(kinds, SEVERITY.values, ("no", "yes"))):
            firing.add_metric(of, self._firing[of])
        named = {service for service, _ in self._services} | {""}
        for about in sorted(product(named, SEVERITY.values)):
            services.add_metric(about, self._services[about])
        for danger in sorted(product(named, ("at_risk", "broken"))):
            promises.add_metric(danger, self._promises[danger])
        for severity in SEVERITY.values:
            oldest.add_metric([severity], self._waited_s(severity))
        acknowledged.add([], self._acknowledging.counts, self._acknowledging.total_s)
        yield from (firing, services, promises, oldest, acknowledged, *self._by_priority(named))
        yield build.single(notifier.STORE_READ, self._at_us / 1_000_000)

    def _by_priority(self, services: Iterable[str]) -> Iterator[Metric]:
        open_, oldest = build.gauges(notifier.OPEN), build.gauges(notifier.OPEN_OLDEST)
        worst = build.gauges(notifier.SERVICE_URGENCY)
        for first in PRIORITY.values:
            for taken in ("no", "yes"):
                open_.add_metric([first, taken], self._open[first, taken])
            oldest.add_metric([first], self._waited_s(first))
        for service in sorted(services):
            found = self._worst.get(service)
            worst.add_metric([service], 0 if found is None else 4 - found)
        yield from (open_, oldest, worst)

    def _waited_s(self, of: str) -> float:
        return max(0, self._at_us - self._oldest_us.get(of, self._at_us)) / 1_000_000


def _severity(change: AlertChange) -> str:
    severity = change.labels.get("severity", OTHER)
    return severity if severity in SEVERITY.values else OTHER
