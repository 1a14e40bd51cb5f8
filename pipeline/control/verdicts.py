"""How many false alarms there are, by what people say of alerts, and by the p-values of windows."""

import threading
from collections.abc import Mapping
from typing import NamedTuple

from scipy.special import gammaincinv

from detectors.control import VerdictGiven

WEEK_US = 7 * 86_400_000_000
SPAN_US = 4 * WEEK_US
"""Verdicts on alerts that began so long ago or later count for the rate."""
_MOST_EPISODES = 100_000


class Rate(NamedTuple):
    """An estimate of events a week, with the bounds of its 95 % interval."""

    estimate: float
    low: float
    high: float


class Judged(NamedTuple):
    """What is known of the false alarms of the detectors that a process decides for, by detector.

    Attributes:
        verdicts: how often each was given.
        by_verdicts: false alarms a week, by what people say.
        by_p_values: the same, by how often alerts open by chance.
    """

    verdicts: Mapping[str, Mapping[str, int]]
    by_verdicts: Mapping[str, Rate]
    by_p_values: Mapping[str, Rate]


def poisson_rate(count: float, weeks: float) -> Rate:
    """Return how many a week there are, where there were ``count`` in ``weeks`` (Garwood's interval).

    >>> [round(figure, 2) for figure in poisson_rate(4, 4.0)]
    [1.0, 0.27, 2.56]
    """
    low = 0.0 if count <= 0 else float(gammaincinv(count, 0.025))
    return Rate(count / weeks, low / weeks, float(gammaincinv(count + 1.0, 0.975)) / weeks)


class Verdicts:
    """What was said of alerts. May be asked in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given: dict[str, dict[str, int]] = {}
        self._last: dict[tuple[str, str, int], str] = {}

    def add(self, verdict: VerdictGiven) -> None:
        """Take a verdict, the newest one of all."""
        with self._lock:
            given = self._given.setdefault(verdict.detector, {"useful": 0, "noise": 0})
            given[verdict.verdict] += 1
            key = (verdict.detector, verdict.fingerprint, verdict.starts_at_us)
            self._last.pop(key, None)
            self._last[key] = verdict.verdict
            if len(self._last) > _MOST_EPISODES:
                del self._last[next(iter(self._last))]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._given, self._last = {}, {}

    def given(self) -> dict[str, dict[str, int]]:
        """Return how often each verdict was given, by detector."""
        with self._lock:
            return {detector: dict(counts) for detector, counts in self._given.items()}

    def false_alarms(self, now_us: int) -> dict[str, Rate]:
        """Return how many alerts a week people called noise, by detector, over the four weeks before ``now_us``.

        Of an episode the last verdict counts. What nobody has judged is not among them: the rate is of what people
        said. Where the first episode that they judged is younger than four weeks it is over the time since then, a week
        at least.
        """
        with self._lock:
            last = dict(self._last)
        by_detector: dict[str, list[tuple[int, str]]] = {}
        for (detector, _, starts_at_us), verdict in last.items():
            by_detector.setdefault(detector, []).append((starts_at_us, verdict))
        rates = {}
        for detector, judged in by_detector.items():
            span_us = min(SPAN_US, max(WEEK_US, now_us - min(at_us for at_us, _ in judged)))
            noise = sum(verdict == "noise" and at_us > now_us - span_us for at_us, verdict in judged)
            rates[detector] = poisson_rate(noise, span_us / WEEK_US)
        return rates
