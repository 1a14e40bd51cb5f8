"""Records that stand in one text, line by line: cut apart only where somebody asks for them one by one."""

from collections.abc import Callable, Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

Breaks = npt.NDArray[np.int64]
_LINE_END = 10
_BLANK = 32
"""A line that is blank begins with a byte that is no higher, or has none."""


def _breaks(text: bytes) -> Breaks:
    return np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _LINE_END)


class Cutter:
    """How text is cut. One for the process: readers of files are made long before anybody knows who takes the lines.

    Attributes:
        breaks: finds where lines end. Where columns are taken, it is machine code.
        whole: texts stay whole until somebody asks for a line. Only columns are the faster for it.
        block_bytes: how much is read at once. Lines, and the events in them, should stay in the cache from one step to
            the next; columns are small.
    """

    def __init__(self) -> None:
        self.breaks: Callable[[bytes], Breaks] = _breaks
        self.whole = False
        self.block_bytes = 1 << 17

    def for_columns(self, breaks: Callable[[bytes], Breaks]) -> None:
        """Cut so that it suits columns."""
        self.breaks, self.whole, self.block_bytes = breaks, True, 1 << 19


CUTTER = Cutter()


class Lines(Sequence[bytes]):
    r"""The lines of a text.

    Args:
        text: without the end of its last line.
        breaks: where lines end, the last one left out; None: they are looked for.

    >>> list(Lines(b"a\nbc"))
    [b'a', b'bc']
    """

    def __init__(self, text: bytes, breaks: Breaks | None = None) -> None:
        self.text = text
        self.breaks = CUTTER.breaks(text) if breaks is None else breaks
        self._count = len(self.breaks) + 1
        self._lines: list[bytes] | None = None

    @classmethod
    def of(cls, records: Sequence[bytes]) -> "Lines":
        r"""Return records as lines. Where one holds a line end, an empty line stands for it in the text.

        >>> lines = Lines.of([b"a", b"b\nc"])
        >>> lines.text, list(lines)
        (b'a\n', [b'a', b'b\nc'])
        """
        lines = cls(b"\n".join(records))
        if len(lines) != len(records):
            lines = cls(b"\n".join([b"" if b"\n" in record else record for record in records]))
        lines._lines = list(records)
        return lines

    def part(self, first: int, last: int) -> "Lines":
        """Return some of the lines: from number ``first`` on, those before number ``last``. There must be one."""
        last = min(last, self._count)
        begin = self.offset(first)
        text = self.text[begin : int(self.breaks[last - 1])] if last < self._count else self.text[begin:]
        return Lines(text, self.breaks[first : last - 1] - begin)

    @property
    def perhaps_blank(self) -> bool:
        """Whether some line is empty, or begins with a blank or a control character."""
        text = self.text
        if not text or text[0] <= _BLANK or text[-1] == _LINE_END:
            return True
        return bool(len(self.breaks)) and int(np.frombuffer(text, dtype=np.uint8)[self.breaks + 1].min()) <= _BLANK

    @property
    def uncut(self) -> bool:
        """Whether nobody has asked for all lines one by one."""
        return self._lines is None

    def offset(self, number: int) -> int:
        """Return where a line begins in the text."""
        return int(self.breaks[number - 1]) + 1 if number else 0

    def offsets(self, start: int) -> list[int]:
        """Return where the lines begin, the first one at ``start``."""
        return [start, *(self.breaks + (start + 1)).tolist()]

    def some(self, numbers: Breaks) -> list[bytes]:
        """Return some of the lines, by their numbers."""
        if self._lines is not None:
            lines = self._lines
            return [lines[number] for number in numbers.tolist()]
        text = self.text
        begins = np.append(0, self.breaks + 1).take(numbers).tolist()
        ends = np.append(self.breaks, len(text)).take(numbers).tolist()
        return [text[begin:end] for begin, end in zip(begins, ends, strict=True)]

    def not_utf8(self) -> list[int]:
        """Return the numbers of the lines that are not UTF-8."""
        # What ends a line is no part of any character: all lines are UTF-8 if and only if the text is.
        if _is_utf8(self.text):
            return []
        return [number for number, line in enumerate(self) if not _is_utf8(line)]

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if self._lines is None and isinstance(index, int) and 0 <= index < self._count:
            begin = self.offset(index)
            return self.text[begin : int(self.breaks[index])] if index < self._count - 1 else self.text[begin:]
        return self._all()[index]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def _all(self) -> list[bytes]:
        if self._lines is None:
            self._lines = self.text.split(b"\n")
        return self._lines


def size_of(records: Sequence[bytes]) -> int:
    """Return how many bytes records are."""
    return len(records.text) if isinstance(records, Lines) else sum(map(len, records))


def joined(parts: Sequence[Sequence[bytes]]) -> Sequence[bytes]:
    r"""Return the records of several parts, one part after another.

    >>> joined([[b"a"], [], [b"b", b"c"]])
    [b'a', b'b', b'c']
    """
    parts = [part for part in parts if len(part)]
    if len(parts) == 1:
        return parts[0]
    texts = [part.text for part in parts if isinstance(part, Lines) and part.uncut]
    if texts and len(texts) == len(parts):
        return Lines(b"\n".join(texts))
    return [record for part in parts for record in part]


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
