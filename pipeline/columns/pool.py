"""Texts that many events have in common, and their numbers: those of each column count for themselves."""

from collections.abc import Sequence

import numpy as np

from pipeline.columns import parts
from pipeline.columns.fields import TYPES
from pipeline.columns.layout import TYPE

_SPILL = parts.MOST_TEXTS * 3 // 4


class Pool:
    """The texts of all columns.

    Args:
        columns: how many there are. The first has the types of events, which are there from the beginning.

    Attributes:
        generation: numbers of another generation are of other texts.
        heads, entries, counts: for the machine code.
        texts: by column and number.
    """

    def __init__(self, columns: int) -> None:
        self.generation = -1
        self._columns = columns
        self.heads = np.empty(parts.HEADS, dtype=np.int64)
        self.entries = np.zeros((parts.MOST_TEXTS, parts.ENTRY), dtype=np.uint64)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything but the types."""
        self.generation += 1
        self.heads.fill(-1)
        self.counts = np.zeros(self._columns + 1, dtype=np.int64)
        self.texts: list[list[str]] = [[] for _ in range(self._columns)]
        self._known = 0
        self._codes: list[dict[str | None, int]] = [{None: -1, "": -1} for _ in range(self._columns)]
        for name in TYPES:
            self.code(TYPE, name)

    def trim(self) -> None:
        """Begin anew when there is little room. What was numbered before must not be asked about any more."""
        if self.counts[-1] > _SPILL:
            self.begin_anew()

    def codes(self, column: int, texts: Sequence[str | None]) -> list[int]:
        """Return the numbers of texts, -1 for none, ``NO_ROOM`` where one has none."""
        known = self._codes[column]
        if not known.keys() >= set(texts):
            for text in texts:
                if text is not None and text not in known:
                    known[text] = self.code(column, text)
        return [known[text] for text in texts]

    def code(self, column: int, text: str) -> int:
        """Return the number of a text, ``NO_ROOM`` where it has none."""
        raw = text.encode()
        padded = np.frombuffer(raw + b"\n" * 16, dtype=np.uint8)
        code = parts.code_of(padded.ctypes.data, 0, len(raw), column, self.heads, self.entries, self.counts)
        self.learn()
        return code

    def learn(self) -> None:
        """Read the texts that have got numbers."""
        total = int(self.counts[-1])
        for entry in self.entries[self._known : total]:
            column, size = divmod(int(entry[0]), 256)
            # Of records that are not UTF-8 there may be texts here; nobody asks about these.
            self.texts[column].append(entry[parts.HEAD :].tobytes()[:size].decode(errors="replace"))
        self._known = total
