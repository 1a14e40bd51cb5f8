"""How new the value of a window is for its group: the range-normalised novelty, or any of River's anomaly models."""

from collections.abc import Callable, Sequence

import msgspec

from detectors.assembler import ClosedWindow
from detectors.models.means import Means, MeansState
from detectors.models.rhythm import Memory
from detectors.models.series import SeriesModel, SeriesScore
from detectors.models.views import Lever, Side, View, ViewScore
from detectors.panes import Group


class Novelty(msgspec.Struct, array_like=True, frozen=True):
    """What was said of a window before it was learned.

    Attributes:
        novelty, raw, p_value: see :class:`~detectors.models.series.SeriesScore`.
        usual: mean of the group so far.
        known: whether the group has a past.
    """

    novelty: float
    raw: float
    p_value: float
    usual: float
    known: bool = False


class _State(msgspec.Struct, array_like=True, frozen=True):
    models: list[tuple[Group, bytes]]
    usual: MeansState


_DECODER = msgspec.msgpack.Decoder(_State)


class SeriesView:
    """Looks at one number of each window as a series, group by group.

    It sees what no exact test of one window against its baseline can: a value that has never been near what it is now,
    at this hour or after what came just before, though it is within the noise of the baseline. What is new on the good
    side of usual is not bad.

    Args:
        name: of the view.
        of: the view whose number is looked at.
        model: makes the model of one group.
        memory: what the usual value is remembered by.
    """

    expectation: type[msgspec.Struct] = Novelty

    def __init__(
        self,
        name: str,
        *,
        of: View,
        model: Callable[[], SeriesModel],
        memory: Memory,
    ) -> None:
        self.name = name
        self._of = of
        self._value = of.value
        self._sign = 1.0 if of.bad == "high" else -1.0
        self._make = model
        self._models: dict[Group, SeriesModel] = {}
        self._usual = Means(1, memory.half_life_us)

    def begin(self, windows: Sequence[ClosedWindow]) -> None:
        """Do nothing: each window is seen by itself."""

    def expect(self, window: ClosedWindow) -> Novelty:
        """Return what the group's model says of the window."""
        value = self._value(window)
        model, row = self._models.get(window.group), self._usual.get(window.group)
        if value is None or model is None or row is None:
            return Novelty(0.0, 0.0, 1.0, 0.0)
        score = model.score(window.end_us / 1e6, value)
        return Novelty(score.novelty, score.raw, score.p_value, row[0], known=True)

    def scores(self, window: ClosedWindow, expected: Novelty) -> bool:
        """Return whether there is enough in the window, and the group has a past."""
        return expected.known and self._value(window) is not None

    def score(self, window: ClosedWindow, expected: Novelty) -> ViewScore:
        """Return how new the window is; on the good side of usual nothing is."""
        value = self._value(window)
        worse = value is not None and self._sign * (value - expected.usual) > 0.0
        return ViewScore(expected.novelty, 0.0, expected.p_value if worse else 1.0)

    def lever(self, window: ClosedWindow, expected: Novelty) -> Lever:
        """Return which figure of the window makes it look better or worse."""
        del expected
        return self._of.lever(window, self._of.expect(window))

    def learn(self, window: ClosedWindow, expected: Novelty, weight: float) -> None:
        """Learn a window: the model all of it, flagged or not; the usual value as much as it counts."""
        value = self._value(window)
        if value is None:
            return
        model = self._models.get(window.group)
        scored = None
        if model is None:
            model = self._models[window.group] = self._make()
        else:
            scored = SeriesScore(
                novelty=expected.novelty, p_value=expected.p_value, alert=False, fresh=0.0, views={}, raw=expected.raw
            )
        model.learn(window.end_us / 1e6, value, scored)
        self._usual.learn(self._usual.row(window.group), 0, value, weight=weight, at_us=window.end_us)

    @property
    def bad(self) -> Side:
        """Which side of usual is bad."""
        return self._of.bad

    def value(self, window: ClosedWindow) -> float | None:
        """Return the number that is looked at."""
        return self._value(window)

    def history(self, group: Group) -> float:
        """Return 1 for a group with a past: others say how much there is."""
        return float(group in self._models)

    def unsettle(self, group: Group, keep: float) -> None:
        """Take the usual value for ``keep`` of what it was known for."""
        row = self._usual.get(group)
        if row is not None:
            self._usual.wear(row, 0, keep)

    def forget(self, group: Group) -> None:
        """Drop what was learned of a group."""
        self._models.pop(group, None)
        self._usual.forget(group)

    def state(self) -> bytes:
        """Return everything that was learned, as msgpack."""
        models = sorted(self._models.items(), key=lambda item: item[0])
        return msgspec.msgpack.encode(_State([(group, model.state()) for group, model in models], self._usual.state()))

    def restore(self, state: bytes) -> None:
        """Take over what :meth:`state` returned.

        Raises:
            msgspec.DecodeError, ValueError: when it is something else.
        """
        decoded = _DECODER.decode(state)
        self._models = {}
        self._usual.restore(decoded.usual)
        for group, image in decoded.models:
            model = self._models[group] = self._make()
            model.restore(image)
