"""What a view of a window is: one statistic, what it should be, and how unusual what it is."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from detectors.assembler import ClosedWindow
from detectors.panes import Group

Side = Literal["high", "low"]
"""Which side of normal is bad."""


class ViewScore(msgspec.Struct, frozen=True):
    """What one view says: observed and expected value, and the probability of one at least as bad."""

    value: float
    baseline: float
    p_value: float


class Lever(NamedTuple):
    """The figure of a window that a view goes by, for whoever asks what would have been needed.

    Attributes:
        place: in the windows' vectors.
        best, worst: of the figure, the rest of the window as it is; either may be the larger one.
        counts: whether the figure is a number of events.
    """

    place: int
    best: int
    worst: int
    counts: bool = True


class View(Protocol):
    """One statistic of the windows of all groups: knows what is normal, and how far a window is from it.

    Attributes:
        name: as findings and settings call it.
        expectation: the type of what :meth:`expect` returns: plain data that msgspec encodes.
    """

    name: str
    expectation: type[msgspec.Struct]

    @property
    def bad(self) -> Side:
        """Which side of normal is bad."""
        ...

    def begin(self, windows: Sequence[ClosedWindow]) -> None:
        """Look at all windows of one end, before they are scored one by one."""
        ...

    def expect(self, window: ClosedWindow) -> Any:
        """Return what the window should show, by what has been learned so far. Changes nothing."""
        ...

    def scores(self, window: ClosedWindow, expected: Any) -> bool:
        """Return whether there is enough in the window to say anything about it."""
        ...

    def score(self, window: ClosedWindow, expected: Any) -> ViewScore:
        """Return how unusual the window is. Changes nothing."""
        ...

    def value(self, window: ClosedWindow) -> float | None:
        """Return the statistic of the window, None when there is too little in it."""
        ...

    def lever(self, window: ClosedWindow, expected: Any) -> Lever:
        """Return which figure of the window makes it look better or worse."""
        ...

    def learn(self, window: ClosedWindow, expected: Any, weight: float) -> None:
        """Learn a window.

        Args:
            window: what was observed.
            expected: what :meth:`expect` said when it was scored.
            weight: how many windows' worth it is: hop / size where windows overlap, less while an alert is open.
        """
        ...

    def history(self, group: Group) -> float:
        """Return how many windows' worth of data the group has had."""
        ...

    def unsettle(self, group: Group, keep: float) -> None:
        """Take the level of the group for ``keep`` (0 to 1) of what it was known for: it has moved for good."""
        ...

    def forget(self, group: Group) -> None:
        """Drop what was learned of a group; what it taught about its siblings stays."""
        ...

    def state(self) -> bytes:
        """Return everything that was learned, as msgpack."""
        ...

    def restore(self, state: bytes) -> None:
        """Take over what :meth:`state` returned.

        Raises:
            msgspec.DecodeError, ValueError: when it is something else.
        """
        ...
