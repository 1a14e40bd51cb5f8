"""Counts of findings, by which one sees whether p-values keep their word: the realised rate beside the nominal one."""

from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

from prometheus_client.core import CounterMetricFamily, Metric

from detectors.contract import Finding
from detectors.opening import Verdict

LEVELS = (0.1, 0.01, 0.001, 0.0001)
_NAMES = ("0.1", "0.01", "0.001", "0.0001")
_VERDICTS = (*get_args(Verdict), "harmless")
MOST_GROUPS = 2_000
_NOT_CALM = frozenset({"still_firing", "resolves", "warming_up"})
"""Verdicts of windows that say nothing of windows in which nothing is wrong, as far as anybody knows."""


class FindingCounts:
    """What was found since the process started. Written by the flow, read in any thread.

    Args:
        detectors: names of the window detectors: their counts are there from the start, at zero.

    Attributes:
        verdicts: findings, by detector and verdict.
        windows: by detector, those with a p-value whose group was warm and had no alert open before.
        p_values: by detector, how many of these were at or below each of :data:`LEVELS`.
        dropped: findings that could not be kept.

    The newest finding of each group is kept as well, of the last :data:`MOST_GROUPS` groups that had one.
    """

    def __init__(self, detectors: Iterable[str] = ()) -> None:
        self.windows = dict.fromkeys(detectors, 0)
        self.verdicts = {(detector, verdict): 0 for detector in self.windows for verdict in _VERDICTS}
        self.p_values: dict[str, list[int]] = {}
        self.dropped = 0
        self._newest: dict[tuple[str, tuple[tuple[str, str], ...]], Finding] = {}

    def add(self, findings: Sequence[Finding]) -> None:
        """Count findings."""
        verdicts, windows = self.verdicts, self.windows
        for finding in findings:
            detector, verdict, p_value = finding.detector, finding.verdict, finding.p_value
            verdicts[detector, verdict] = verdicts.get((detector, verdict), 0) + 1
            if detector in windows:
                key = detector, tuple(finding.group.items())
                self._newest.pop(key, None)  # the newest stand last
                self._newest[key] = finding
            if p_value is None or verdict in _NOT_CALM:
                continue
            windows[detector] = windows.get(detector, 0) + 1
            if p_value <= LEVELS[0]:
                counts = self.p_values.setdefault(detector, [0] * len(LEVELS))
                for index, level in enumerate(LEVELS):
                    counts[index] += p_value <= level
        for _ in range(len(self._newest) - MOST_GROUPS):
            del self._newest[next(iter(self._newest))]

    def newest(self, most: int) -> list[Finding]:
        """Return the newest finding of each group, the most unusual first. May be asked in any thread."""
        found = list(self._newest.copy().values())
        return sorted(found, key=lambda one: (2.0 if one.p_value is None else one.p_value, -one.end_us))[:most]


def finding_metrics(counts: FindingCounts | None) -> Iterator[Metric]:
    """Return the families of what was found.

    Args:
        counts: None before the flow has started: the families are there, without figures.
    """
    verdicts = CounterMetricFamily(
        "makegood_findings",
        "Windows (and what case detectors saw), by verdict, since this process started",
        labels=["detector", "verdict"],
    )
    windows = CounterMetricFamily(
        "makegood_detector_windows",
        "Windows with a p-value, of groups that had warmed up and had no alert open",
        labels=["detector"],
    )
    p_values = CounterMetricFamily(
        "makegood_detector_p_values",
        "Of these windows, the ones whose p-value was at or below a level: divided by them, the realised rate",
        labels=["detector", "at_or_below"],
    )
    dropped = CounterMetricFamily("makegood_findings_dropped", "Findings that could not be kept for `makegood explain`")
    if counts is not None:
        dropped.add_metric([], counts.dropped)
        for (detector, verdict), count in sorted(dict(counts.verdicts).items()):
            verdicts.add_metric([detector, verdict], count)
        for detector, count in sorted(dict(counts.windows).items()):
            windows.add_metric([detector], count)
            known = counts.p_values.get(detector, [0] * len(LEVELS))
            for name, below in zip(_NAMES, list(known), strict=True):
                p_values.add_metric([detector, name], below)
    yield from (verdicts, windows, p_values, dropped)
