"""A share of events (negative, broken, failed): judged by the exact tail of a beta-binomial on the counts."""

from collections.abc import Sequence

import msgspec

from detectors.assembler import ClosedWindow
from detectors.models.baseline import SHARE, Baseline, BaselineState, Scale
from detectors.models.prediction import Prediction, degrees_of, excess_of
from detectors.models.rhythm import Memory
from detectors.models.tails import beta_binomial_upper, widened
from detectors.models.views import Lever, Side, ViewScore

_MOST_CORRELATION = 0.9
_DECODER = msgspec.msgpack.Decoder(BaselineState)


class ShareView:
    """The share of the events in a window that are bad; more than normal is unusual, fewer never is.

    The mid-p of a beta-binomial with the variance that the baseline predicts, read with as many degrees of freedom as
    stand behind that variance.

    Args:
        name: of the view.
        part, count: places in the windows' vectors: bad events, and all that count for the share. Where these are not a
            part of those (refunds by payments), more than all are as bad as all.
        min_count: windows with fewer are not scored.
        memory: what it remembers by.
        scale: what is known of the share before any data.
    """

    expectation: type[msgspec.Struct] = Prediction
    bad: Side = "high"

    def __init__(
        self,
        name: str,
        *,
        part: int,
        count: int,
        min_count: int,
        memory: Memory,
        scale: Scale = SHARE,
    ) -> None:
        self.name = name
        self._part = part
        self._count = count
        self._min_count = min_count
        self._baseline = Baseline(scale, memory)
        self.history, self.unsettle = self._baseline.history, self._baseline.unsettle
        self.forget = self._baseline.forget_group

    def begin(self, windows: Sequence[ClosedWindow]) -> None:
        """Do nothing: each window is seen by itself."""

    def expect(self, window: ClosedWindow) -> Prediction:
        """Return what the share should be."""
        return self._baseline.predict(window.group, window.end_us)

    def scores(self, window: ClosedWindow, expected: Prediction) -> bool:
        """Return whether there are enough events."""
        del expected
        return window.vector[self._count] >= self._min_count

    def score(self, window: ClosedWindow, expected: Prediction) -> ViewScore:
        """Return how unusually large the share is, in a window with at least one event that counts for it."""
        count = window.vector[self._count]
        bad = min(count, window.vector[self._part])
        spread = expected.value * (1.0 - expected.value)
        excess = excess_of(expected, spread)
        correlation = min(_MOST_CORRELATION, excess / spread)
        p_value = beta_binomial_upper(bad, count, expected.value, correlation, mid=True)
        degrees = degrees_of(expected, excess, spread / count)
        return ViewScore(bad / count, expected.value, widened(p_value, degrees))

    def lever(self, window: ClosedWindow, expected: Prediction) -> Lever:
        """Return that the fewer of the events are bad, the better."""
        del expected
        return Lever(self._part, 0, window.vector[self._count])

    def value(self, window: ClosedWindow) -> float | None:
        """Return the share, None where there are too few events."""
        count = window.vector[self._count]
        return min(count, window.vector[self._part]) / count if count >= self._min_count else None

    def learn(self, window: ClosedWindow, expected: Prediction, weight: float) -> None:
        """Learn a window; one without events that count teaches nothing."""
        count = window.vector[self._count]
        bad = min(count, window.vector[self._part])
        if count < 1:
            return
        spread = expected.value * (1.0 - expected.value)
        self._baseline.learn(
            window.group, window.end_us, bad / count, expected=expected, count=count, spread=spread, weight=weight
        )

    def state(self) -> bytes:
        """Return everything that was learned, as msgpack."""
        return msgspec.msgpack.encode(self._baseline.state())

    def restore(self, state: bytes) -> None:
        """Take over what :meth:`state` returned."""
        self._baseline.restore(_DECODER.decode(state))
