"""Figures of service recovery that the flow sees pass by: promises, resolutions, and how fast an alert is there."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

from prometheus_client.core import Metric

from config.metrics import build, flow
from config.metrics.labels import MOST_SERVICES, SEVERITY
from config.metrics.model import OTHER
from config.metrics.model import Metric as DeclaredMetric
from detectors.contract import AlertChange
from detectors.events import ConclusionEvent, Event
from pipeline.findings.latest import LatestWindows

_BEGINNINGS = frozenset({"firing", "suspected"})
_S = 1e-6
KeyT = TypeVar("KeyT", bound=Hashable)


class Kpis:
    """Counts since the process started. Written by the flow, read in any thread.

    Args:
        types: the ``type`` of each detector, by its name.
        windows: names of the window detectors.
        clock_us: of events, microseconds UTC: the time of day, or the simulated one of a demo feed.

    Attributes:
        latest: what the newest windows held.
    """

    def __init__(self, types: Mapping[str, str], windows: frozenset[str], clock_us: Callable[[], int]) -> None:
        self.latest = LatestWindows({name: kind for name, kind in types.items() if name in windows})
        self._types = frozenset(types.values())
        self._clock_us = clock_us
        self._service = build.Capped(MOST_SERVICES)
        self._promises: dict[tuple[str, str, str], int] = {}
        self._spent: dict[tuple[str, str], build.Buckets] = {}
        self._resolved: dict[str, build.Buckets] = {}
        self._detected: dict[str, build.Buckets] = {kind: build.Buckets(flow.DETECTION) for kind in sorted(self._types)}
        self._fired: dict[tuple[str, str], int] = {}

    def stored(self, changes: Sequence[AlertChange]) -> None:
        """Count alerts that began to fire, now that the store has them."""
        now_us = self._clock_us()
        for change in changes:
            if change.step.partition(":")[0] not in _BEGINNINGS:
                continue
            kind, severity = change.labels.get("detector", OTHER), change.labels.get("severity", OTHER)
            kind = kind if kind in self._types else OTHER
            severity = severity if severity in SEVERITY.values else OTHER
            self._fired[kind, severity] = self._fired.get((kind, severity), 0) + 1
            _seen(self._detected, kind, flow.DETECTION).observe(max(0, now_us - change.at_us) * _S)

    def concluded(self, events: Sequence[Event]) -> None:
        """Count what was concluded of promises."""
        for event in events:
            if not isinstance(event, ConclusionEvent):
                continue
            data = event.data
            service = self._service(data.service or "")
            if event.type == "case.resolved":
                _seen(self._resolved, service, flow.RESOLUTION).observe(data.real_us * _S)
                continue
            outcome = event.type.rpartition(".")[2]
            key = (data.kind, service, outcome)
            self._promises[key] = self._promises.get(key, 0) + 1
            if outcome == "met":
                _seen(self._spent, (data.kind, service), flow.PROMISE_SPENT).observe(data.elapsed_us * _S)

    def metrics(self) -> Iterator[Metric]:
        """Return the families."""
        promises, spent = build.counters(flow.PROMISES), build.histograms(flow.PROMISE_SPENT)
        resolved, detected = build.histograms(flow.RESOLUTION), build.histograms(flow.DETECTION)
        fired = build.counters(flow.ALERTS)
        for key, count in sorted(dict(self._promises).items()):
            promises.add_metric(key, count)
        for pair, seen in sorted(dict(self._spent).items()):
            spent.add(pair, list(seen.counts), seen.total)
        for service, seen in sorted(dict(self._resolved).items()):
            resolved.add([service], list(seen.counts), seen.total)
        for kind, seen in sorted(dict(self._detected).items()):
            detected.add([kind], list(seen.counts), seen.total)
        for of, count in sorted(dict(self._fired).items()):
            fired.add_metric(of, count)
        yield from (promises, spent, resolved, detected, fired)
        yield from self.latest.metrics()


def _seen(kept: dict[KeyT, build.Buckets], key: KeyT, declared: DeclaredMetric) -> build.Buckets:
    found = kept.get(key)
    if found is None:
        found = kept[key] = build.Buckets(declared)
    return found
