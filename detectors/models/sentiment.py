"""How unusually bad the sentiment of a window is: by the share of negative events, and by the mean."""

import math
from typing import Literal

import msgspec

from detectors.assembler import ClosedWindow
from detectors.models.baseline import SENTIMENT, SHARE, Baseline, BaselineState, MeanState, Prediction
from detectors.models.forgetting import ForgettingMean
from detectors.models.tails import any_of, beta_binomial_upper, student_upper, widened
from detectors.panes import Group

View = Literal["negative_share", "mean"]
MICRO = 1_000_000
"""Sentiments are summed as integers in millionths."""
COUNT, NEGATIVE, SUM, SQUARES = range(4)
"""Places in a window's vector: events, negative events, sum of sentiment, sum of its squares (both in millionths)."""
WIDTH = 4

_MOST_CORRELATION = 0.9
_PRIOR_SPREAD = 0.35
_PRIOR_SPREAD_COUNT = 50.0
_LEAST_SPREAD = 0.001
_CERTAIN_DEGREES = 1e9
_POOL: Group = ()


class Expectation(msgspec.Struct, array_like=True, frozen=True):
    """What a window should show if nothing is wrong: its share, its mean, and the variance of single sentiments."""

    share: Prediction
    mean: Prediction
    spread: float


class ViewScore(msgspec.Struct, frozen=True):
    """What one view says: observed and expected value, and the probability of one at least as bad."""

    value: float
    baseline: float
    p_value: float


class SentimentScore(msgspec.Struct, frozen=True):
    """What all views say.

    Attributes:
        views: by name.
        p_value: of all views together.
        history: how many windows' worth of data the group has had.
    """

    views: dict[View, ViewScore]
    p_value: float
    history: float


class _State(msgspec.Struct, array_like=True, frozen=True):
    share: BaselineState
    mean: BaselineState
    spreads: list[tuple[Group, MeanState]]
    pooled_spread: MeanState


_DECODER = msgspec.msgpack.Decoder(_State)


class SentimentModel:
    """Baselines of negative share and mean sentiment, for all groups.

    Both tests are one-sided: better than usual is never unusual. The share is tested by the exact tail of a
    beta-binomial with the variance that the baseline predicts, read with as many degrees of freedom as stand behind
    that variance; the mean by Student's t. Several views together are as one by Bonferroni.

    Args:
        views: which to test; both are learned.
        window_us, half_life_us, rhythm: see :class:`~detectors.models.baseline.Baseline`.
    """

    def __init__(self, views: tuple[View, ...], *, window_us: int, half_life_us: int, rhythm: str) -> None:
        self.views = views
        self.half_life_us = half_life_us
        self._share = Baseline(SHARE, window_us=window_us, half_life_us=half_life_us, rhythm=rhythm)
        self._mean = Baseline(SENTIMENT, window_us=window_us, half_life_us=half_life_us, rhythm=rhythm)
        self._spreads: dict[Group, ForgettingMean] = {}
        self._pooled_spread = ForgettingMean(half_life_us)

    def expect(self, window: ClosedWindow) -> Expectation:
        """Return what the window should show, by what has been learned so far. Changes nothing."""
        return Expectation(
            self._share.predict(window.group, window.end_us),
            self._mean.predict(window.group, window.end_us),
            self._spread(window.group, window.end_us),
        )

    def score(self, window: ClosedWindow, expected: Expectation) -> SentimentScore:
        """Return how unusual a window with at least one event is. Changes nothing."""
        tests = {"negative_share": _score_share, "mean": _score_mean}
        views = {view: tests[view](window, expected) for view in self.views}
        p_value = any_of([score.p_value for score in views.values()])
        return SentimentScore(views, p_value, self._share.history(window.group))

    def learn(self, window: ClosedWindow, expected: Expectation, weight: float) -> None:
        """Learn a window with at least one event.

        Args:
            window: what was observed.
            expected: what :meth:`expect` said when it was scored.
            weight: how many windows' worth it is: hop / size where windows overlap, less while an alert is open.
        """
        count, negative, total, squares = window.vector
        group, end_us = window.group, window.end_us
        share, mean = negative / count, total / (MICRO * count)
        spread = expected.share.value * (1.0 - expected.share.value)
        self._share.learn(group, end_us, share, expected=expected.share, count=count, spread=spread, weight=weight)
        self._mean.learn(
            group, end_us, mean, expected=expected.mean, count=count, spread=expected.spread, weight=weight
        )
        if count > 1:
            observed = max(0.0, (squares / MICRO - count * mean * mean) / (count - 1))
            own = self._spreads.setdefault(group, ForgettingMean(self.half_life_us))
            for known in (own, self._pooled_spread):
                known.learn(observed, weight=weight * (count - 1), at_us=end_us)

    def _spread(self, group: Group, end_us: int) -> float:
        """Return the variance of single sentiments: the group's own, on that of its siblings, on a fixed prior."""
        value = _PRIOR_SPREAD
        for known in (self._pooled_spread, self._spreads.get(group)):
            if known is not None:
                learned = known.weight_at(end_us)
                value = (learned * known.value + _PRIOR_SPREAD_COUNT * value) / (learned + _PRIOR_SPREAD_COUNT)
        return max(_LEAST_SPREAD, value)

    def forget(self, group: Group) -> None:
        """Drop what was learned of ``group``; what it taught about its siblings stays."""
        self._share.forget_group(group)
        self._mean.forget_group(group)
        self._spreads.pop(group, None)

    def state(self) -> bytes:
        """Return the models as msgpack."""
        spreads = [(group, _plain(mean)) for group, mean in sorted(self._spreads.items(), key=lambda item: item[0])]
        return msgspec.msgpack.encode(
            _State(self._share.state(), self._mean.state(), spreads, _plain(self._pooled_spread))
        )

    def restore(self, state: bytes) -> None:
        """Take over what :meth:`state` returned.

        Raises:
            msgspec.DecodeError: when it is something else.
        """
        decoded = _DECODER.decode(state)
        self._share.restore(decoded.share)
        self._mean.restore(decoded.mean)
        self._spreads = {group: ForgettingMean(self.half_life_us, *plain) for group, plain in decoded.spreads}
        self._pooled_spread = ForgettingMean(self.half_life_us, *decoded.pooled_spread)


def _score_share(window: ClosedWindow, expected: Expectation) -> ViewScore:
    count, negative = window.vector[COUNT], window.vector[NEGATIVE]
    prediction = expected.share
    spread = prediction.value * (1.0 - prediction.value)
    excess = _excess(prediction, spread)
    correlation = min(_MOST_CORRELATION, excess / spread)
    p_value = beta_binomial_upper(negative, count, prediction.value, correlation)
    degrees = _degrees(prediction, excess, spread / count)
    return ViewScore(negative / count, prediction.value, widened(p_value, degrees))


def _score_mean(window: ClosedWindow, expected: Expectation) -> ViewScore:
    count = window.vector[COUNT]
    mean = window.vector[SUM] / (MICRO * count)
    prediction, spread = expected.mean, expected.spread
    excess = _excess(prediction, spread)
    score = (prediction.value - mean) / math.sqrt(excess + spread / count)
    return ViewScore(mean, prediction.value, student_upper(score, _degrees(prediction, excess, spread / count)))


def _plain(mean: ForgettingMean) -> MeanState:
    return mean.value, mean.weight, mean.at_us


def _excess(prediction: Prediction, spread: float) -> float:
    """Return the variance of a window's value beyond the noise of counting."""
    return prediction.correlation * spread + prediction.doubt


def _degrees(prediction: Prediction, excess: float, noise: float) -> float:
    """Return the degrees of freedom of the whole variance, of which only the excess was estimated (Satterthwaite)."""
    if excess <= 0.0:
        return _CERTAIN_DEGREES
    return min(_CERTAIN_DEGREES, prediction.degrees * ((excess + noise) / excess) ** 2)
