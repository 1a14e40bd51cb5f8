"""Quiet events as lives keep them: packed, with the keys that they are about, and no object for any of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from detectors.columns import Ints
from detectors.contract import SnapshotVersionError
from detectors.events import Event
from detectors.lives.chunks import SPAN_US
from detectors.lives.facts import Fact
from detectors.packed import Packed

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(tuple[str, bytes])


class Ref(NamedTuple):
    """One event of those that are packed."""

    rows: Packed
    place: int


Held = Event | Fact | Ref
"""What is kept of an event."""


def fact_of(held: Held, read: Callable[[Event], Fact | str]) -> Fact | None:
    """Return the fact that is kept, as far as ``read`` makes one of it."""
    if isinstance(held, Fact):
        return held
    found = read(held.rows.event(held.place) if isinstance(held, Ref) else held)
    return found if isinstance(found, Fact) else None


class Block(NamedTuple):
    """Events and their keys."""

    keys: Sequence[str]
    rows: Packed

    @property
    def image(self) -> bytes:
        """It as bytes, for :func:`read_block`."""
        return _ENCODER.encode(("\n".join(self.keys), self.rows.image))

    def refs(self) -> Iterator[tuple[str, Ref]]:
        """Yield keys and events."""
        rows = self.rows
        for place, key in enumerate(self.keys):
            yield key, Ref(rows, place)

    def some(self, places: Ints) -> "Block":
        """Return some of it."""
        keys = self.keys
        return Block([keys[place] for place in places.tolist()], self.rows.some(places))

    def without(self, known: set[str]) -> tuple["Block | None", list[int]]:
        """Return what is about none of these keys, and the places of the rest."""
        if not known:
            return self, []
        places = [place for place, key in enumerate(self.keys) if key in known]
        if len(places) == len(self.keys):
            return None, places
        return self.some(np.delete(np.arange(len(self.keys)), places)), places

    def by_span(self) -> Iterator[tuple[int, "Block"]]:
        """Yield spans of event time, and what is of each."""
        spans = self.rows.times // SPAN_US
        first = int(spans[0])
        if (spans == first).all():
            yield first, self
            return
        for span in np.unique(spans).tolist():
            yield span, self.some(np.flatnonzero(spans == span))


def read_block(image: bytes) -> Block:
    """Return what was written.

    Raises:
        SnapshotVersionError: when it cannot be read.
    """
    try:
        keys, rows = _DECODER.decode(image)
    except msgspec.MsgspecError as error:
        msg = f"quiet events of lives cannot be read: {error}"
        raise SnapshotVersionError(msg) from error
    return Block(keys.split("\n"), Packed.read(rows))
