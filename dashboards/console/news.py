"""What is new, for the tone that pages make: since when the newest row of each priority fires."""

from dashboards.console.table import Table
from dashboards.storm import Line, line_of

Newest = tuple[int, int, int]


class News:
    """Keeps what it found for the newest table. Used on the event loop's thread."""

    def __init__(self) -> None:
        self._told: tuple[tuple[int, int], Newest] | None = None

    def now(self, table: Table) -> Newest:
        """Return since when the newest row of P1, P2 and P3 fires, microseconds UTC; 0: there is none."""
        mark = (table.version, table.at_us)
        if self._told is None or self._told[0] != mark:
            self._told = (mark, newest(table))
        return self._told[1]


def newest(table: Table) -> Newest:
    """Return since when the newest row of P1, P2 and P3 fires. One that grows is not new; one that gets worse is."""
    first: dict[tuple[Line, int], int] = {}
    for row in table.rows:
        if row.place == "open":
            key = (line_of(row.alert.labels), int(row.priority))
            first[key] = min(row.since_us, first.get(key, row.since_us))
    found = [0, 0, 0]
    for (_, priority), since_us in first.items():
        found[priority - 1] = max(found[priority - 1], since_us)
    return found[0], found[1], found[2]
