"""A file that is written, rotated and truncated by a script of bytes, and a reader that follows it."""

from pathlib import Path
from typing import BinaryIO

from pipeline.records.contract import Cut
from pipeline.records.lines import LineReader
from pipeline.records.tail import TailReader
from tests.fuzz.checks import BrokenRuleError, hold

BOM = b"\xef\xbb\xbf"
_MOST_STEPS = 40
MOST_BYTES = 8 * _MOST_STEPS
"""Of a script; what stands behind them is not played."""


def is_blank(line: bytes) -> bool:
    """Say whether a line is no record."""
    return not line.strip(b" \t\n\r\x0b\x0c")


def merged(cut: Cut) -> list[tuple[int, bytes]]:
    """Return offsets and bytes of the records of a cut, good and bad, in their order."""
    good = list(zip(cut.offsets, cut.records, strict=True))
    return sorted([*good, *((bad.offset, bad.raw) for bad in cut.bad)])


def told(found: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Return records without blank ones, which are none."""
    return [(offset, raw) for offset, raw in found if not is_blank(raw)]


def follow(path: Path, position: int, marks: dict[str, int]) -> TailReader:
    """Return a reader of the lines of a file that grows."""

    def build(file: BinaryIO, offset: int, header: int) -> LineReader:
        del header
        return LineReader(file, offset, max_record_bytes=64, whole=False)

    return TailReader(path, position, marks, build=build)


class Followed:
    """Plays a script against a reader: what was written whole is read once, in order, unless it was truncated away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rotations = 0
        self._written = b""
        self._expected: list[bytes] = []
        self._found: list[tuple[int, bytes]] = []
        self._truncated = False
        self._reader = follow(path, 0, {})

    def play(self, script: bytes) -> None:
        at = steps = 0
        while at < len(script) and steps < _MOST_STEPS:
            what, steps = script[at], steps + 1
            at += 1
            if what < 128:
                size = what % 24
                self._write(script[at : at + size])
                at += size
            elif what < 170:
                self._take(what % 7 + 1)
            elif what < 200:
                self._restart()
            elif what < 235:
                self._rotate()
            else:
                self._truncate()
        self._drain()
        self._reader.close()
        offsets = [offset for offset, _ in self._found]
        hold(offsets == sorted(set(offsets)), "offsets rise", offsets)
        if not self._truncated:
            wanted = [*self._expected, *self._whole_lines()]
            hold([raw for _, raw in told(self._found)] == wanted, "what was written is read once", wanted, self._found)

    def _write(self, more: bytes) -> None:
        # A mark at the beginning is no part of the first line; how it is cut into writes is another matter.
        more = more.replace(BOM[:1], b"#") if not self._written else more
        with self._path.open("ab") as file:
            file.write(more)
        self._written += more

    def _whole_lines(self) -> list[bytes]:
        return [line for line in self._written.split(b"\n")[:-1] if self._counts(line)]

    @staticmethod
    def _counts(line: bytes) -> bool:
        return not is_blank(line)

    def _take(self, most: int) -> None:
        self._found += merged(self._reader.take(most))

    def _drain(self) -> None:
        for _ in range(1_000):
            before = len(self._found)
            self._take(5)
            if len(self._found) == before and (self._reader.caught_up or not self._path.exists()):
                return
        msg = f"a file that nobody writes to is not read to its end: {self._path}"
        raise BrokenRuleError(msg)

    def _restart(self) -> None:
        position, marks = self._reader.position, self._reader.marks()
        if position == 0 and self._rotations:
            return  # known: an unfinished first line is lost when its file is rotated just before a restart
        self._reader.close()
        self._reader = follow(self._path, position, marks)

    def _rotate(self) -> None:
        if not self._path.exists():
            return
        self._drain()  # of several rotations between two looks only the last file is read, as tail -F does
        self._rotations += 1
        self._path.rename(self._path.with_name(f"{self._path.name}.{self._rotations}"))
        self._expected += [line for line in self._written.split(b"\n") if self._counts(line)]
        self._written = b""
        self._path.touch()

    def _truncate(self) -> None:
        if self._path.exists():
            self._truncated = True
            self._path.write_bytes(b"")
            self._written = b""
