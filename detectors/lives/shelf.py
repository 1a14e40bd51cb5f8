"""What is dormant, as it is written: pieces by spans of event time, and chunks of them once a snapshot was made.

Everything is written soon after it came, while it is quick to read and to free, and only once. What nobody has asked
for is kept as these bytes only.
"""

from collections.abc import Iterable

import msgspec

from detectors.lives.blocks import Block
from detectors.lives.chunks import DORMANT, SPAN_US, Piece, Pieces, read_piece, write_piece
from detectors.lives.facts import Fact


class Shelf:
    """Pieces and chunks, by span.

    Attributes:
        was_read: :meth:`unread` was called since the last snapshot.
        is_unread: it would return something.
    """

    def __init__(self) -> None:
        self._pieces: dict[int, list[msgspec.Raw | str]] = {}
        self._chunks: dict[str, bytes] = {}
        self._names: dict[int, list[str]] = {}
        self._unread_pieces: list[bytes] = []
        self._unread_chunks: list[bytes] = []
        self.was_read = self.is_unread = False
        self._oldest: int | None = None
        self._next = 0
        self._gone: list[str] = []

    def __len__(self) -> int:
        """Return how many chunks there are, those that are yet to be written among them."""
        return len(self._chunks) + len(self._pieces)

    def names(self) -> list[str]:
        """Return the names of all chunks."""
        return list(self._chunks)

    def put(self, span: int, plain: list[object], others: list[tuple[str, Fact]], *, is_unread: bool) -> None:
        """Keep what came of a span.

        Args:
            span: its number.
            plain: plain steps, as tuples.
            others: keys, and the facts of other steps.
            is_unread: :meth:`unread` is to return it.
        """
        self._put(span, write_piece((plain, others)), is_unread=is_unread)

    def _put(self, span: int, piece: bytes, *, is_unread: bool) -> None:
        self._add(span, msgspec.Raw(piece))
        if is_unread:
            self._unread_pieces.append(piece)
            self.is_unread = True

    def put_block(self, span: int, block: Block, *, is_unread: bool) -> None:
        """Keep what came of a span and is packed; ``is_unread``: :meth:`unread` is to return it."""
        self._put(span, write_piece(((), (), block.image)), is_unread=is_unread)

    def leave(self, span: int, key: str) -> None:
        """Take note that nothing is kept of a key any more; ``span`` is the last one in which there was something."""
        self._add(span, key)

    def _add(self, span: int, piece: msgspec.Raw | str) -> None:
        pieces = self._pieces.get(span)
        if pieces is None:
            self._pieces[span] = [piece]
            self._oldest = span if self._oldest is None else min(span, self._oldest)
        else:
            pieces.append(piece)

    def unread(self) -> list[Piece]:
        """Return what is kept and was not returned yet."""
        self.was_read, self.is_unread = True, False
        found: list[Piece] = []
        for image in self._unread_chunks:
            found += [piece for piece in DORMANT.read(image).pieces if not isinstance(piece, str)]
        found += map(read_piece, self._unread_pieces)
        self._unread_chunks, self._unread_pieces = [], []
        return found

    def pass_time(self, over_us: int) -> None:
        """Forget spans that end before an instant."""
        while self._oldest is not None and (self._oldest + 1) * SPAN_US <= over_us:
            self._pieces.pop(self._oldest, None)
            for name in self._names.pop(self._oldest, ()):
                del self._chunks[name]
                self._gone.append(name)
            self._oldest = min((*self._pieces, *self._names), default=None)

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def delta(self, also: Iterable[str] = ()) -> tuple[list[tuple[str, bytes]], list[str]]:
        """Return chunks of what came since the last call, and those in ``also``; and names of those that have gone.

        Where :attr:`was_read` is so, :meth:`unread` must have been called for everything.
        """
        names = {name for name in also if name in self._chunks}
        for span, pieces in self._pieces.items():
            image = DORMANT.write(span, self._next, pieces)
            names.add(self._keep(span, self._next, image))
            if not self.was_read:
                self._unread_chunks.append(image)
        self._pieces, self._unread_pieces, self.was_read = {}, [], False
        gone, self._gone = self._gone, []
        return [(name, self._chunks[name]) for name in names], gone

    def _keep(self, span: int, number: int, image: bytes) -> str:
        name = DORMANT.name(number)
        self._chunks[name] = image
        self._names.setdefault(span, []).append(name)
        self._next = max(self._next, number + 1)
        return name

    def restore(self, images: Iterable[bytes]) -> list[Pieces]:
        """Take over all chunks; return them in the order of time and of their writing.

        Raises:
            SnapshotVersionError: when this code cannot read them.
        """
        chunks = []
        for image in images:
            chunk = DORMANT.read(image)
            chunks.append(chunk)
            self._keep(chunk.span, chunk.number, image)
        self._oldest = min(self._names, default=None)
        return sorted(chunks, key=lambda chunk: (chunk.span, chunk.number))
