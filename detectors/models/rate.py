"""How many events a window has: judged by the exact tail of a negative binomial, on either side."""

import math
from collections.abc import Sequence

import msgspec

from detectors.assembler import ClosedWindow
from detectors.models.rate_baseline import LEAST_MEAN, MOST_EXCESS, RateBaseline, RateExpectation, RateState
from detectors.models.rhythm import Memory
from detectors.models.tails import negative_binomial_lower, negative_binomial_upper, widened
from detectors.models.views import Lever, Side, ViewScore
from detectors.panes import Group

_LEAST_SIBLINGS = 3
_COMMON_PRIOR = 20.0
"""How many events of the other groups it takes to say that all of them have more, or fewer."""
_CERTAIN_DEGREES = 1e9
_MOST_TIMES = 1_000
"""So many times what was expected, or came, is as much as anyone asks about."""
_DECODER = msgspec.msgpack.Decoder(RateState)


class RateView:
    """The number of events in a window.

    Args:
        name: of the view.
        count: place of the number in the windows' vectors.
        bad: which side of normal is bad.
        min_expected: windows in which fewer events are expected are not scored.
        memory: what it remembers by.
        relative: leave out of account what all groups have in common in a window: a holiday, a campaign.
    """

    expectation: type[msgspec.Struct] = RateExpectation

    def __init__(
        self,
        name: str,
        *,
        count: int,
        bad: Side,
        min_expected: float,
        memory: Memory,
        relative: bool = False,
    ) -> None:
        self.name = name
        self._count = count
        self._tail = negative_binomial_upper if bad == "high" else negative_binomial_lower
        self._min_expected = min_expected
        self._baseline = RateBaseline(memory)
        self.history = self._baseline.history
        self.bad: Side = bad
        self._low = bad == "low"
        self._relative = relative
        self._common: tuple[float, float] | None = None
        self._predicted: dict[Group, RateExpectation] = {}
        """What :meth:`begin` has predicted already, and nothing has changed since."""

    def begin(self, windows: Sequence[ClosedWindow]) -> None:
        """Look at all windows of one end, before they are scored one by one."""
        self._common = None
        self._predicted = {}
        if self._relative and len(windows) >= _LEAST_SIBLINGS:
            self._predicted = {window.group: self._baseline.predict(window.group, window.end_us) for window in windows}
            expected = sum([prediction.count for prediction in self._predicted.values()])
            self._common = (float(sum([window.vector[self._count] for window in windows])), expected)

    def expect(self, window: ClosedWindow) -> RateExpectation:
        """Return how many events the window should have."""
        expected = self._predicted.get(window.group)
        if expected is None:
            expected = self._baseline.predict(window.group, window.end_us)
        if self._common is None:
            return expected
        # The window itself is left out: a failure of a large group must not excuse itself.
        others = self._common[0] - window.vector[self._count] + _COMMON_PRIOR
        factor = others / (max(0.0, self._common[1] - expected.count) + _COMMON_PRIOR)
        factor = min(1.0, factor) if self._low else max(1.0, factor)
        return RateExpectation(
            max(LEAST_MEAN, expected.count * factor), expected.doubt, expected.excess, expected.degrees
        )

    def scores(self, window: ClosedWindow, expected: RateExpectation) -> bool:
        """Return whether enough events are expected, or more than that have come."""
        return expected.count >= self._min_expected or window.vector[self._count] >= self._min_expected

    def score(self, window: ClosedWindow, expected: RateExpectation) -> ViewScore:
        """Return how unusual the number is, as a mid-p."""
        number = window.vector[self._count]
        total = min(MOST_EXCESS, expected.excess + expected.doubt)
        p_value = self._tail(number, expected.count, total)
        if total > 0.0:
            share = (total + 1.0 / expected.count) / total
            degrees = min(_CERTAIN_DEGREES, expected.degrees * share * share)
            p_value = widened(p_value, degrees)
        return ViewScore(float(number), expected.count, p_value)

    def lever(self, window: ClosedWindow, expected: RateExpectation) -> Lever:
        """Return how far the number may be from good to bad."""
        most = _MOST_TIMES * (1 + max(window.vector[self._count], math.ceil(expected.count)))
        return Lever(self._count, most, 0) if self._low else Lever(self._count, 0, most)

    def value(self, window: ClosedWindow) -> float | None:
        """Return the number of events."""
        return float(window.vector[self._count])

    def learn(self, window: ClosedWindow, expected: RateExpectation, weight: float) -> None:
        """Learn a window, an empty one too."""
        self._predicted = {}
        number = window.vector[self._count]
        self._baseline.learn(window.group, window.end_us, number, expected=expected, weight=weight)

    def unsettle(self, group: Group, keep: float) -> None:
        """Take the level of the group for ``keep`` of what it was known for."""
        self._predicted.pop(group, None)
        self._baseline.unsettle(group, keep)

    def forget(self, group: Group) -> None:
        """Drop what was learned of a group; what it taught about its siblings stays."""
        self._predicted.pop(group, None)
        self._baseline.forget_group(group)

    def state(self) -> bytes:
        """Return everything that was learned, as msgpack."""
        return msgspec.msgpack.encode(self._baseline.state())

    def restore(self, state: bytes) -> None:
        """Take over what :meth:`state` returned."""
        self._predicted = {}
        self._baseline.restore(_DECODER.decode(state))


class KnownRate(RateView):
    """The number of events that is usual at this time, to compare with. It is no view of its own: it scores nothing."""

    def __init__(self, name: str, *, count: int, memory: Memory) -> None:
        super().__init__(name, count=count, bad="high", min_expected=0.0, memory=memory)

    def scores(self, window: ClosedWindow, expected: RateExpectation) -> bool:
        """Return False."""
        return False
