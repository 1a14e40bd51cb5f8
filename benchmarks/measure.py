"""What benchmarks share: figures of processes from the kernel, quantiles, tables, and what it was measured on."""

import json
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers.machine import describe

_TICKS = os.sysconf("SC_CLK_TCK")
_PACKAGES = ("makegood", "bytewax", "confluent-kafka", "msgspec", "redis")


def cpu_s(pid: int) -> float:
    """Return the processor seconds that a process has used, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def waited_s(pid: int) -> float:
    """Return the seconds in which the main thread of a process could have run, and no core was free for it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is resident now."""
    return _status(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """Return the most memory of a process that has been resident since it was started."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    msg = f"/proc/{pid}/status has no {name}"
    raise RuntimeError(msg)


def folder_bytes(folder: Path) -> int:
    """Return how much the files of a folder take."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Return count, p50, p90, p99 and the greatest: a quantile is the least value that so many do not exceed.

    >>> quantiles([3.0, 1.0, 2.0])
    {'count': 3, 'p50': 2.0, 'p90': 3.0, 'p99': 3.0, 'max': 3.0}
    """
    ordered = sorted(values)
    found: dict[str, float] = {"count": len(ordered)}
    for name, share in (("p50", 50), ("p90", 90), ("p99", 99), ("max", 100)):
        if ordered:
            found[name] = round(ordered[max(0, -(-share * len(ordered) // 100) - 1)], 1)
    return found


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows of the same columns as text, numbers to the right."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([_cell(row.get(name, "")) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def _cell(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no"}.get(value, "") if value is not None else ""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def machine() -> dict[str, Any]:
    """Return what is measured on, and how busy it is."""
    return {
        "machine": describe(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "versions": {name: version(name) for name in _PACKAGES},
    }


def tell(rows: Sequence[Mapping[str, object]], started: Mapping[str, Any], **more: object) -> None:
    """Print a table, what it was measured on, and all of it as JSON in the last line."""
    ended = [round(load, 1) for load in os.getloadavg()]
    print(table(rows))
    print(f"{started['machine']}, at the end {ended[0]}")
    print(json.dumps({"rows": [dict(row) for row in rows], **started, "load_at_end": ended, **more}), flush=True)
