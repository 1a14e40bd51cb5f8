"""What is normal for a group at this hour: a hierarchical baseline with a predictive variance.

A window's value (a share, a mean) is seen as ``level + hour of day + hour of week + excess + noise``:

* *level* is the group's own; a group without history borrows that of its siblings, with the doubt that goes with it;
* *hour of day* and *hour of week* (both UTC) are offsets, shrunk to zero until there is evidence for them;
* *excess* is what windows differ by beyond the noise of counting (the within-window correlation ``rho`` of a
  beta-binomial). It is measured on one-step-ahead residuals, so that whatever the baseline does not know yet, a
  rhythm not learned for example, makes the tails wider and not the alarms more;
* *noise* is the spread of single events divided by their number.

All means are :class:`~detectors.models.forgetting.ForgettingMean` weighted by precision (1 / variance), which makes
them posterior means of normal priors. Every window is learned, but with its residual clipped to ``CLIP`` standard
deviations, and with less weight while an alert is open: a failure widens the baseline slowly and is not learned away
in its first hours.
"""

import math

import msgspec

from detectors.models.forgetting import ForgettingMean
from detectors.panes import Group

CLIP = 3.5
"""Residuals beyond this many predictive standard deviations are learned as this many."""
_SIBLING_WINDOWS = 8.0
"""How many windows of its own a group needs before its own excess counts as much as that of its siblings."""
_PRIOR_WINDOWS = 4.0
"""How many windows the prior excess counts as."""
_PRIOR_CORRELATION = 0.02
_FULL_INFORMATION_COUNT = 50.0
"""From about this count on, a window's residual tells about the excess and not only about noise."""
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_POOL = "pool:"
"""Prefix of the parts that all groups share."""

MeanState = tuple[float, float, int]
"""Value, weight, time of the last observation of a :class:`ForgettingMean`."""


class Scale(msgspec.Struct, frozen=True):
    """What is known of a value before any data.

    Attributes:
        low, high: the range that predictions are kept in.
        start, start_sd: value of a first group without siblings, and the doubt about it.
        group_sd: how far groups differ from each other.
        hour_sd: how large the offsets of an hour of day, and of an hour of week on top of it, may be.
    """

    low: float
    high: float
    start: float
    start_sd: float
    group_sd: float
    hour_sd: float


SHARE = Scale(low=0.005, high=0.995, start=0.3, start_sd=0.3, group_sd=0.15, hour_sd=0.05)
SENTIMENT = Scale(low=-1.0, high=1.0, start=0.0, start_sd=0.6, group_sd=0.3, hour_sd=0.1)


class Prediction(msgspec.Struct, array_like=True, frozen=True):
    """What a window should show if nothing is wrong.

    Attributes:
        value: expected value.
        doubt: variance of ``value`` itself (what the baseline does not know).
        correlation: excess variance between windows, in units of the spread of single events; not negative.
        degrees: degrees of freedom behind ``correlation``.
    """

    value: float
    doubt: float
    correlation: float
    degrees: float


class BaselineState(msgspec.Struct, array_like=True):
    """State of a :class:`Baseline` as plain data: ``means`` by (group, part), ``history`` by group."""

    means: list[tuple[Group, str, MeanState]]
    history: list[tuple[Group, float]]


class Baseline:
    """Baselines of all groups of one detector, for one statistic.

    Args:
        scale: of the statistic.
        window_us: length of the windows. Rhythms shorter than the window do not exist for it.
        half_life_us: after which a window counts half.
        rhythm: ``hour_of_week``, ``hour_of_day`` or ``none``.
    """

    def __init__(self, scale: Scale, *, window_us: int, half_life_us: int, rhythm: str) -> None:
        self.scale = scale
        self.half_life_us = half_life_us
        self._half_window_us = window_us // 2
        self._daily = rhythm != "none" and window_us < _DAY_US
        self._weekly = rhythm == "hour_of_week" and window_us < 7 * _DAY_US
        self._means: dict[tuple[Group, str], ForgettingMean] = {}
        self._history: dict[Group, float] = {}

    def predict(self, group: Group, end_us: int) -> Prediction:
        """Return what the window of ``group`` that ends at ``end_us`` should show. Changes nothing."""
        level, doubt = self._level(group, end_us)
        for part in self._hours(end_us):
            offset, sampling_variance = self._offset(group, part, end_us)
            level += offset
            doubt += sampling_variance
        correlation, degrees = self._correlation(group, end_us)
        return Prediction(
            value=min(self.scale.high, max(self.scale.low, level)),
            doubt=doubt,
            correlation=correlation,
            degrees=degrees,
        )

    def learn(
        self,
        group: Group,
        end_us: int,
        value: float,
        *,
        expected: Prediction,
        count: int,
        spread: float,
        weight: float,
    ) -> None:
        """Learn a window: ``value`` out of ``count`` events whose single values have variance ``spread``.

        Args:
            group: whose window.
            end_us: its end.
            value: what was observed.
            expected: what :meth:`predict` said when the window was scored. Where windows overlap, the baseline has
                learned much of this one from its neighbours since, and would find it less of a surprise than it was.
            count: number of events, at least 1.
            spread: variance of single events, as expected (not as observed in this window), above 0.
            weight: how many windows' worth it is: hop / size where windows overlap, less while an alert is open.
        """
        noise = spread / count
        variance = noise + expected.correlation * spread
        bound = CLIP * math.sqrt(variance + expected.doubt)
        residual = min(bound, max(-bound, value - expected.value))
        observed = expected.value + residual
        # A squared residual varies with the square of its variance: where doubt is large it says little of the excess.
        certainty = variance / (variance + expected.doubt)
        information = weight * (certainty * count / (count + _FULL_INFORMATION_COUNT)) ** 2
        excess = (residual * residual - noise - expected.doubt) / spread
        for key, part in ((group, "excess"), ((), _POOL + "excess")):
            self._mean(key, part).learn(excess, weight=information, at_us=end_us)
        precision = weight / variance
        parts = self._hours(end_us)
        offsets = [self._offset(group, part, end_us)[0] for part in parts]
        for key, part in ((group, "level"), ((), _POOL + "level")):
            self._mean(key, part).learn(observed - sum(offsets), weight=precision, at_us=end_us)
        rest = observed - self._level(group, end_us)[0]
        # Each part learns what the parts before it, updated, leave over: else one deviation would be learned twice.
        for index, part in enumerate(parts):
            self._mean(group, part).learn(rest - sum(offsets[index + 1 :]), weight=precision, at_us=end_us)
            rest -= self._offset(group, part, end_us)[0]
        self._history[group] = self._history.get(group, 0.0) + weight

    def history(self, group: Group) -> float:
        """Return how many windows' worth of data ``group`` has had, those included that are forgotten by now."""
        return self._history.get(group, 0.0)

    def forget_group(self, group: Group) -> None:
        """Drop what was learned about ``group``; what it taught about its siblings stays."""
        for key in [key for key in self._means if key[0] == group and not key[1].startswith(_POOL)]:
            del self._means[key]
        self._history.pop(group, None)

    def state(self) -> BaselineState:
        """Return the state as plain data."""
        means = [(*key, (mean.value, mean.weight, mean.at_us)) for key, mean in sorted(self._means.items())]
        return BaselineState(means, sorted(self._history.items()))

    def restore(self, state: BaselineState) -> None:
        """Take over a state."""
        self._means = {
            (group, part): ForgettingMean(self.half_life_us, value, weight, at_us)
            for group, part, (value, weight, at_us) in state.means
        }
        self._history = dict(state.history)

    def _hours(self, end_us: int) -> list[str]:
        hour = (end_us - self._half_window_us) // _HOUR_US
        parts = []
        if self._daily:
            parts.append(f"d{hour % 24}")
        if self._weekly:
            parts.append(f"w{hour % 168}")
        return parts

    def _mean(self, group: Group, part: str) -> ForgettingMean:
        mean = self._means.get((group, part))
        if mean is None:
            mean = self._means[group, part] = ForgettingMean(self.half_life_us)
        return mean

    def _level(self, group: Group, end_us: int) -> tuple[float, float]:
        """Return the level of ``group`` and its variance: its own mean on the prior that its siblings give."""
        scale = self.scale
        value, variance = scale.start, scale.start_sd**2
        for key, part, extra in (((), _POOL + "level", 0.0), (group, "level", scale.group_sd**2)):
            variance += extra
            mean = self._means.get((key, part))
            if mean is not None:
                precision = mean.weight_at(end_us)
                total = precision + 1.0 / variance
                value = (precision * mean.value + value / variance) / total
                variance = 1.0 / total
        return value, variance

    def _offset(self, group: Group, part: str, end_us: int) -> tuple[float, float]:
        """Return an offset, shrunk to zero, and the variance that the noise in its evidence gives it.

        How far a rhythm not learned yet may be off is not in that variance: it is in the excess, which is measured.
        """
        mean = self._means.get((group, part))
        if mean is None:
            return 0.0, 0.0
        precision = mean.weight_at(end_us)
        total = precision + 1.0 / self.scale.hour_sd**2
        return precision * mean.value / total, precision / (total * total)

    def _correlation(self, group: Group, end_us: int) -> tuple[float, float]:
        """Return the excess of ``group`` and its degrees of freedom: own on siblings', siblings' on a fixed prior."""
        value, weight = _PRIOR_CORRELATION, _PRIOR_WINDOWS
        for key, part, most in (((), _POOL + "excess", _PRIOR_WINDOWS), (group, "excess", _SIBLING_WINDOWS)):
            mean = self._means.get((key, part))
            if mean is not None:
                learned = mean.weight_at(end_us)
                prior = min(weight, most)
                weight = learned + prior
                value = (learned * mean.value + prior * value) / weight
        return max(0.0, value), weight
