"""Counts of findings, by which one sees whether p-values keep their word: the realised rate beside the nominal one."""

from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

from prometheus_client.core import Metric

from config.metrics import build, flow
from config.metrics.model import OTHER
from detectors.contract import Finding
from detectors.opening import Verdict

LEVELS = (0.1, 0.01, 0.001, 0.0001)
_NAMES = ("0.1", "0.01", "0.001", "0.0001")
_VERDICTS = (*get_args(Verdict), "harmless")
VERDICTS = (
    *_VERDICTS,
    *("repeat", "no_repeat", "chaser", "transfer", "outbound", "thanks"),
    *("edited_too_late", "no_score", "no_scale", "unknown_scale", "out_of_scale"),
    OTHER,
)
"""All that is counted apart: of window detectors, of ``repeat_contact``, and of answers that cannot be judged."""
_KNOWN = frozenset(VERDICTS)
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
    """

    def __init__(self, detectors: Iterable[str] = ()) -> None:
        self.windows = dict.fromkeys(detectors, 0)
        self.verdicts = {(detector, verdict): 0 for detector in self.windows for verdict in _VERDICTS}
        self.p_values: dict[str, list[int]] = {}
        self.dropped = 0

    def add(self, findings: Sequence[Finding]) -> None:
        """Count findings."""
        verdicts, windows = self.verdicts, self.windows
        for finding in findings:
            detector, verdict, p_value = finding.detector, finding.verdict, finding.p_value
            told = verdict if verdict in _KNOWN else OTHER
            verdicts[detector, told] = verdicts.get((detector, told), 0) + 1
            if p_value is None or verdict in _NOT_CALM:
                continue
            windows[detector] = windows.get(detector, 0) + 1
            if p_value <= LEVELS[0]:
                counts = self.p_values.setdefault(detector, [0] * len(LEVELS))
                for index, level in enumerate(LEVELS):
                    counts[index] += p_value <= level


def finding_metrics(counts: FindingCounts | None) -> Iterator[Metric]:
    """Return the families of what was found.

    Args:
        counts: None before the flow has started: the families are there, without figures.
    """
    verdicts = build.counters(flow.FINDINGS)
    windows = build.counters(flow.WINDOWS)
    p_values = build.counters(flow.P_VALUES)
    dropped = build.counters(flow.FINDINGS_DROPPED)
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
