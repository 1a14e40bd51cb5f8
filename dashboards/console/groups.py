"""Rows of the inbox: alerts of one detector about one service, together, the most urgent first."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Literal, NamedTuple

from dashboards.console.query import written
from dashboards.console.table import Row
from dashboards.priority import Priority

BY = ("alertname", "rule", "service", "environment", "env")
"""Labels by which alerts are told apart; those that an alert does not have count as empty."""
_MOST_WHERE = 4
_WHERE = {name: place for place, name in enumerate(("service", "environment", "env", "region", "vendor", "source"))}
_NOT_WHERE = {"alertname", "detector", "severity", "rule"}
_PLACE = re.compile(r"(-?\d{1,20})\.(-?\d{1,20})\.([0-9a-f]{1,64})")
Order = tuple[int, int, str]
Sort = Literal["worst", "newest", "oldest", "largest"]
SORTS: tuple[Sort, ...] = ("worst", "newest", "oldest", "largest")
"""How the list may be ordered: the first is by priority, unacknowledged first, newest change."""


class Group(NamedTuple):
    """Alerts that are one row.

    Attributes:
        key: the same for the same group, over changes.
        rows: its alerts, the most urgent first, then the newest change.
        labels: by which it is told apart.
        order: by which groups are sorted.
    """

    key: str
    rows: tuple[Row, ...]
    labels: dict[str, str]
    order: Order

    @property
    def head(self) -> Row:
        """The alert that speaks for it."""
        return self.rows[0]

    @property
    def priority(self) -> Priority:
        """Of the most urgent."""
        return self.head.priority

    @property
    def changed_us(self) -> int:
        """When something about one of them changed last."""
        return max(row.changed_us for row in self.rows)

    @property
    def since_us(self) -> int:
        """Since when the oldest fires."""
        return min(row.since_us for row in self.rows)

    @property
    def acked(self) -> bool:
        """Whether all of it is acknowledged."""
        return all(row.place == "acked" for row in self.rows)

    @property
    def owners(self) -> tuple[str, ...]:
        """Who looks after them, each once."""
        return tuple(dict.fromkeys(row.owner for row in self.rows if row.owner))

    @property
    def incidents(self) -> tuple[int, ...]:
        """Numbers of the incidents that they belong to."""
        return tuple(sorted({row.alert.incident for row in self.rows if row.alert.incident is not None}))

    @property
    def changes(self) -> int:
        """How often the most restless of them has changed."""
        return max(row.alert.changes for row in self.rows)

    @property
    def until_us(self) -> int | None:
        """When the first acknowledgement ends; None where none does by itself."""
        held = [row.alert.acknowledgement for row in self.rows if row.place == "acked"]
        return min((one.until_us for one in held if one is not None and one.until_us is not None), default=None)

    @property
    def query(self) -> str:
        """What the query box finds them by."""
        return written({name: value for name, value in self.labels.items() if value})

    @property
    def where(self) -> list[tuple[str, tuple[str, ...]]]:
        """Labels that say where, each with its values: at most a few, those that people ask for first."""
        found: dict[str, set[str]] = {}
        for row in self.rows:
            for name, value in row.alert.labels.items():
                if name not in _NOT_WHERE:
                    found.setdefault(name, set()).add(value)
        ordered = sorted(found.items(), key=lambda item: (_WHERE.get(item[0], len(_WHERE)), len(item[1]), item[0]))
        told: dict[tuple[str, ...], str] = {}
        for name, values in ordered:
            told.setdefault(tuple(sorted(values)), name)
        return [(name, values) for values, name in list(told.items())[:_MOST_WHERE]]


def grouped(rows: Iterable[Row], sort: Sort = "worst") -> list[Group]:
    """Return the groups of alerts, in their order."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        get = row.alert.change.labels.get
        found.setdefault(tuple([get(name, "") for name in BY]), []).append(row)
    groups = [_group(values, members, sort) for values, members in found.items()]
    return sorted(groups, key=attrgetter("order"))


def singles(rows: Iterable[Row], sort: Sort = "worst") -> list[Group]:
    """Return a group for each alert, in their order."""
    order = _ORDERS[sort]
    ordered = sorted((order((row,), row.alert.change.fingerprint), row) for row in rows)
    return [Group(order[2], (row,), row.alert.change.labels, order) for order, row in ordered]


class Part(NamedTuple):
    """A page of groups.

    Attributes:
        before: place of the first of them, where there are groups before it; empty: there are none.
        after: place of the last, where there are groups behind it; empty: there are none.
    """

    groups: list[Group]
    before: str
    after: str


def page_of(groups: Sequence[Group], after: str, size: int, before: str = "") -> Part:
    """Return the groups behind a place, or those just before one.

    A place is the order of a group, not its number: rows that come and go before it do not shift the page.
    """
    behind, ahead = _place(after), _place(before)
    first = 0
    if behind is not None:
        first = sum(group.order <= behind for group in groups)
    elif ahead is not None:
        first = max(0, sum(group.order < ahead for group in groups) - size)
    kept = list(groups[first : first + size])
    if not kept:
        return Part([], "", "")
    return Part(
        kept,
        _written(kept[0].order) if first else "",
        _written(kept[-1].order) if first + size < len(groups) else "",
    )


def _written(order: Order) -> str:
    return f"{order[0]}.{order[1]}.{order[2]}"


def _place(text: str) -> Order | None:
    found = _PLACE.fullmatch(text)
    return None if found is None else (int(found[1]), int(found[2]), found[3])


def _group(values: tuple[str, ...], members: list[Row], sort: Sort) -> Group:
    members.sort(key=lambda row: (row.priority, row.place == "acked", -row.changed_us, row.alert.fingerprint))
    key = hashlib.sha256("\0".join(values).encode()).hexdigest()[:16]
    return Group(key, tuple(members), dict(zip(BY, values, strict=True)), _ORDERS[sort](members, key))


def _worst(rows: Sequence[Row], key: str) -> Order:
    acked = all(row.place == "acked" for row in rows)
    return (rows[0].priority * 2 + acked, -max(row.changed_us for row in rows), key)


def _newest(rows: Sequence[Row], key: str) -> Order:
    return (0, -max(row.since_us for row in rows), key)


def _oldest(rows: Sequence[Row], key: str) -> Order:
    return (0, min(row.since_us for row in rows), key)


def _largest(rows: Sequence[Row], key: str) -> Order:
    return (-len(rows), -max(row.changed_us for row in rows), key)


_ORDERS: dict[Sort, Callable[[Sequence[Row], str], Order]] = {
    "worst": _worst,
    "newest": _newest,
    "oldest": _oldest,
    "largest": _largest,
}
