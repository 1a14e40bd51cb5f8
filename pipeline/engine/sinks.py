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
    def __init__(self, write: Callable[[Sequence[ItemT]], object], settle: Callable[[], object] | None) -> None:
        self._write = write
        self._settle = settle

    def write_batch(self, values: list[ItemT]) -> None:
        self._write(values)

    def snapshot(self) -> None:
        # The epoch is committed after this returns.
        if self._settle is not None:
            self._settle()

    def close(self) -> None:
        self.snapshot()


class CallSink(FixedPartitionedSink[ItemT, None]):
    """Hands batches to a function that has stored them durably, and idempotently, when it returns.

    Args:
        write: takes a batch.
        settle: called before an epoch is committed, where ``write`` returns before a batch is stored durably: returns
            when everything is.
    """

    def __init__(self, write: Callable[[Sequence[ItemT]], object], settle: Callable[[], object] | None = None) -> None:
        self._write = write
        self._settle = settle

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return [_PART]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _CallPartition[ItemT]:
        """Build the partition; it has no state of its own."""
        return _CallPartition(self._write, self._settle)


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
