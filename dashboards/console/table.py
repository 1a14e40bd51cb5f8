"""All open alerts as the inbox looks at them: what state each is in, how urgent, and how many there are of each.

It is made anew only when something has changed, or when time alone may have changed something (an acknowledgement that
ends), however many people look.
"""

from collections import Counter
from typing import Literal, NamedTuple

from config.durations import US_PER_SECOND
from dashboards.mirror import Mirror, OpenAlert
from dashboards.priority import Priority, priority
from dashboards.storm import STANDING_US

Place = Literal["open", "acked", "silenced", "standing"]
"""Where the inbox shows an alert. ``standing``: open for longer than a day, so that it is no news any more."""
PLACES: tuple[Place, ...] = ("open", "acked", "silenced", "standing")
KEPT_US = 5 * US_PER_SECOND


class Row(NamedTuple):
    """One open alert.

    Attributes:
        since_us: since when it is known to fire, by the clock of the store.
        changed_us: when something about it changed last.
        ended_by: who had acknowledged it, where that has run out; empty: nobody.
    """

    alert: OpenAlert
    place: Place
    priority: Priority
    since_us: int
    changed_us: int
    ended_by: str

    @property
    def owner(self) -> str:
        """Who looks after it: who it was assigned to, else who acknowledged it; empty: nobody."""
        if self.alert.assignment is not None:
            return self.alert.assignment.to
        held = self.place == "acked" and self.alert.acknowledgement is not None
        return self.alert.acknowledgement.by if held and self.alert.acknowledgement is not None else ""


class Counts(NamedTuple):
    """How many alerts there are of each kind.

    Attributes:
        by_priority: of those that are open, P1 to P3.
    """

    open: int
    acked: int
    silenced: int
    standing: int
    by_priority: tuple[int, int, int]


class Table(NamedTuple):
    """All open alerts at one time."""

    version: int
    at_us: int
    rows: tuple[Row, ...]
    counts: Counts


class Tables:
    """Keeps the newest table. Used on the event loop's thread.

    Args:
        mirror: what is open now.
    """

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._table: Table | None = None

    def now(self, now_us: int) -> Table:
        """Return the table of now."""
        kept = self._table
        if kept is not None and kept.version == self._mirror.version and 0 <= now_us - kept.at_us < KEPT_US:
            return kept
        self._table = made = table_of(self._mirror, now_us, kept)
        return made


def table_of(mirror: Mirror, now_us: int, before: Table | None = None) -> Table:
    """Return all open alerts, in no order.

    Args:
        mirror: what is open.
        now_us: microseconds UTC.
        before: an earlier table: rows that are still the same are taken over, which spares the collector of garbage.
    """
    known = {} if before is None else {row.alert.change.fingerprint: row for row in before.rows}
    rows = tuple([_row(mirror, alert, now_us, known.get(print_)) for print_, alert in mirror.alerts.items()])
    places = Counter(row.place for row in rows)
    priorities = Counter(row.priority for row in rows if row.place == "open")
    counts = Counts(
        open=places["open"],
        acked=places["acked"],
        silenced=places["silenced"],
        standing=places["standing"],
        by_priority=(priorities[1], priorities[2], priorities[3]),
    )
    return Table(mirror.version, now_us, rows, counts)


def next_end(table: Table) -> int | None:
    """Return when the next acknowledgement ends by itself."""
    held = [row.alert.acknowledgement for row in table.rows if row.place == "acked"]
    return min((one.until_us for one in held if one is not None and one.until_us is not None), default=None)


def _row(mirror: Mirror, alert: OpenAlert, now_us: int, known: Row | None) -> Row:
    state = mirror.state(alert, now_us)
    since_us = alert.since.ms * 1000
    place: Place = "open"
    if state == "suppressed":
        place = "silenced"
    elif state == "acknowledged":
        place = "acked"
    elif now_us - since_us > STANDING_US:
        place = "standing"
    if known is not None and known.alert is alert and known.place == place:
        return known  # an acknowledgement that ends changes the place
    held = alert.acknowledgement
    ended = held is not None and held.episode == alert.change.starts_at_us and not alert.acknowledged(now_us)
    return Row(
        alert=alert,
        place=place,
        priority=priority(alert.urgency.rank),
        since_us=since_us,
        changed_us=alert.seq.ms * 1000,
        ended_by=held.by if held is not None and ended else "",
    )
