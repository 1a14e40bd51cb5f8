"""What the newest window of each group held, by which one sees how the service does now."""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import Metric

from config.metrics import build, flow
from config.metrics.labels import MOST_GROUPS
from detectors.contract import Finding

_S = 1e-6
_PLACES = ("service", "region")
_OF_SENTIMENT = "sentiment_drop"
Group = tuple[tuple[str, str], ...]


class LatestWindows:
    """The newest window of every group: :data:`MOST_GROUPS` of each detector. Written by the flow, read in any thread.

    Of a group that a detector no longer looks at no figure is shown: old ones would look like those of now.

    Args:
        types: the ``type`` of each window detector, by its name.
    """

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = dict(types)
        self._groups: dict[str, dict[Group, Finding]] = {}
        self._ends_us: dict[str, int] = {}
        self._left_out: dict[str, set[Group]] = {}
        self._cleared_us: dict[str, int] = {}
        """For which end the groups of a detector were looked through for those that are no longer looked at."""

    def add(self, findings: Sequence[Finding]) -> None:
        """Take findings, each group's in the order of time; those of detectors that are no window detectors are not."""
        for finding in findings:
            detector = finding.detector
            if detector not in self._types:
                continue
            if finding.end_us > self._ends_us.get(detector, finding.end_us - 1):
                self._ends_us[detector] = finding.end_us
                self._left_out.pop(detector, None)
            groups = self._groups.setdefault(detector, {})
            group = tuple(sorted(finding.group.items()))
            if group not in groups and len(groups) >= MOST_GROUPS:
                if self._cleared_us.get(detector) != self._ends_us[detector]:
                    groups = self._groups[detector] = self._now(detector)
                    self._cleared_us[detector] = self._ends_us[detector]
                if len(groups) >= MOST_GROUPS:
                    self._left_out.setdefault(detector, set()).add(group)
                    continue
            groups[group] = finding
            if finding.end_us < self._ends_us[detector]:
                self._cleared_us.pop(detector, None)

    def newest(self) -> list[Finding]:
        """Return the newest finding of each group, the most unusual first; those no longer looked at are among them."""
        found = [one for groups in list(self._groups.values()) for one in list(groups.values())]
        return sorted(found, key=lambda one: (2.0 if one.p_value is None else one.p_value, -one.end_us))

    def left_out(self) -> int:
        """Return how many groups of now are not shown, because there are too many."""
        return sum(len(groups) for groups in list(self._left_out.values()))

    def metrics(self) -> Iterator[Metric]:
        """Return the families, with the groups of now."""
        value, baseline = build.gauges(flow.WINDOW_VALUE), build.gauges(flow.WINDOW_BASELINE)
        p_value, events = build.gauges(flow.WINDOW_P_VALUE), build.gauges(flow.WINDOW_EVENTS)
        mean, negative = build.gauges(flow.SENTIMENT_MEAN), build.gauges(flow.SENTIMENT_NEGATIVE)
        end = build.gauges(flow.WINDOW_END)
        for detector in sorted(self._types):
            if detector not in self._ends_us:
                continue
            kind = self._types[detector]
            end.add_metric([detector, kind], self._ends_us[detector] * _S)
            for group, seen in sorted(self._now(detector).items()):
                labels = [detector, kind, *_places(group)]
                events.add_metric(labels, seen.count)
                figures = [(value, seen.value), (baseline, seen.baseline), (p_value, seen.p_value)]
                if kind == _OF_SENTIMENT:
                    figures += [(mean, _detail(seen, "mean")), (negative, _detail(seen, "negative_share"))]
                for family, figure in figures:
                    if figure is not None:
                        family.add_metric(labels, figure)
        yield from (value, baseline, p_value, events, end, mean, negative)

    def _now(self, detector: str) -> dict[Group, Finding]:
        end_us = self._ends_us[detector]
        return {group: seen for group, seen in dict(self._groups[detector]).items() if seen.end_us >= end_us}


def _detail(finding: Finding, name: str) -> float | None:
    found = finding.details.get(name)
    return found if isinstance(found, float) else None


def _places(group: Group) -> list[str]:
    named = dict(group)
    rest = ",".join(f"{name}={value}" for name, value in group if name not in _PLACES)
    return [*(named.get(place) or "" for place in _PLACES), rest]
