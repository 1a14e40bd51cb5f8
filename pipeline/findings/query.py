"""Questions about findings: which there are, the one of a window, and those around it.

The command line, the HTTP endpoint of the flow and whoever else shows findings ask here.
"""

import difflib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import msgspec

from alerts.model import rfc3339
from detectors.contract import Finding
from pipeline.findings.rows import COLUMNS, SCHEMA_VERSION, labels_of, labels_text, unpacked
from pipeline.findings.store import FindingStore

BEFORE, AFTER, SIBLINGS = 11, 4, 12
"""How many windows before and after the one asked about are told, and how many other groups at its time."""
_SHOWN = 12
_BUSY_S = 5.0
Group = dict[str, str]


class NotFoundError(Exception):
    """There is no such detector, group or window: the message says which there are."""


class UnreadableError(Exception):
    """A file of findings cannot be read: the message says which, and why."""


class Around(msgspec.Struct, frozen=True):
    """The finding of one window, and what is around it.

    Attributes:
        finding: of the window asked about.
        before, after: of the same group, in order of time.
        siblings: of other groups at the same time, the most unusual first.
        groups: how many groups there were at that time.
        newest_us: end of the newest window of the group.
        inside: whether the time asked for is in the window, or its end; otherwise it is the last before.
    """

    finding: Finding
    before: list[Finding]
    after: list[Finding]
    siblings: list[Finding]
    groups: int
    newest_us: int
    inside: bool


class Moment(msgspec.Struct, frozen=True):
    """A time asked about.

    Attributes:
        at_us: microseconds since 1970 UTC; or, where it is ``relative``, from the end of the newest window on.
    """

    at_us: int
    relative: bool = False


NEWEST = Moment(0, relative=True)


class Findings:
    """The findings in one or several files, for reading. Use it with ``with``: :func:`opened`, :func:`of_lines`."""

    def __init__(self, dbs: Sequence[sqlite3.Connection]) -> None:
        self._files = [_File(db) for db in dbs]

    def groups(self) -> dict[str, list[Group]]:
        """Return the groups of each detector, both sorted."""
        found = {key for file in self._files for key in file.series}
        groups: dict[str, list[Group]] = {}
        for detector, labels in sorted(found):
            groups.setdefault(detector, []).append(labels_of(labels))
        return groups

    def around(
        self, detector: str, group: Mapping[str, str], moment: Moment, *, before: int = BEFORE, after: int = AFTER
    ) -> Around:
        """Return the finding of a window, and those around it.

        Args:
            detector: name of its entry in the settings.
            group: labels that only one group has; all of them are not needed.
            moment: the window is the first that ends then or later, where it has begun by then; else the last before.
            before: how many windows before it.
            after: how many after it.

        Raises:
            NotFoundError: when there is none.
        """
        known = self.groups()
        if detector not in known:
            raise NotFoundError(_unknown("detector", detector, list(known)))
        chosen = _chosen(detector, group, known[detector])
        newest = self._of_group(detector, chosen, "TRUE", (), "DESC", 1)
        oldest = self._of_group(detector, chosen, "TRUE", (), "ASC", 1)
        if not newest:
            msg = f"{detector}, {group_text(chosen)}: its findings have been deleted (settings: findings)"
            raise NotFoundError(msg)
        at_us = newest[0].end_us + moment.at_us if moment.relative else moment.at_us
        there = self._of_group(detector, chosen, "end_us >= ?", (at_us,), "ASC", after + 1)
        past = self._of_group(detector, chosen, "end_us < ?", (at_us,), "DESC", before + 1)
        inside = bool(there) and there[0].start_us <= at_us
        if not inside and not past:
            msg = (
                f"{detector}, {group_text(chosen)}: there is no window at {rfc3339(at_us)}; there are those that ended "
                f"from {rfc3339(oldest[0].end_us)} to {rfc3339(newest[0].end_us)}"
            )
            raise NotFoundError(msg)
        finding = there.pop(0) if inside else past.pop(0)
        siblings = [one for file in self._files for one in file.at(detector, finding.end_us) if one.group != chosen]
        siblings.sort(key=lambda one: (2.0 if one.p_value is None else one.p_value, sorted(one.group.items())))
        return Around(
            finding,
            past[:before][::-1],
            there[:after],
            siblings[:SIBLINGS],
            1 + len(siblings),
            newest[0].end_us,
            inside,
        )

    def windows(self, detector: str) -> Iterator[Finding]:
        """Yield all findings of a detector, file by file, each by the end of the window."""
        for file in self._files:
            yield from file.windows(detector)

    def newest(self, asked: Iterable[tuple[str, Group]], most: int) -> list[list[Finding]]:
        """Return the newest findings of several groups, oldest first.

        Args:
            asked: detector, and all labels of a group; one that is not known has none.
            most: how many of each.
        """
        found = []
        for detector, group in asked:
            ends = {one.end_us: one for file in self._files for one in file.newest(detector, group, most)}
            found.append([ends[end_us] for end_us in sorted(ends)[-most:]])
        return found

    def _of_group(
        self, detector: str, group: Group, where: str, values: Sequence[int], order: str, limit: int
    ) -> list[Finding]:
        found = {
            one.end_us: one for file in self._files for one in file.of(detector, group, where, values, order, limit)
        }
        return [found[end_us] for end_us in sorted(found, reverse=order == "DESC")][:limit]


class _File:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        rows = db.execute("SELECT detector, labels, id FROM series")
        self.series: dict[tuple[str, str], int] = {(detector, labels): number for detector, labels, number in rows}
        self._numbers = {number: (detector, labels_of(labels)) for (detector, labels), number in self.series.items()}
        self._parts: dict[int, bytes] = {}

    def of(
        self, detector: str, group: Group, where: str, values: Sequence[int], order: str, limit: int
    ) -> Iterator[Finding]:
        for (name, labels), number in self.series.items():
            if name == detector and labels_of(labels) == group:
                sql = f"SELECT {COLUMNS} FROM findings WHERE series = ? AND {where} ORDER BY end_us {order} LIMIT ?"  # noqa: S608 - our own text
                yield from self._unpacked(sql, (number, *values, limit))

    def newest(self, detector: str, group: Group, most: int) -> Iterator[Finding]:
        number = self.series.get((detector, labels_text(group)))
        if number is not None:
            sql = f"SELECT {COLUMNS} FROM findings WHERE series = ? ORDER BY end_us DESC LIMIT ?"  # noqa: S608 - our own text
            yield from self._unpacked(sql, (number, most))

    def windows(self, detector: str) -> Iterator[Finding]:
        sql = (
            f"SELECT {COLUMNS} FROM findings"  # noqa: S608 - our own text
            " WHERE series IN (SELECT id FROM series WHERE detector = ?) ORDER BY end_us"
        )
        for row in self._db.execute(sql, (detector,)):
            yield unpacked(row, detector, self._numbers[row[1]][1], self._part)

    def at(self, detector: str, end_us: int) -> Iterator[Finding]:
        sql = (
            f"SELECT {COLUMNS} FROM findings WHERE end_us = ?"  # noqa: S608 - our own text
            " AND series IN (SELECT id FROM series WHERE detector = ?)"
        )
        yield from self._unpacked(sql, (end_us, detector))

    def _unpacked(self, sql: str, values: Sequence[object]) -> Iterator[Finding]:
        for row in self._db.execute(sql, values).fetchall():
            detector, group = self._numbers[row[1]]
            yield unpacked(row, detector, group, self._part)

    def _part(self, number: int) -> bytes:
        part = self._parts.get(number)
        if part is None:
            (part,) = self._db.execute("SELECT part FROM parts WHERE id = ?", (number,)).fetchone()
            self._parts[number] = part
        return part


@contextmanager
def opened(paths: Sequence[Path]) -> Iterator[Findings]:
    """Give the findings in files that flows may be writing.

    Raises:
        UnreadableError: when one cannot be read.
    """
    dbs: list[sqlite3.Connection] = []
    try:
        for path in paths:
            try:
                db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_BUSY_S)
                dbs.append(db)
                (version,) = db.execute("PRAGMA user_version").fetchone()
            except sqlite3.Error as error:
                msg = f"{path} cannot be read: {error}"
                raise UnreadableError(msg) from error
            if version != SCHEMA_VERSION:
                msg = f"{path} cannot be read: it has format {version}, this program reads {SCHEMA_VERSION}"
                raise UnreadableError(msg)
            # What is deleted meanwhile would leave numbers without rows: one state of the file for all questions.
            db.execute("BEGIN")
        yield Findings(dbs)
    except sqlite3.Error as error:
        msg = f"findings cannot be read: {error}"
        raise UnreadableError(msg) from error
    finally:
        for db in dbs:
            with suppress(sqlite3.Error):
                db.close()


@contextmanager
def of_lines(path: Path) -> Iterator[Findings]:
    """Give the findings that a replay wrote with ``--findings``.

    Raises:
        UnreadableError: when a line is no finding.
        OSError: when the file cannot be read.
    """
    decode = msgspec.json.Decoder(Finding).decode
    with closing(FindingStore(":memory:")) as store:
        with path.open("rb") as file:
            found = []
            for number, line in enumerate(file, start=1):
                try:
                    found.append(decode(line))
                except msgspec.DecodeError as error:
                    msg = f"{path}:{number} is no finding: {error}; expected what `makegood replay --findings` writes"
                    raise UnreadableError(msg) from error
        store.add([one for one in found if one.evidence is not None or one.p_value is not None])
        yield Findings([store.db])


def group_text(group: Mapping[str, str]) -> str:
    """Return a group as people write it.

    >>> group_text({"service": "checkout", "region": "north"})
    'service=checkout,region=north'
    """
    return ",".join(f"{name}={value}" for name, value in group.items()) or "all"


def _chosen(detector: str, asked: Mapping[str, str], known: Sequence[Group]) -> Group:
    """Return the one group that has the labels asked for."""
    wanted = {name: value for name, value in asked.items() if value}
    fits = [group for group in known if all(group.get(name, "") == value for name, value in wanted.items())]
    exact = [group for group in fits if wanted == {name: value for name, value in group.items() if value}]
    if len(exact) == 1:
        return exact[0]
    if len(fits) == 1:
        return fits[0]
    if fits:
        msg = f"{detector}: several groups have {group_text(wanted)}: {_list([group_text(group) for group in fits])}"
        raise NotFoundError(msg)
    raise NotFoundError(
        _unknown(
            f"group of {detector}", group_text(dict(sorted(wanted.items()))), [group_text(group) for group in known]
        )
    )


def _unknown(what: str, asked: str, known: Sequence[str]) -> str:
    if not known:
        return f"there is no {what} {asked!r}: nothing has been found yet"
    near = difflib.get_close_matches(asked, known, n=_SHOWN, cutoff=0.4)
    return (
        f"there is no {what} {asked!r} in the findings; there are {_list(near + [n for n in known if n not in near])}"
    )


def _list(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
