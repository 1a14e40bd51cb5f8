"""The ids of a batch, as they are looked for: by rows as strings, by columns where they stand in the text."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from detectors.events import Event

Uints = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Hash = Callable[[str], int]
"""Must fit into 64 bits with a sign, as :func:`hash` does."""
SPREAD = 0x9E37_79B9_7F4A_7C15
"""2**64 divided by the golden ratio: multiplied by it, the low bits of a number move its high ones."""
_64_BITS = 0xFFFF_FFFF_FFFF_FFFF


class Machine(Protocol):
    """What machine code does with the ids of columns: :mod:`pipeline.columns.remembering`."""

    @property
    def hashes(self) -> Callable[..., None]:
        """Fill in hashes: the same as those of :func:`hash`."""

    @property
    def find(self) -> Callable[..., None]:
        """Mark the ids that are known."""

    @property
    def take(self) -> Callable[..., int]:
        """Mark the ids that are known, and add the others."""

    @property
    def copy(self) -> Callable[..., None]:
        """Copy ids, one after another."""

    @property
    def secret(self) -> tuple[np.uint64, np.uint64] | None:
        """Key of this process's hashes; None where they cannot be told."""


class Spans(NamedTuple):
    """Ids in a text of bytes, which must be left as it is while they are looked for.

    Attributes:
        text: with eight bytes behind the last id.
        ats, sizes: where each id is. codes: its source, a number of ``sources``.
    """

    text: npt.NDArray[np.uint8]
    ats: Ints
    sizes: Ints
    codes: Ints
    sources: Sequence[str]
    machine: Machine


class Asked(NamedTuple):
    """Ids that are looked for, in the order of their events.

    Attributes:
        hashes: of 64 bits; the same id of another source has another. sources: their numbers.
        keys: the ids, where they came as strings; else ``spans`` is where they are.
        ascii_only: whether all of ``keys`` are ASCII.
    """

    hashes: Uints
    sources: Numbers
    keys: Sequence[str]
    spans: Spans | None
    ascii_only: bool = False

    def key(self, place: int) -> str:
        """Return the id at a place."""
        if self.spans is None:
            return self.keys[place]
        return key_in(self.spans, place)


def key_in(spans: Spans, place: int) -> str:
    """Return the id at a place in a text."""
    at = spans.ats[place]
    return spans.text[at : at + spans.sizes[place]].tobytes().decode()


def key_of(event: Event) -> str:
    """Return what is remembered of an event: its id, and its revision where it has one."""
    return event.id if event.rev == 0 else f"{event.id}\x00{event.rev}"


class Sources:
    """Numbers sources, and makes the hashes of ids.

    Args:
        hash_of: of strings.

    Attributes:
        names: of the sources, by number.
        machine: machine code, once there were columns.
    """

    def __init__(self, hash_of: Hash) -> None:
        self.names: list[str] = []
        self.machine: Machine | None = None
        self._numbers: dict[str, int] = {}
        self._salts: list[int] = []
        self._hash_of = hash_of
        self._is_pythons = hash_of is hash

    def number(self, source: str) -> int:
        """Return the number of a source."""
        number = self._numbers.get(source)
        if number is None:
            number = self._numbers[source] = len(self.names)
            self.names.append(source)
            self._salts.append(self._hash_of(source) * SPREAD & _64_BITS)
            self.__dict__.pop("salts", None)
        return number

    @cached_property
    def salts(self) -> Uints:
        """What sets the hashes of each source apart."""
        return np.array(self._salts, dtype=np.uint64)

    def events(self, events: Sequence[Event]) -> Asked:
        """Return what is looked for, for some events."""
        names = [event.source for event in events]
        numbers = {source: self.number(source) for source in set(names)}
        sources = np.fromiter(map(numbers.__getitem__, names), dtype=np.int32, count=len(names))
        revised = any([event.rev for event in events])  # noqa: C419 - a list is faster here
        return self._asked([key_of(event) if revised else event.id for event in events], sources)

    def strings(self, source: str, keys: Sequence[str]) -> Asked:
        """Return what is looked for, for some ids of one source."""
        return self._asked(keys, np.full(len(keys), self.number(source), dtype=np.int32))

    def spans(self, spans: Spans) -> Asked:
        """Return what is looked for, for ids in a text."""
        self.machine = spans.machine
        there = np.flatnonzero(np.bincount(spans.codes, minlength=len(spans.sources)))
        numbers = np.zeros(len(spans.sources), dtype=np.int32)
        numbers[there] = [self.number(spans.sources[code]) for code in there.tolist()]
        sources = numbers.take(spans.codes)
        secret = spans.machine.secret
        if secret is None or not self._is_pythons:
            return self._asked([key_in(spans, place) for place in range(len(spans.ats))], sources)
        found = np.empty(len(sources), dtype=np.uint64)
        spans.machine.hashes(spans.text.ctypes.data, spans.ats, spans.sizes, sources, self.salts, *secret, found)
        return Asked(found, sources, (), spans)

    def _asked(self, keys: Sequence[str], sources: Numbers) -> Asked:
        ascii_only = "".join(keys).isascii()
        if self._is_pythons and not ascii_only:
            # Machine code sees the bytes of a text; Python hashes others for one that is not ASCII.
            made = map(hash, [key.encode() for key in keys])
        else:
            made = map(self._hash_of, keys)
        found = np.fromiter(made, dtype=np.int64, count=len(keys)).view(np.uint64)
        return Asked(found ^ self.salts.take(sources), sources, keys, None, ascii_only)

    def renumber(self, used: Sequence[Numbers]) -> None:
        """Forget sources that none of ``used`` has any more, and give the others in them new numbers."""
        known = np.zeros(len(self.names), dtype=np.bool_)
        for numbers in used:
            known[numbers] = True
        names = [self.names[number] for number in np.flatnonzero(known).tolist()]
        anew = np.cumsum(known, dtype=np.int32) - 1
        for numbers in used:
            numbers[:] = anew.take(numbers)
        self.names, self._numbers, self._salts = [], {}, []
        self.__dict__.pop("salts", None)
        for name in names:
            self.number(name)
