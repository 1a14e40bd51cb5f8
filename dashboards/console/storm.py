"""A flood of alerts on one screen: what they share, which failed first, and what the big explanation does not cover."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from config.durations import US_PER_SECOND
from dashboards.console.query import written
from dashboards.console.table import Row, Table
from dashboards.priority import Priority
from dashboards.storm import StormRule, line_of

MOST_LINES, MOST_SHARED = 12, 4
_LINES_INSIDE, _LINES_OUTSIDE = 6, 3
_NO_CAUSE = {"alertname", "severity", "rule", "case", "customer", "fingerprint", "record"}


class Line(NamedTuple):
    """Some alerts of the storm.

    Attributes:
        name: in words. query: what finds them.
        rest: it is what the line above does not cover.
    """

    name: str
    query: str
    alerts: int
    priority: Priority
    first_us: int
    rest: bool = False


class Storm(NamedTuple):
    """A flood as it is told.

    Attributes:
        since_us: when it began. per_minute: new alerts in the last minute.
        shared: label, value, and how many alerts have it; the most common first.
        first: the alert that fired first, by event time.
        lines: together they cover every alert. rows: these.
    """

    since_us: int
    open: int
    per_minute: int
    shared: tuple[tuple[str, str, int], ...]
    first: Row
    lines: tuple[Line, ...]
    rows: tuple[Row, ...]


class Weather:
    """Says whether there is a storm, by :class:`dashboards.storm.StormRule`. Used on the event loop's thread."""

    def __init__(self) -> None:
        self._rule = StormRule()
        self._told: tuple[tuple[int, int], Storm | None] | None = None

    def now(self, table: Table) -> Storm | None:
        """Return the storm of now; None: there is none."""
        mark = (table.version, table.at_us)
        if self._told is None or self._told[0] != mark:
            self._told = (mark, self._look(table))
        return self._told[1]

    def _look(self, table: Table) -> Storm | None:
        rows = [row for row in table.rows if row.place == "open"]
        since_us = self._rule.since(((line_of(row.alert.labels), row.since_us) for row in rows), table.at_us)
        return told(rows, since_us, table.at_us) if rows and since_us is not None else None


def told(rows: Sequence[Row], since_us: int, now_us: int) -> Storm:
    """Return what is to be said of open alerts, of which there is at least one."""
    counts = Counter((name, value) for row in rows for name, value in row.alert.labels.items() if name not in _NO_CAUSE)
    shared = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    telling = [(name, value, count) for (name, value), count in shared if count > 1]
    first = min(rows, key=lambda row: (row.alert.change.starts_at_us, row.alert.fingerprint))
    return Storm(
        since_us=since_us,
        open=len(rows),
        per_minute=sum(now_us - row.since_us <= 60 * US_PER_SECOND for row in rows),
        shared=tuple(telling[:MOST_SHARED]),
        first=first,
        lines=tuple(_lines(rows, [(name, value) for name, value, count in telling if count < len(rows)])),
        rows=tuple(rows),
    )


def _lines(rows: Sequence[Row], causes: Sequence[tuple[str, str]]) -> list[Line]:
    if not causes:
        return _split(rows, "", {}, MOST_LINES)
    name, value = causes[0]
    inside = [row for row in rows if row.alert.labels.get(name) == value]
    outside = [row for row in rows if row.alert.labels.get(name) != value]
    lines = _split(inside, f"{value} / ", {name: value}, _LINES_INSIDE)
    lines += _split(outside, f"outside {value} / ", {}, _LINES_OUTSIDE, without=(name, value))
    return lines


def _split(
    rows: Sequence[Row], prefix: str, labels: dict[str, str], most: int, without: tuple[str, str] | None = None
) -> list[Line]:
    """Return lines for alerts, by service, else by name: the largest, and one for all the rest."""
    parts: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by = [one for one in ("service", "alertname") if row.alert.labels.get(one) and one not in labels]
        name = by[0] if by else "alertname"
        parts.setdefault((name, row.alert.labels.get(name, "")), []).append(row)
    ordered = sorted(parts.items(), key=lambda item: (-len(item[1]), item[0]))
    kept, rest = (ordered, []) if len(ordered) <= most else (ordered[: most - 1], ordered[most - 1 :])
    base = written(labels)
    not_in = "" if without is None else f"{without[0]}!={written({'': without[1]})[1:]}"
    lines = []
    for (name, value), members in kept:
        query = " ".join(part for part in (base, not_in, written({name: value})) if part)
        lines.append(_line(prefix + (value or "no service"), query, members, rest=without is not None))
    if rest:
        members = [row for _, part in rest for row in part]
        query = " ".join(
            [part for part in (base, not_in) if part] + [f"{n}!={written({'': v})[1:]}" for (n, v), _ in kept]
        )
        lines.append(_line(f"{prefix}everything else", query, members, rest=True))
    return lines


def _line(name: str, query: str, rows: Sequence[Row], *, rest: bool) -> Line:
    first_us = min(row.since_us for row in rows)
    return Line(name, query, len(rows), min(row.priority for row in rows), first_us, rest)
