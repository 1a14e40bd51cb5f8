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

SPAN_US = 60_000_000
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
    """What is kept of one span: its keys, what came since the last snapshot, and its chunks by name."""

    __slots__ = ("chunks", "fresh", "keys")

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.fresh: list[tuple[str, Event | Fact]] = []
        self.chunks: dict[str, bytes] = {}


class Strays:
    """Events by key, until the watermark has passed them.

    Args:
        read: what is kept of an event; text for one that is of no use.
    """

    def __init__(self, read: Callable[[Event], Fact | str]) -> None:
        self._read = read
        self._by_key: dict[str, list[Event | Fact]] = {}
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
        span.keys.append(key)
        span.fresh.append((key, event))
        held = self._by_key.get(key)
        if held is None:
            self._by_key[key] = [event]
        else:
            held.append(event)

    def take(self, key: str, since_us: int) -> list[Fact]:
        """Return what is kept of a key from an instant on; nothing of it is kept any more."""
        held = self._by_key.pop(key, None)
        if held is None:
            return []
        facts = map(self._fact, held)
        return [fact for fact in facts if fact is not None and fact.at_us >= since_us]

    def pass_time(self, watermark_us: int) -> None:
        """Forget the spans that the watermark has passed."""
        by_key = self._by_key
        for number in [one for one in self._spans if (one + 1) * SPAN_US <= watermark_us]:
            span = self._spans.pop(number)
            self._gone += span.chunks
            for key in span.keys:
                held = by_key.pop(key, None)
                if held is None:
                    continue
                one = held[0]
                if len(held) > 1:
                    left = [one for one in held if _at_us(one) >= watermark_us]
                    if left:
                        by_key[key] = left
                elif (one.at_us if isinstance(one, Fact) else one.time_us) >= watermark_us:
                    by_key[key] = held

    def _fact(self, one: Event | Fact) -> Fact | None:
        fact = one if isinstance(one, Fact) else self._read(one)
        return fact if isinstance(fact, Fact) else None

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def all(self) -> list[tuple[str, Fact]]:
        """Return everything that is kept."""
        found = ((key, self._fact(one)) for key, held in self._by_key.items() for one in held)
        return [(key, fact) for key, fact in found if fact is not None]

    def delta(self, also: Iterable[str] = ()) -> tuple[list[tuple[str, bytes]], list[str]]:
        """Return chunks of what came since the last call, and those in ``also``; and names of those that have gone."""
        wanted = set(also)
        images: list[tuple[str, bytes]] = []
        for number, span in self._spans.items():
            if span.fresh:
                name = f"{_NAME}{self._next}"
                chunk = Chunk(number, self._next, list(self._condensed(span.fresh)))
                span.chunks[name] = _CHUNK + _ENCODER.encode(chunk)
                span.fresh = []
                self._next += 1
                wanted.add(name)
            if wanted:
                images += [(name, image) for name, image in span.chunks.items() if name in wanted]
        gone, self._gone = self._gone, []
        return images, gone

    def _condensed(self, fresh: list[tuple[str, Event | Fact]]) -> Iterator[tuple[str, Fact]]:
        """Yield those that are still kept, as facts, and keep them as facts from now on."""
        for key, came in fresh:
            held = self._by_key.get(key, [])
            for index, one in enumerate(held):
                fact = self._fact(one) if one is came else None
                if fact is not None:
                    held[index] = fact
                    yield key, fact

    def restore(self, kept: Iterable[tuple[str, Fact]]) -> None:
        """Take over what :meth:`all` returned."""
        for key, fact in kept:
            number = fact.at_us // SPAN_US
            self._put(number, key, fact)
            self._spans[number].fresh.append((key, fact))

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
        for key, fact in chunk.kept:
            self._put(chunk.span, key, fact)
        self._spans.setdefault(chunk.span, _Span()).chunks[f"{_NAME}{chunk.number}"] = image
        self._next = max(self._next, chunk.number + 1)

    def _put(self, number: int, key: str, fact: Fact) -> None:
        self._spans.setdefault(number, _Span()).keys.append(key)
        self._by_key.setdefault(key, []).append(fact)


def _at_us(one: Event | Fact) -> int:
    return one.at_us if isinstance(one, Fact) else one.time_us
