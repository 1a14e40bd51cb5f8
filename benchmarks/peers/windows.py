"""The normal form of results, the exact answer, and the comparison of the two.

Everybody writes CSV with a header, one row a window: ``minute`` (its start: seconds since 1970 or an ISO time in UTC),
``service``, ``region``, ``count``, ``breach_share``, ``mean_sentiment``. The exact answer is computed here with the
standard library alone, in integers, by a program that shares no line with any contestant.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Key = tuple[int, str, str]
"""Start of the window in seconds since 1970, service, region."""
Figures = tuple[int, float, float]
"""Count, breach share, mean sentiment."""
Windows = dict[Key, Figures]

COLUMNS = ("minute", "service", "region", "count", "breach_share", "mean_sentiment")
TOLERANCE = 1e-9
"""How far a share or a mean may be from the exact one: sums of a few dozen floats come out different in the last bit
when they are added in another order."""


def exact(path: Path, *, drop_repeats: bool) -> Windows:
    """Return the exact answer. A line without time, service, status or sentiment is broken and is in no window."""
    sums: dict[Key, list[int]] = {}
    seen: set[tuple[str, str]] = set()
    with path.open(encoding="utf-8") as file:
        for line in file:
            event = _read(line)
            if event is None:
                continue
            identity = (event["source"], event["id"])
            if drop_repeats:
                if identity in seen:
                    continue
                seen.add(identity)
            data = event["data"]
            start = int(datetime.fromisoformat(event["time"]).timestamp()) // 60 * 60
            window = sums.setdefault((start, data["service"], data["region"]), [0, 0, 0])
            window[0] += 1
            window[1] += data["status"] == "breached"
            window[2] += round(data["sentiment"] * 1000)  # the recording has three decimals
    return {key: (count, bad / count, thousandths / 1000 / count) for key, (count, bad, thousandths) in sums.items()}


def _read(line: str) -> dict[str, Any] | None:
    try:
        event: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:
        return None
    return event if "time" in event and "data" in event else None


def write(path: Path, windows: Windows) -> None:
    """Write windows in the normal form."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        out.writerows((*key, *figures) for key, figures in windows.items())


def read(paths: Iterable[Path]) -> Windows:
    """Return the windows in files of the normal form. Files without a header have the columns of :data:`COLUMNS`.

    A column ``diff`` with -1 takes a row back, as incremental engines write it.

    Raises:
        ValueError: when a window is there twice.
    """
    windows: Windows = {}
    for row in _rows(paths):
        start = row["minute"]
        seconds = int(start) if start.isdigit() else int(_utc(start).timestamp())
        key = (seconds, row["service"], row["region"])
        if row.get("diff") == "-1":
            del windows[key]
            continue
        if key in windows:
            msg = f"window {key} was written twice"
            raise ValueError(msg)
        windows[key] = (int(row["count"]), float(row["breach_share"]), float(row["mean_sentiment"]))
    return windows


def _rows(paths: Iterable[Path]) -> Iterator[dict[str, str]]:
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            first = file.readline()
            file.seek(0)
            yield from csv.DictReader(file, None if first.lstrip('"').startswith(COLUMNS[0]) else COLUMNS)


def _utc(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def differences(expected: Windows, found: Windows, *, most: int = 5) -> list[str]:
    """Return what is not equal, worded, ``most`` lines of it; nothing when all is.

    The windows of the last minute are left out: that minute is not over when the recording ends. Makegood does not
    report a window that is not complete; the others close every window at the end of a file.
    """
    wrong = []
    last = max(minute for minute, _, _ in expected)
    for key in sorted(expected.keys() | found.keys()):
        if key[0] == last:
            continue
        mine, theirs = expected.get(key), found.get(key)
        if mine is None or theirs is None or not _same(mine, theirs):
            wrong.append(f"{datetime.fromtimestamp(key[0], UTC):%d %H:%M} {key[1]}/{key[2]}: {mine} != {theirs}")
    if len(wrong) > most:
        wrong[most:] = [f"... {len(wrong)} of {len(expected)} windows differ"]
    return wrong


def _same(mine: Figures, theirs: Figures) -> bool:
    return mine[0] == theirs[0] and all(abs(a - b) <= TOLERANCE for a, b in zip(mine[1:], theirs[1:], strict=True))
