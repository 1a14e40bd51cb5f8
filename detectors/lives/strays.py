"""Events of which nothing can come alone, about keys of which nothing is known: kept until the watermark passes them.

An event that is in time may come before the one that it follows. Until the watermark has passed it, it is kept here;
when something begins with its key, it is taken from here; what the watermark has passed is forgotten. Most events that
a detector reads are of this kind, and cost no more than their place in a list: what is about which key is found out
when somebody asks for the first time.

They are forgotten by spans of event time. A snapshot writes, for each span, a chunk of what came since the last one,
whether it was taken or not: of what a life has taken, the watermark has passed everything before the life can end.
"""

from collections.abc import Callable, Iterable, Sequence

from detectors.events import Event
from detectors.lives.blocks import Block, Held, fact_of, read_block
from detectors.lives.chunks import BLOCKS, SPAN_US, STRAYS
from detectors.lives.facts import Fact


class _Span:
    """What came of one span, one by one and in blocks.

    The first ``indexed`` of both are in ``by_key``, the first ``written`` in its chunks.
    """

    __slots__ = ("blocks", "by_key", "chunks", "indexed", "kept", "keys", "written")

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.kept: list[Event | Fact] = []
        self.blocks: list[Block] = []
        self.by_key: dict[str, list[Held]] = {}
        self.indexed = self.written = (0, 0)
        self.chunks: dict[str, bytes] = {}

    @property
    def come(self) -> tuple[int, int]:
        """How much there is."""
        return len(self.keys), len(self.blocks)

    def index(self) -> dict[str, list[Held]]:
        """Return what is kept, by key."""
        if self.indexed != self.come:
            one_by_one, blocks = self.indexed
            for key, one in zip(self.keys[one_by_one:], self.kept[one_by_one:], strict=True):
                self.by_key.setdefault(key, []).append(one)
            for block in self.blocks[blocks:]:
                for key, ref in block.refs():
                    self.by_key.setdefault(key, []).append(ref)
            self.indexed = self.come
        return self.by_key


class Strays:
    """Events by key, until the watermark has passed them.

    Args:
        read: what is kept of an event; text for one that is of no use.

    Attributes:
        spans: what is kept, by number of the span.
    """

    def __init__(self, read: Callable[[Event], Fact | str]) -> None:
        self._read = read
        self.spans: dict[int, _Span] = {}
        self._next = 0
        self._gone: list[str] = []

    def __len__(self) -> int:
        """Return how many chunks there are."""
        return sum(len(span.chunks) for span in self.spans.values())

    def names(self) -> list[str]:
        """Return the names of all chunks."""
        return [name for span in self.spans.values() for name in span.chunks]

    # -- events and time ----------------------------------------------------------------------------------------------

    def hold(self, key: str, event: Event) -> None:
        """Keep an event."""
        number = event.time_us // SPAN_US
        span = self.spans.get(number)
        if span is None:
            span = self.spans[number] = _Span()
        span.keys.append(key)
        span.kept.append(event)

    def hold_block(self, block: Block) -> None:
        """Keep events that are packed, all for as long as the last of them."""
        number = int(block.rows.times.max()) // SPAN_US
        self.spans.setdefault(number, _Span()).blocks.append(block)

    def among(self, keys: Sequence[str]) -> set[str]:
        """Return those of the keys of which something is kept."""
        return {key for span in self.spans.values() for key in span.index().keys() & keys}

    def __contains__(self, key: str) -> bool:
        """Say whether something is kept of a key."""
        return any(key in span.index() for span in self.spans.values())

    def take(self, key: str, since_us: int) -> list[Fact]:
        """Return what is kept of a key from an instant on; nothing of it is kept any more."""
        found: list[Fact] = []
        for span in self.spans.values():
            by_key = span.index()
            if key in by_key:
                found += self._facts(by_key.pop(key))
        return [fact for fact in found if fact.at_us >= since_us] if found else found

    def pass_time(self, watermark_us: int) -> None:
        """Forget the spans that the watermark has passed."""
        for number in [one for one in self.spans if (one + 1) * SPAN_US <= watermark_us]:
            self._gone += self.spans.pop(number).chunks

    def _facts(self, held: Iterable[Held]) -> list[Fact]:
        return [fact for one in held if (fact := fact_of(one, self._read)) is not None]

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def all(self) -> list[tuple[str, Fact]]:
        """Return everything that is kept."""
        spans = self.spans.values()
        return [(key, fact) for span in spans for key, held in span.index().items() for fact in self._facts(held)]

    def delta(self, also: Iterable[str] = ()) -> tuple[list[tuple[str, bytes]], list[str]]:
        """Return chunks of what came since the last call, and those in ``also``; and names of those that have gone."""
        wanted = set(also)
        for number, span in self.spans.items():
            wanted |= self._write(number, span)
        images = [
            (name, image) for span in self.spans.values() for name, image in span.chunks.items() if name in wanted
        ]
        gone, self._gone = self._gone, []
        return images, gone

    def _write(self, number: int, span: _Span) -> set[str]:
        """Write what came last; return the names of its chunks."""
        one_by_one, blocks = span.written
        names: set[str] = set()
        if one_by_one < len(span.keys):
            pairs = zip(span.keys[one_by_one:], span.kept[one_by_one:], strict=True)
            kept = [(key, fact) for key, one in pairs for fact in self._facts((one,))]
            names.add(self._put(span, STRAYS.name(self._next), STRAYS.write(number, self._next, kept)))
        if blocks < len(span.blocks):
            images = [block.image for block in span.blocks[blocks:]]
            names.add(self._put(span, BLOCKS.name(self._next), BLOCKS.write(number, self._next, images)))
        span.written = span.come
        return names

    def _put(self, span: _Span, name: str, image: bytes) -> str:
        span.chunks[name] = image
        self._next += 1
        return name

    def restore(self, kept: Iterable[tuple[str, Fact]]) -> None:
        """Take over what :meth:`all` returned."""
        for key, fact in kept:
            self._add(fact.at_us // SPAN_US, key, fact)
        for number, span in self.spans.items():
            self._write(number, span)

    def restore_chunk(self, image: bytes) -> None:
        """Take over a chunk of those that came one by one.

        Raises:
            SnapshotVersionError: when this code cannot read it.
        """
        chunk = STRAYS.read(image)
        for key, fact in chunk.kept:
            self._add(chunk.span, key, fact)
        self._restored(chunk.span, chunk.number, STRAYS.name(chunk.number), image)

    def restore_blocks(self, image: bytes) -> None:
        """Take over a chunk of blocks.

        Raises:
            SnapshotVersionError: when this code cannot read it.
        """
        chunk = BLOCKS.read(image)
        self.spans.setdefault(chunk.span, _Span()).blocks += map(read_block, chunk.blocks)
        self._restored(chunk.span, chunk.number, BLOCKS.name(chunk.number), image)

    def _restored(self, number: int, chunk: int, name: str, image: bytes) -> None:
        span = self.spans.setdefault(number, _Span())
        span.chunks[name] = image
        span.written = span.come
        self._next = max(self._next, chunk + 1)

    def _add(self, number: int, key: str, fact: Fact) -> None:
        span = self.spans.setdefault(number, _Span())
        span.keys.append(key)
        span.kept.append(fact)
