"""Findings as rows of their SQLite file: the schema, and how compactly one is packed.

Figures that questions are asked by are columns. The rest is msgpack; what many rows have in common (names of details,
the rules of a decision, tails) is kept once, as a *part*, and rows have its number.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from detectors.contract import Evidence, Finding

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE series (
    id INTEGER PRIMARY KEY, detector TEXT NOT NULL, labels TEXT NOT NULL, used_us INTEGER NOT NULL,
    UNIQUE (detector, labels)
) STRICT;
CREATE TABLE parts (id INTEGER PRIMARY KEY, part BLOB NOT NULL UNIQUE, used_us INTEGER NOT NULL) STRICT;
CREATE TABLE findings (
    end_us INTEGER NOT NULL, series INTEGER NOT NULL, start_us INTEGER NOT NULL, count INTEGER NOT NULL,
    value REAL, baseline REAL, p_value REAL, level REAL NOT NULL, verdict TEXT NOT NULL, version INTEGER NOT NULL,
    rest BLOB NOT NULL,
    PRIMARY KEY (end_us, series)
) STRICT, WITHOUT ROWID;
CREATE INDEX findings_by_series ON findings (series, end_us);
"""
"""The key is by time first: rows are added at one end and deleted at the other, the groups of a time are together."""
COLUMNS = "end_us, series, start_us, count, value, baseline, p_value, level, verdict, version, rest"
Row = tuple[int, int, int, int, float | None, float | None, float | None, float, str, int, bytes]
PartOf = Callable[[bytes], int]
"""Returns the number of a part."""


class _Rest(msgspec.Struct, array_like=True, frozen=True):
    """What of a finding has no column.

    Attributes:
        names: number of the part with the names of the details, figures first.
        values: the figures, then the numbers of the parts that the texts are.
        vector, expected: of the evidence; None where there is none.
        tails: number of the part.
    """

    names: int
    values: list[float]
    ready: bool
    harmless: bool
    vector: list[int] | None
    expected: bytes
    tails: int


class _Names(msgspec.Struct, array_like=True, frozen=True):
    figures: list[str]
    texts: list[str]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Rest).decode
_names = msgspec.msgpack.Decoder(_Names).decode


def packed(finding: Finding, series: int, part_of: PartOf) -> Row:
    """Return a finding as a row.

    Args:
        finding: to be packed.
        series: number of its detector and group.
        part_of: numbers the parts.
    """
    details, evidence = finding.details, finding.evidence
    texts = [name for name, value in details.items() if type(value) is str]
    if texts:
        figures = [name for name in details if name not in texts]
        values: list[Any] = [details[name] for name in figures]
        values += [part_of(str(details[name]).encode()) for name in texts]
    else:
        figures, values = list(details), list(details.values())
    rest = _Rest(
        part_of(_encode(_Names(figures, texts))),
        values,
        finding.ready,
        finding.harmless,
        None if evidence is None else evidence.vector,
        b"" if evidence is None else evidence.expected,
        0 if evidence is None else part_of(evidence.tails),
    )
    return (
        finding.end_us,
        series,
        finding.start_us,
        finding.count,
        finding.value,
        finding.baseline,
        finding.p_value,
        finding.level,
        finding.verdict,
        finding.version,
        _encode(rest),
    )


def unpacked(row: Row, detector: str, group: dict[str, str], part: Callable[[int], bytes]) -> Finding:
    """Return the finding in a row.

    Args:
        row: of :data:`COLUMNS`.
        detector: of its series.
        group: of its series.
        part: returns the part of a number.
    """
    end_us, _, start_us, count, value, baseline, p_value, level, verdict, version, blob = row
    rest = _decode(blob)
    names = _names(part(rest.names))
    details: dict[str, float | str] = dict(zip(names.figures, rest.values, strict=False))
    for name, number in zip(names.texts, rest.values[len(names.figures) :], strict=True):
        details[name] = part(int(number)).decode()
    evidence = None if rest.vector is None else Evidence(rest.vector, rest.expected, part(rest.tails))
    return Finding(
        detector=detector,
        group=group,
        start_us=start_us,
        end_us=end_us,
        count=count,
        value=value,
        baseline=baseline,
        p_value=p_value,
        verdict=verdict,
        level=level,
        details=details,
        ready=rest.ready,
        harmless=rest.harmless,
        evidence=evidence,
        version=version,
    )


def labels_text(group: dict[str, str]) -> str:
    """Return a group as text, the same for the same labels in any order."""
    return msgspec.json.encode(sorted(group.items())).decode()


def labels_of(text: str) -> dict[str, str]:
    """Return the group in what :func:`labels_text` returned."""
    return dict(msgspec.json.decode(text, type=list[tuple[str, str]]))
