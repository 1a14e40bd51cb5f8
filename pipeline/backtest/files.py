"""Files beside a result."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from alerts.model import to_json
from detectors.contract import AlertChange


def write_changes(path: Path, changes: Iterable[AlertChange]) -> None:
    """Write alert changes as ``makegood replay`` does: one JSON object a line, by event time.

    Raises:
        OSError: when the file cannot be written.
    """
    write_text(path, "".join(msgspec.json.encode(to_json(change)).decode() + "\n" for change in changes))


def write_text(path: Path, text: str) -> None:
    """Write a file in one step, making its folder.

    Raises:
        OSError: when it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
