"""Reads files of labels: YAML, JSON, JSON lines and CSV, the demo's truth, and logs of verdicts."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alerts.model import rfc3339
from config.loader import validate
from config.problems import PathItems, Problem, SettingsError
from config.yamlfile import Document, read_yaml
from pipeline.backtest.labels import LabelFile, Labels, known_of

_NAMES = {"kind": "name", "scope": "labels", "expected": "detectors", "startsAt": "starts_at", "endsAt": "ends_at"}
"""Other names of fields: those of the demo's truth, and Alertmanager's."""
_OF_CONTROLS = frozenset({"verdict_given", "threshold_version"})
_TRUTH_ONLY = frozenset({"seed", "start", "end", "records"})


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
    return known_of(file)


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
                row = json.loads(text)
            except json.JSONDecodeError as error:
                raise SettingsError(
                    path, [Problem((), line, f"is not JSON: {error.msg}; write one object a line")]
                ) from None
            given = _given(row)
            if given is not None:
                rows.append(given)
                lines["incidents", len(rows) - 1] = line
    return Document(str(path), {"incidents": rows}, lines)


def _given(row: Any) -> Any:
    """Return a line as an entry, also one of a log of controls; None: it says nothing of what happened."""
    if not isinstance(row, dict) or row.get("kind") not in _OF_CONTROLS:
        return row
    start_us = row.get("starts_at_us")
    if row["kind"] != "verdict_given" or not isinstance(start_us, int):
        return None
    kept = {name: row[name] for name in ("fingerprint", "detector", "verdict", "note") if name in row}
    return {**kept, "starts_at": rfc3339(start_us)}


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
