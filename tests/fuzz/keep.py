"""Keeps what a guided run found: ``python -m tests.fuzz.keep TARGET FOLDER``.

Of the inputs in FOLDER, and those kept before, the fewest and smallest that reach every pair of lines that any of them
reaches are written to ``tests/fuzz/corpus/TARGET``; the others there are deleted. Pairs of lines that follow each other
are counted within ``pipeline`` and ``config``.
"""

import hashlib
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.bulk import quiet
from tests.fuzz.targets import TARGETS

REPO = Path(__file__).resolve().parents[2]
CORPUS = REPO / "tests" / "fuzz" / "corpus"
WATCHED = (str(REPO / "pipeline"), str(REPO / "config"))
MOST, LARGEST_BYTES = 60, 1_500
Reached = set[tuple[str, int, int]]


def reached_by(target: str, data: bytes) -> Reached:
    """Return the pairs of lines that an input reaches."""
    found: Reached = set()
    before: dict[int, int] = {}

    def line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            found.add((frame.f_code.co_filename, before.get(id(frame), 0), frame.f_lineno))
            before[id(frame)] = frame.f_lineno
        return line

    def call(frame: FrameType, event: str, _: Any) -> Any:
        before.pop(id(frame), None)
        return line if event == "call" and frame.f_code.co_filename.startswith(WATCHED) else None

    sys.settrace(call)
    try:
        TARGETS[target](data)
    finally:
        sys.settrace(None)
    return found


def chosen(target: str, inputs: list[bytes]) -> list[bytes]:
    """Return the inputs to keep: each adds something that those before it do not reach, those that add most first."""
    waiting = {data: reached_by(target, data) for data in sorted(set(inputs), key=lambda data: (len(data), data))}
    kept: list[bytes] = []
    reached: Reached = set()
    while waiting and len(kept) < MOST:
        best = max(waiting, key=lambda data: (len(waiting[data] - reached), -len(data), data))
        if not waiting[best] - reached:
            break
        reached |= waiting.pop(best)
        kept.append(best)
    return kept


def main(target: str, folder: str) -> int:
    """Write what is to be kept; return the exit status."""
    quiet()
    home = CORPUS / target
    home.mkdir(parents=True, exist_ok=True)
    before = [path for path in home.iterdir() if path.is_file()]
    found = [path for path in Path(folder).iterdir() if path.is_file() and path.stat().st_size <= LARGEST_BYTES]
    kept = chosen(target, [path.read_bytes() for path in [*before, *found]])
    for path in before:
        path.unlink()
    for data in kept:
        (home / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    sys.stdout.write(f"{target}: {len(before)} were kept, {len(found)} were found, {len(kept)} are kept\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:3]))
