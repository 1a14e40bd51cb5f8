"""What is known to have happened: incidents, look-alikes that were none, and what responders said of alerts."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import msgspec
from pydantic import AwareDatetime, model_validator

from config.base import SettingsModel
from config.loader import validate
from config.matchers import Matcher, MatcherText, parse_matcher
from config.problems import PathItems, Problem, SettingsError
from config.yamlfile import Document, read_yaml
from pipeline.events import to_us

_NAMES = {"kind": "name", "scope": "labels", "expected": "detectors", "startsAt": "starts_at", "endsAt": "ends_at"}
"""Other names of fields: those of the demo's truth, and Alertmanager's."""
_TRUTH_ONLY = frozenset({"seed", "start", "end", "records"})


class LabelEntry(SettingsModel):
    """One entry of a file of labels: an incident, or a verdict about an alert.

    Attributes:
        name: what people call it.
        start, end: of an incident; without an end it is one moment.
        labels: what it touched. An alert that has one of these labels with another value is about something else; one
            that has it not is about everything, this too.
        matchers: further conditions on the alert's labels.
        detectors: types, or names of entries, that ought to find it. None named: it is enough when any does.
        benign: a look-alike: no alert is right.
        fingerprint, starts_at, ends_at: of the alert that a verdict is about.
        verdict: what a responder said of it.
        detector: the entry that raised it.
        note: for people.
    """

    name: str = ""
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    labels: Mapping[str, str] = {}
    matchers: tuple[MatcherText, ...] = ()
    detectors: tuple[str, ...] = ()
    benign: bool = False
    fingerprint: str = ""
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    verdict: Literal["useful", "noise"] | None = None
    detector: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.verdict is not None:
            if not self.fingerprint or self.starts_at is None:
                msg = "a verdict needs the fingerprint and the starts_at of its alert"
                raise ValueError(msg)
        elif self.start is None:
            msg = "expected start (of an incident), or fingerprint, starts_at and verdict (of an alert)"
            raise ValueError(msg)
        elif self.end is not None and self.end < self.start:
            msg = f"it ends at {self.end.isoformat()}, before it starts"
            raise ValueError(msg)
        return self


class LabelFile(SettingsModel):
    """A file of labels.

    Attributes:
        complete: whether everything that happened is in it, so that an alert about nothing in it is a false one.
            Without it: where there is at least one incident.
        incidents: the entries.
    """

    complete: bool | None = None
    incidents: tuple[LabelEntry, ...] = ()


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is known. Times in microseconds UTC, both ends included.

    Attributes:
        number: its place in the file, from 1.
        name: what people call it.
        detectors: that ought to find it; empty: any.
        benign: no alert is right.
        fingerprint: of the alert that a verdict is about; empty for an incident.
    """

    number: int
    name: str
    start_us: int
    end_us: int
    labels: dict[str, str] = {}
    matchers: tuple[Matcher, ...] = ()
    detectors: tuple[str, ...] = ()
    benign: bool = False
    fingerprint: str = ""

    def about(self, labels: Mapping[str, str], fingerprint: str) -> bool:
        """Return whether an alert with these labels can be about it."""
        if self.fingerprint:
            return fingerprint == self.fingerprint
        return all(labels.get(name, value) == value for name, value in self.labels.items()) and all(
            matcher.matches(labels) for matcher in self.matchers
        )

    def expects(self, detector: str, type_: str) -> bool:
        """Return whether this detector ought to find it."""
        return not self.detectors or detector in self.detectors or type_ in self.detectors


class Labels(NamedTuple):
    """All that is known. ``complete``: nothing else happened."""

    known: tuple[Label, ...]
    complete: bool


def read_labels(path: Path) -> Labels:
    """Read a file of labels; its name says the format: ``.yaml``, ``.json``, ``.jsonl`` or ``.csv``.

    Raises:
        SettingsError: with every problem found: line, field, what was expected.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        message = f"the name of a file of labels must say its format: {', '.join(_READERS)}"
        raise SettingsError(path, [Problem((), None, message)])
    file = validate(_plain(read(path)), LabelFile)
    known = tuple(_label(number, entry) for number, entry in enumerate(file.incidents, 1))
    complete = any(not label.fingerprint for label in known) if file.complete is None else file.complete
    return Labels(known, complete)


def with_owners(labels: Labels, owners: Mapping[str, str]) -> Labels:
    """Return labels whose verdicts say which detector raised their alert.

    Args:
        labels: what is known.
        owners: the detector of each fingerprint that is known to have been raised.
    """
    known = [
        msgspec.structs.replace(label, detectors=(owners[label.fingerprint],))
        if label.fingerprint in owners and not label.detectors
        else label
        for label in labels.known
    ]
    return Labels(tuple(known), labels.complete)


def _label(number: int, entry: LabelEntry) -> Label:
    verdict = entry.verdict is not None
    start = entry.starts_at if verdict else entry.start
    end = entry.ends_at if verdict else entry.end
    start_us = 0 if start is None else to_us(start)  # the model has seen to it that it is there
    owner = (entry.detector,) if entry.detector else ()
    return Label(
        number=number,
        name=entry.name or ("an alert" if verdict else "incident"),
        start_us=start_us,
        end_us=start_us if end is None else to_us(end),
        labels=dict(entry.labels),
        matchers=tuple(map(parse_matcher, entry.matchers)),
        detectors=owner if verdict else entry.detectors,
        benign=entry.verdict == "noise" if verdict else entry.benign,
        fingerprint=entry.fingerprint if verdict else "",
    )


def _plain(document: Document) -> Document:
    """Return the document with the names of fields that the model has, entries under ``incidents``."""
    data, lines = document.data, document.lines
    if isinstance(data, list):
        data, lines = {"incidents": data}, {("incidents", *path): line for path, line in lines.items()}
    if isinstance(data, dict) and isinstance(data.get("incidents"), list):
        data = {key: value for key, value in data.items() if key not in _TRUTH_ONLY}
        data["incidents"] = [
            {_NAMES.get(key, key): value for key, value in entry.items()} if isinstance(entry, dict) else entry
            for entry in data["incidents"]
        ]
        lines = {tuple(_renamed(item) for item in path): line for path, line in lines.items()}
    return Document(document.name, data, lines)


def _renamed(item: str | int) -> str | int:
    return _NAMES.get(item, item) if isinstance(item, str) else item


def _json_lines(path: Path) -> Document:
    rows: list[Any] = []
    lines: dict[PathItems, int] = {}
    for line, text in enumerate(_text(path).splitlines(), 1):
        if text.strip():
            try:
                rows.append(json.loads(text))
            except json.JSONDecodeError as error:
                raise SettingsError(
                    path, [Problem((), line, f"is not JSON: {error.msg}; write one object a line")]
                ) from None
            lines["incidents", len(rows) - 1] = line
    return Document(str(path), {"incidents": rows}, lines)


def _csv(path: Path) -> Document:
    rows: list[Any] = []
    lines: dict[PathItems, int] = {}
    reader = csv.DictReader(_text(path).splitlines())
    for row in reader:
        if None in row:
            raise SettingsError(path, [Problem((), reader.line_num, "has more fields than the first line names")])
        rows.append({name: _cell(name, text) for name, text in row.items() if text})
        lines["incidents", len(rows) - 1] = reader.line_num
    return Document(str(path), {"incidents": rows}, lines)


def _cell(column: str, text: str) -> Any:
    """Return the value of a cell: lists are separated by semicolons, labels are ``name=value``."""
    parts = [part.strip() for part in text.split(";") if part.strip()]
    if column in {"labels", "scope"}:
        return {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in parts)}
    if column in {"detectors", "expected", "matchers"}:
        return parts
    if column == "benign":
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    return text.strip()


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(path, [Problem((), None, f"is not UTF-8 text (byte {error.start})")]) from None


_READERS: dict[str, Callable[[Path], Document]] = {
    ".yaml": read_yaml,
    ".yml": read_yaml,
    ".json": read_yaml,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".csv": _csv,
}
