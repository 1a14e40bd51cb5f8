"""A span as plain data, before any library sees it; and ids that every process computes alike."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Literal, NamedTuple

import msgspec

Kind = Literal["internal", "client", "consumer"]
Value = str | int | float | bool


class Place(NamedTuple):
    """A span's place: its trace (128 bits, not zero) and its own id in it (64 bits, not zero)."""

    trace: int
    span: int


class Mark(msgspec.Struct, frozen=True):
    """Something that happened within a span."""

    name: str
    at_us: int
    about: Mapping[str, Value] = {}


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an alert's way.

    Attributes:
        parent: id of the span above it; None: it is the root of its trace.
        start_us, end_us: wall clock. One that ends before it starts (clocks differ) ends as it starts.
        about: attributes. Never a secret, and nothing that customers wrote.
        links: other spans that it is about.
        failed: why it failed, out of a closed set; empty: it did not.
    """

    name: str
    place: Place
    parent: int | None
    start_us: int
    end_us: int
    kind: Kind = "internal"
    about: Mapping[str, Value] = {}
    marks: tuple[Mark, ...] = ()
    links: tuple[Place, ...] = ()
    failed: str = ""


class Ids:
    """Ids of traces and spans: the same whoever computes them, whenever. A change of an alert has one trace.

    Args:
        seed: tells installations apart; the same in all processes of one.

    >>> Ids("a").root("c1") == Ids("a").root("c1") != Ids("b").root("c1")
    True
    >>> Ids("a").below("c1", "store").trace == Ids("a").root("c1").trace
    True
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def root(self, change_id: str) -> Place:
        """Return the place of the first span of a change's trace."""
        return self.below(change_id)

    def below(self, change_id: str, *parts: str) -> Place:
        """Return the place of a span in a change's trace, which ``parts`` name."""
        return Place(self._number(16, "trace", change_id), self._number(8, "span", change_id, *parts))

    def _number(self, size: int, *parts: str) -> int:
        text = "\0".join((self._seed, *parts))
        return int.from_bytes(blake2b(text.encode(), digest_size=size).digest()) or 1
