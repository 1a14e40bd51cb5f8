"""Figures of detectors: how many alerts, how many of them right, what was found and how soon."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from alerts.model import rfc3339
from config.base import ComponentSettings
from detectors.contract import Finding
from detectors.deciding import Decision
from detectors.windowed import WindowSettings
from pipeline.backtest.alerts import Alert
from pipeline.backtest.intervals import quantile, rate, share
from pipeline.backtest.labels import Label
from pipeline.backtest.matching import Found, Judge, Span, Truth
from pipeline.backtest.result import Delay, Figures, GroupCount, IncidentResult

ALL = "*"
_MOST_GROUPS = 20
_DAY_US = 86_400_000_000


class WindowCounts:
    """Counts windows, and those that were judged, by detector, within a span."""

    def __init__(self) -> None:
        self._ends: dict[str, Counter[tuple[int, bool]]] = {}

    def take(self, findings: Sequence[Finding]) -> None:
        """Count findings of windows."""
        for found in findings:
            self._ends.setdefault(found.detector, Counter())[found.end_us, found.p_value is not None] += 1

    def of(self, detector: str, span: Span) -> tuple[int, int]:
        """Return how many windows ended in the span, and how many of them were judged."""
        counts = self._ends.get(detector, Counter())
        inside = [(judged, count) for (end_us, judged), count in counts.items() if span.holds(end_us)]
        return sum(count for _, count in inside), sum(count for judged, count in inside if judged)


class Measure:
    """Makes the figures of one run.

    Args:
        entries: detectors of the settings, by name.
        alerts: all of the run.
        windows: of the run.
        span: what is judged.
        judge: holds alerts against labels; None: there are none.

    Attributes:
        judged: alerts that begin in the span. inside: their ids. truths: what they were, by id.
    """

    def __init__(
        self,
        entries: Mapping[str, ComponentSettings],
        alerts: Sequence[Alert],
        windows: Callable[[str, Span], tuple[int, int]],
        span: Span,
        judge: Judge | None,
    ) -> None:
        self._entries = entries
        self.alerts = alerts
        self._windows = windows
        self._span = span
        self._judge = judge
        self._found: dict[int, list[Found]] = {}
        self._by_fingerprint: dict[str, list[Alert]] = {}
        for alert in alerts:
            self._by_fingerprint.setdefault(alert.fingerprint, []).append(alert)
        self.judged = [alert for alert in alerts if span.holds(alert.starts_at_us)]
        self.inside = {id(alert) for alert in self.judged}
        self.truths = {} if judge is None else {id(alert): judge.truth(alert) for alert in self.judged}

    def detectors(self) -> list[Figures]:
        """Return the figures of each detector, by name."""
        return [self._figures(name, entry) for name, entry in sorted(self._entries.items())]

    def total(self) -> Figures:
        """Return the figures of all detectors together."""
        return self._figures(ALL, None)

    def found_by(self, label: Label) -> list[Found]:
        """Return what each detector found of an incident, expected or not, the first one first."""
        known = self._found.get(label.number)
        if known is None:
            about = self._by_fingerprint.get(label.fingerprint, ()) if label.fingerprint else self.alerts
            found = [] if self._judge is None else self._judge.found(label, about)
            known = sorted(found, key=lambda hit: (hit.already_open, hit.fired_at_us, hit.alert.detector))
            self._found[label.number] = known
        return known

    def incidents(self) -> list[IncidentResult]:
        """Return what became of each incident."""
        told = []
        for label in [] if self._judge is None else self._judge.incidents:
            found = self.found_by(label)
            first = found[0] if found else None
            told.append(
                IncidentResult(
                    number=label.number,
                    name=label.name,
                    start=rfc3339(label.start_us),
                    watched=self._judge is not None and self._judge.is_watched(label),
                    found_by=[hit.alert.detector for hit in found],
                    late_s=None if first is None or first.already_open else (first.late_us - first.early_us) / 1e6,
                    already_open=first is not None and first.already_open,
                )
            )
        return told

    def _expected(self, label: Label, name: str, entry: ComponentSettings) -> bool:
        if label.fingerprint and not label.detectors:
            return False  # a verdict on an alert that nobody raises here
        return label.expects(name, entry.type)

    def _figures(self, name: str, entry: ComponentSettings | None) -> Figures:
        own = self.judged if entry is None else [alert for alert in self.judged if alert.detector == name]
        days = self._span.weeks * 7
        counts = Counter(tuple(sorted(alert.group.items())) for alert in own)
        most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_GROUPS]
        names = sorted(self._entries) if entry is None else [name]
        windows = [self._windows(one, self._span) for one in names]
        figures = Figures(
            detector=name,
            type=ALL if entry is None else entry.type,
            decision=decision_of(entry),
            alerts=len(own),
            taken_back=sum(alert.taken_back for alert in own),
            per_day=round(len(own) / days, 4),
            open_share=round(_open_share(self.alerts if entry is None else _of(self.alerts, name), self._span), 4),
            groups=len(counts),
            by_group=[
                GroupCount(group=dict(group), alerts=count, per_day=round(count / days, 4)) for group, count in most
            ],
            windows=sum(seen for seen, _ in windows),
            judged=sum(judged for _, judged in windows),
        )
        return figures if self._judge is None else self._judged(figures, own, entry, self._judge)

    def _judged(self, figures: Figures, own: Sequence[Alert], entry: ComponentSettings | None, judge: Judge) -> Figures:
        truths = Counter(self.truths[id(alert)] for alert in own)
        true, false = truths[Truth.TRUE], truths[Truth.FALSE]
        found: list[Found] = []
        expected = 0
        for label in judge.incidents:
            hits = self.found_by(label)
            if entry is None:
                expected += judge.is_watched(label)
                found += hits[: judge.is_watched(label)]
            elif self._expected(label, figures.detector, entry):
                expected += 1
                found += [hit for hit in hits if hit.alert.detector == figures.detector]
        fresh = [hit for hit in found if not hit.already_open]
        hops_us = {name: _hop_us(entry) for name, entry in self._entries.items()}
        false_ones = [alert for alert in own if self.truths[id(alert)] is Truth.FALSE]
        raised = sum(any(judge.touches(alert, label) for alert in false_ones) for label in judge.look_alikes)
        return replace(
            figures,
            true=true,
            false=false,
            unjudged=truths[Truth.UNJUDGED],
            precision=share(true, true + false),
            recall=share(len(found), expected),
            already_open=len(found) - len(fresh),
            time_to_detect=_delay([(hit.late_us, hops_us[hit.alert.detector]) for hit in fresh]),
            lead_time=_delay([(hit.early_us, hops_us[hit.alert.detector]) for hit in fresh if hit.early_us]),
            false_per_week=rate(false, self._span.weeks),
            look_alikes_raised=share(raised, len(judge.look_alikes)),
        )


def decision_of(entry: ComponentSettings | None) -> dict[str, object] | None:
    """Return what a window detector decides by, as it would be written in the settings."""
    if not isinstance(entry, WindowSettings):
        return None
    return entry.model_dump(mode="json", include=set(Decision.model_fields))


def _of(alerts: Iterable[Alert], name: str) -> list[Alert]:
    return [alert for alert in alerts if alert.detector == name]


def _open_share(alerts: Sequence[Alert], span: Span) -> float:
    """Return the share of the span in which at least one alert was open."""
    open_us, covered_us = 0, span.from_us
    for alert in sorted(alerts, key=lambda alert: alert.starts_at_us):
        begin_us = max(alert.starts_at_us, covered_us)
        end_us = min(alert.until_us(span.end_us), span.to_us)
        if end_us > begin_us:
            open_us += end_us - begin_us
            covered_us = end_us
    return open_us / (span.to_us - span.from_us)


def _hop_us(entry: ComponentSettings | None) -> int | None:
    return entry.spec().hop_us if isinstance(entry, WindowSettings) else None


def _delay(taken: Sequence[tuple[int, int | None]]) -> Delay | None:
    """Return the delay of several incidents: of each, microseconds, and those from one window to the next."""
    seconds = [took_us / 1e6 for took_us, _ in taken]
    windows = [took_us / hop_us for took_us, hop_us in taken if hop_us is not None]
    median, ninth = quantile(seconds, 0.5), quantile(seconds, 0.9)
    if median is None or ninth is None:
        return None
    counted = len(windows) == len(seconds)
    return Delay(
        count=len(seconds),
        median_s=median,
        p90_s=ninth,
        median_windows=round(quantile(windows, 0.5) or 0.0, 2) if counted else None,
        p90_windows=round(quantile(windows, 0.9) or 0.0, 2) if counted else None,
    )
