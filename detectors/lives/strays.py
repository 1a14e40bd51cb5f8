"""Events of which nothing can come alone, about keys of which nothing is known: kept until the watermark passes them.

An event that is in time may come before the one that it follows. Until the watermark has passed it, it is kept here;
when something begins with its key, it is taken from here; what the watermark has passed is forgotten. Most events that
a detector reads are of this kind, and cost no more than their place in a dict.

They are forgotten by spans of event time. A snapshot writes, for each span, a chunk of what came since the last one.
"""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from detectors.contract import SnapshotVersionError
from detectors.events import Event
from detectors.lives.facts import Fact

SPAN_US = 600_000_000
"""Short enough that little is kept for longer than it must be; of a lateness of a day there are 145 to look through."""
_CHUNK = b"\xc1"
"""Before the bytes of a chunk. No image of a life begins so: the byte is none of msgpack's."""
_NAME = "\x00\x01"
"""Before the name of a chunk."""


class Chunk(msgspec.Struct, array_like=True):
    """What came of one span between two snapshots: keys and facts."""

    span: int
    number: int
    kept: list[tuple[str, Fact]]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Chunk)


def image_name(key: str) -> str:
    r"""Return the name of a key's image, which is no chunk's.

    >>> image_name("cust-1"), image_name("\x00\x01odd")
    ('cust-1', '\x00\x00\x01odd')
    """
    return f"\x00{key}" if key[:1] == "\x00" else key


def image_key(name: str) -> str | None:
    """Return the key that the name of an image stands for; None for the name of a chunk."""
    if name[:1] != "\x00":
        return name
    return None if name.startswith(_NAME) else name[1:]


def is_chunk(image: bytes) -> bool:
    """Say whether an image is a chunk and not a life."""
    return image.startswith(_CHUNK)


class _Span:
    """What is kept of one span, by key; what came since the last snapshot; and its chunks by name."""

    __slots__ = ("by_key", "chunks", "fresh")

    def __init__(self) -> None:
        self.by_key: dict[str, list[Event | Fact]] = {}
        self.fresh: list[Event] = []
        self.chunks: dict[str, bytes] = {}


class Strays:
    """Events by key, until the watermark has passed them.

    Args:
        read: what is kept of an event; text for one that is of no use.
        key_of: what an event is about.
    """

    def __init__(self, read: Callable[[Event], Fact | str], key_of: Callable[[Event], str | None]) -> None:
        self._read = read
        self._key_of = key_of
        self._spans: dict[int, _Span] = {}
        self._next = 0
        self._gone: list[str] = []

    def __len__(self) -> int:
        """Return how many chunks there are."""
        return sum(len(span.chunks) for span in self._spans.values())

    def names(self) -> list[str]:
        """Return the names of all chunks."""
        return [name for span in self._spans.values() for name in span.chunks]

    # -- events and time ----------------------------------------------------------------------------------------------

    def hold(self, key: str, event: Event) -> None:
        """Keep an event."""
        number = event.time_us // SPAN_US
        span = self._spans.get(number)
        if span is None:
            span = self._spans[number] = _Span()
        span.fresh.append(event)
        held = span.by_key.get(key)
        if held is None:
            span.by_key[key] = [event]
        else:
            held.append(event)

    def take(self, key: str, since_us: int) -> list[Fact]:
        """Return what is kept of a key from an instant on; nothing of it is kept any more."""
        found: list[Fact] = []
        for span in self._spans.values():
            held = span.by_key.pop(key, None)
            if held is not None:
                found += self._facts(held)
        return [fact for fact in found if fact.at_us >= since_us]

    def pass_time(self, watermark_us: int) -> None:
        """Forget the spans that the watermark has passed."""
        for number in [one for one in self._spans if (one + 1) * SPAN_US <= watermark_us]:
            self._gone += self._spans.pop(number).chunks

    def _facts(self, held: Iterable[Event | Fact]) -> Iterator[Fact]:
        for one in held:
            fact = one if isinstance(one, Fact) else self._read(one)
            if isinstance(fact, Fact):
                yield fact

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def all(self) -> list[tuple[str, Fact]]:
        """Return everything that is kept."""
        spans = self._spans.values()
        return [(key, fact) for span in spans for key, held in span.by_key.items() for fact in self._facts(held)]

    def delta(self, also: Iterable[str] = ()) -> tuple[list[tuple[str, bytes]], list[str]]:
        """Return chunks of what came since the last call, and those in ``also``; and names of those that have gone."""
        wanted = set(also)
        for number, span in self._spans.items():
            if span.fresh:
                wanted.add(self._write(number, span, list(self._condensed(span))))
                span.fresh = []
        images = [
            (name, image) for span in self._spans.values() for name, image in span.chunks.items() if name in wanted
        ]
        gone, self._gone = self._gone, []
        return images, gone

    def _write(self, number: int, span: _Span, kept: list[tuple[str, Fact]]) -> str:
        name = f"{_NAME}{self._next}"
        span.chunks[name] = _CHUNK + _ENCODER.encode(Chunk(number, self._next, kept))
        self._next += 1
        return name

    def _condensed(self, span: _Span) -> Iterator[tuple[str, Fact]]:
        """Yield what came last and is still kept, as facts, and keep it as facts from now on."""
        for event in span.fresh:
            key = self._key_of(event) or ""
            held = span.by_key.get(key, [])
            for index, one in enumerate(held):
                if one is event:
                    for fact in self._facts([event]):
                        held[index] = fact
                        yield key, fact

    def restore(self, kept: Iterable[tuple[str, Fact]]) -> None:
        """Take over what :meth:`all` returned."""
        by_span: dict[int, list[tuple[str, Fact]]] = {}
        for key, fact in kept:
            by_span.setdefault(fact.at_us // SPAN_US, []).append((key, fact))
        for number, some in by_span.items():
            self._write(number, self._filled(number, some), some)

    def restore_chunk(self, image: bytes) -> None:
        """Take over a chunk.

        Raises:
            SnapshotVersionError: when this code cannot read it.
        """
        try:
            chunk = _DECODER.decode(image[len(_CHUNK) :])
        except msgspec.MsgspecError as error:
            msg = f"what waits for a life to begin cannot be read: {error}"
            raise SnapshotVersionError(msg) from error
        self._filled(chunk.span, chunk.kept).chunks[f"{_NAME}{chunk.number}"] = image
        self._next = max(self._next, chunk.number + 1)

    def _filled(self, number: int, kept: Iterable[tuple[str, Fact]]) -> _Span:
        """Return a span after these were put into it."""
        span = self._spans.setdefault(number, _Span())
        for key, fact in kept:
            span.by_key.setdefault(key, []).append(fact)
        return span
