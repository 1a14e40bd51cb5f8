"""The audit log, read: pages of what is wanted, exports, and whether it is well."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from alerts.model import rfc3339
from alerts.trail import Trail
from alerts.trail_check import Checked, verify
from alerts.trail_model import Head, Kept

MOST_SEARCHED = 10_000
"""So many entries are looked at for one page; the next page goes on behind them."""
COLUMNS = (
    *("seq", "at", "who", "role", "via", "address", "request", "action", "object", "count", "why"),
    *("before", "after", "prev", "hash"),
)
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[\s\"']*[=+\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n])")
"""Where a spreadsheet would begin to read a formula; some take other signs than a comma for the end of a cell."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries.

    Attributes:
        who: name of a person or token, all of it; empty: any.
        action: begins so, like ``silence.``; empty: any.
        object: begins so, like ``alert:0f3a``; empty: any.
        from_us, to_us: not before, and before.
    """

    who: str = ""
    action: str = ""
    object: str = ""
    from_us: int | None = None
    to_us: int | None = None

    def takes(self, kept: Kept) -> bool:
        """Return whether an entry is wanted."""
        entry = kept.entry
        return (
            self.who in {"", entry.who}
            and entry.action.startswith(self.action)
            and entry.object.startswith(self.object)
            and (self.from_us is None or entry.at_us >= self.from_us)
            and (self.to_us is None or entry.at_us < self.to_us)
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, newest first.

    Attributes:
        entries: that are wanted.
        before: where the next page begins; None: there is none.
        searched: how many were looked at.
    """

    entries: list[Kept]
    before: int | None
    searched: int


def read_page(trail: Trail, wanted: Wanted, *, before: int | None = None, limit: int = 50) -> Page:
    """Return a page of entries: those before number ``before``, at most ``limit``.

    It looks at no more than 10,000: a page may have few entries, or none, and yet be followed by another.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    found: list[Kept] = []
    searched = 0
    for kept in trail.newest_first(before):
        searched += 1
        if wanted.takes(kept):
            found.append(kept)
        if len(found) == limit or searched == MOST_SEARCHED:
            after = kept.entry.seq
            return Page(found, after if after > 1 else None, searched)
    return Page(found, None, searched)


def export_json(trail: Trail, wanted: Wanted) -> Iterator[str]:
    """Yield lines of JSON, newest first, with times in UTC and each entry's hash."""
    for kept in trail.newest_first():
        if wanted.takes(kept):
            yield msgspec.json.encode(shown(kept)).decode() + "\n"


def export_csv(trail: Trail, wanted: Wanted) -> Iterator[str]:
    """Yield lines of CSV (RFC 4180), newest first, with times in UTC.

    A text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    yield _csv_line(COLUMNS)
    for kept in trail.newest_first():
        if wanted.takes(kept):
            values = shown(kept)
            yield _csv_line([_cell(values[name]) for name in COLUMNS])


def shown(kept: Kept) -> dict[str, Any]:
    """Return an entry as JSON for people and machines."""
    entry = msgspec.to_builtins(kept.entry)
    at_us = entry.pop("at_us")
    return {"seq": entry.pop("seq"), "at": rfc3339(at_us), **entry, "hash": kept.hash}


def _cell(value: object) -> str:
    text = value if isinstance(value, str) else "" if value is None else msgspec.json.encode(value).decode()
    return _FORMULA.sub(r"\1'", text)


def _csv_line(cells: list[str] | tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


@dataclass(slots=True)
class Watch:
    """Proves the log bit by bit, for a page: what was proved once is not read again.

    Attributes:
        proved: the end that was proved last.
        last: what the last look has found; a problem stays.
    """

    proved: Head = field(default_factory=Head)
    last: Checked | None = None

    def look(self, trail: Trail) -> Checked:
        """Prove what came since the last look, and that it follows what was there then.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        if self.last is not None and not self.last.well:
            return self.last
        since = self.proved if self.proved.seq > 0 else None
        noted = [] if since is None else [since]
        found = verify(trail, since=since) if since is None or trail.head().seq >= since.seq else verify(trail, noted)
        self.last = found
        if found.well:
            self.proved = found.head
        return found
