"""Where the flow ends, as Bytewax sinks.

All are ``FixedPartitionedSink``: a ``DynamicSink`` stands outside the engine's commit and lost items in a crash.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from pipeline.journal import Journal

ItemT = TypeVar("ItemT")
_PART = "only"


class _CallPartition(StatefulSinkPartition[ItemT, None]):
    def __init__(self, write: Callable[[Sequence[ItemT]], object]) -> None:
        self._write = write

    def write_batch(self, values: list[ItemT]) -> None:
        self._write(values)

    def snapshot(self) -> None:
        return None


class CallSink(FixedPartitionedSink[ItemT, None]):
    """Hands batches to a function that has stored them durably, and idempotently, when it returns."""

    def __init__(self, write: Callable[[Sequence[ItemT]], object]) -> None:
        self._write = write

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return [_PART]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _CallPartition[ItemT]:
        """Build the partition; it has no state of its own."""
        return _CallPartition(self._write)


class _JournalPartition(StatefulSinkPartition[ItemT, int]):
    def __init__(self, journal: Journal[ItemT], length: int) -> None:
        self._journal = journal
        journal.open(length)

    def write_batch(self, values: list[ItemT]) -> None:
        self._journal.append(values)

    def snapshot(self) -> int:
        return self._journal.flush()

    def close(self) -> None:
        self._journal.flush()


class JournalSink(FixedPartitionedSink[ItemT, int]):
    """Appends to a file; a resumed flow cuts off what came after its snapshot, so each item stands in it once."""

    def __init__(self, journal: Journal[ItemT]) -> None:
        self._journal = journal

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return [_PART]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> _JournalPartition[ItemT]:
        """Open the journal where the snapshot says."""
        return _JournalPartition(self._journal, resume_state or 0)
