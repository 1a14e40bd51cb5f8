"""When there are too many alerts to read one by one: the one rule, for every screen. Pure: time is an argument.

A storm begins with a hundred alerts that wait for somebody, or with a flood: more than ten new rows within ten minutes
(the limit of ISA-18.2), once there are more rows than fit on a page: fewer are read faster than what they share. It is
over when less than half of a hundred are left and fewer than five rows came within ten minutes, for five minutes.

What counts waits for somebody: it is not hidden, not acknowledged, and has not been open for longer than a day.
"""

from collections.abc import Iterable, Mapping

from config.durations import US_PER_SECOND

STARTS_OPEN, ENDS_OPEN = 100, 50
FLOOD_STARTS, FLOOD_ENDS = 10, 5
"""New rows within ten minutes: above the first a flood begins, below the second it ends."""
A_PAGE = 50
WITHIN_US = 600 * US_PER_SECOND
HOLDS_US = 300 * US_PER_SECOND
STANDING_US = 86_400 * US_PER_SECOND
"""An alert that is open for longer is no news, and part of no storm."""
Line = tuple[str, str]


def line_of(labels: Mapping[str, str]) -> Line:
    """Return which row an alert counts for: those of one name about one service are one."""
    return labels.get("alertname", ""), labels.get("service", "")


class StormRule:
    """Says whether there is a storm: it begins at once, and ends slowly."""

    def __init__(self) -> None:
        self._since_us: int | None = None
        self._calm_us: int | None = None

    def since(self, waiting: Iterable[tuple[Line, int]], now_us: int) -> int | None:
        """Look at what waits for somebody; return since when there is a storm; None: there is none.

        Args:
            waiting: of each alert its row (:func:`line_of`), and since when it is known to fire, microseconds UTC.
            now_us: microseconds UTC.
        """
        open_, first = 0, dict[Line, int]()
        for line, since_us in waiting:
            open_ += 1
            first[line] = min(since_us, first.get(line, since_us))
        fresh = sum(now_us - since_us <= WITHIN_US for since_us in first.values())
        if self._since_us is None:
            if open_ < STARTS_OPEN and not (len(first) > A_PAGE and fresh > FLOOD_STARTS):
                return None
            self._since_us = now_us
        calm = open_ < ENDS_OPEN and fresh < FLOOD_ENDS
        self._calm_us = (self._calm_us or now_us) if calm else None
        if self._calm_us is not None and now_us - self._calm_us >= HOLDS_US:
            self._since_us = self._calm_us = None
        return self._since_us
