"""What a reader of one file promises."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pipeline.feeds.contract import BadRecord


class Cut(NamedTuple):
    """Records in their order, and those that could not be cut out.

    Attributes:
        offsets: of ``records``, rising strictly.
        records: one JSON object each, or what should be one.
        bad: records that are not among ``records``; their offsets lie between the others'.
    """

    offsets: Sequence[int]
    records: list[bytes]
    bad: list[BadRecord]


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
