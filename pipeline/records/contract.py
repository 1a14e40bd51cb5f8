"""What a reader of one file promises."""

from collections.abc import Callable, Sequence
from typing import BinaryIO, NamedTuple, Protocol

from pipeline.feeds.contract import BadRecord


class Cut(NamedTuple):
    """Records in their order, and those that could not be cut out.

    Attributes:
        offsets: of ``records``, rising strictly.
        records: one JSON object each, or what should be one.
        bad: records that are not among ``records``; their offsets lie between the others'.
    """

    offsets: Sequence[int]
    records: Sequence[bytes]
    bad: list[BadRecord]

    def shifted(self, by: int) -> "Cut":
        """Return the same records with offsets that are larger by that much."""
        if by == 0:
            return self
        bad = [BadRecord(record.offset + by, record.raw, record.reason, record.detail) for record in self.bad]
        return Cut([offset + by for offset in self.offsets], self.records, bad)


class RecordReader(Protocol):
    """Reads the records of one file from a position on.

    Attributes:
        position: the offset after the last record that ``take`` returned.
        ended: nothing more will come.
    """

    position: int
    ended: bool

    def take(self, max_records: int) -> Cut:
        """Return at most ``max_records`` records; fewer, or none, where the file has no more."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class GrowingReader(Protocol):
    """Reads the records of one file that may grow.

    Attributes:
        position: the offset after the last record that ``take`` returned.
        ended: nothing more will come; only after ``finish``.
        header: checksum of what was learnt from the file's beginning; 0: nothing.
    """

    position: int
    ended: bool

    @property
    def read_to(self) -> int:
        """The byte offset up to which the file has been read."""
        ...

    @property
    def header(self) -> int:
        """Checksum of what was learnt from the beginning of the file; 0: nothing."""
        ...

    @property
    def pending(self) -> bool:
        """Whether there are records that have been read from the file already."""
        ...

    def take(self, max_records: int) -> Cut:
        """Return at most ``max_records`` records; none where there is none now."""
        ...

    def finish(self) -> None:
        """The file is complete now: take its last record without a line end."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


GrowingFactory = Callable[[BinaryIO, int, int], GrowingReader]
"""``factory(file, offset, header) -> reader``; ``header`` as the reader before had it."""
