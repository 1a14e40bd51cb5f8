"""Rows of the inbox: alerts of one detector about one service, together, the most urgent first."""

import hashlib
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from dashboards.console.query import written
from dashboards.console.table import Row
from dashboards.priority import Priority

BY = ("alertname", "rule", "service", "environment", "env")
"""Labels by which alerts are told apart; those that an alert does not have count as empty."""
_MOST_WHERE = 4
_WHERE = {name: place for place, name in enumerate(("service", "environment", "env", "region", "vendor", "source"))}
_NOT_WHERE = {"alertname", "detector", "severity", "rule"}
Order = tuple[int, int, str]


class Group(NamedTuple):
    """Alerts that are one row.

    Attributes:
        key: the same for the same group, over changes.
        rows: its alerts, the most urgent first, then the newest change.
        labels: by which it is told apart.
        order: by which groups are sorted: priority, unacknowledged first, newest change.
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


def grouped(rows: Iterable[Row]) -> list[Group]:
    """Return the groups of alerts, in their order."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        get = row.alert.change.labels.get
        found.setdefault(tuple([get(name, "") for name in BY]), []).append(row)
    groups = [_group(values, members) for values, members in found.items()]
    return sorted(groups, key=attrgetter("order"))


def singles(rows: Iterable[Row]) -> list[Group]:
    """Return a group for each alert, in their order."""
    ordered = sorted((_order((row,), row.alert.change.fingerprint), row) for row in rows)
    return [Group(order[2], (row,), row.alert.change.labels, order) for order, row in ordered]


def page_of(groups: Sequence[Group], after: str, size: int) -> tuple[list[Group], str]:
    """Return the groups behind a place, and the place behind the last of them (empty: there are no more).

    A place is the order of a group, not its number: rows that come and go before it do not shift the page.
    """
    at = _place(after)
    rest = groups if at is None else [group for group in groups if group.order > at]
    kept = list(rest[:size])
    if len(rest) <= size:
        return kept, ""
    first, changed, key = kept[-1].order
    return kept, f"{first}.{-changed}.{key}"


def _place(text: str) -> Order | None:
    parts = text.split(".")
    if len(parts) != 3 or not (parts[0].isdecimal() and parts[1].isdecimal()) or len(text) > 80:
        return None
    return (int(parts[0]), -int(parts[1]), parts[2])


def _group(values: tuple[str, ...], members: list[Row]) -> Group:
    members.sort(key=lambda row: (row.priority, row.place == "acked", -row.changed_us, row.alert.fingerprint))
    key = hashlib.sha256("\0".join(values).encode()).hexdigest()[:16]
    return Group(key, tuple(members), dict(zip(BY, values, strict=True)), _order(members, key))


def _order(rows: Sequence[Row], key: str) -> Order:
    acked = all(row.place == "acked" for row in rows)
    return (rows[0].priority * 2 + acked, -max(row.changed_us for row in rows), key)
