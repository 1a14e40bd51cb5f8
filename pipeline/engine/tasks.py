"""The prepare step of a process that shares the work: a logic for each task, and one for each partition of panes."""

from collections.abc import Callable
from typing import Protocol

from bytewax.operators import StatefulBatchLogic

from pipeline.feeds.contract import RawBatch
from pipeline.lane import LaneItem
from pipeline.prepare import Prepare
from pipeline.routing import Routed
from pipeline.scale.inbox import PaneInbox, Refused
from pipeline.scale.keys import is_panes, number_of
from pipeline.scale.router import TaskRouter

TaskState = tuple[str, bytes]


class TaskParts(Protocol):
    """Makes what tasks are made of."""

    def prepare(self, task: int) -> tuple[Prepare, TaskRouter]:
        """Return a new prepare for a task, and its router."""
        ...

    def inbox(self, number: int) -> PaneInbox:
        """Return a new inbox for a partition of the topic of panes."""
        ...


class TaskLogic(StatefulBatchLogic[LaneItem, Routed, TaskState]):
    """One task, or one partition of the topic of panes.

    The engine does not tell a logic its key, so the first item (or the snapshot) says which it is.
    """

    def __init__(self, parts: TaskParts, state: TaskState | None) -> None:
        self._parts = parts
        self._key = ""
        self._prepare: Prepare | None = None
        self._router: TaskRouter | None = None
        self._inbox: PaneInbox | None = None
        if state is not None:
            key, inner = state
            self._become(key)
            if self._prepare is not None:
                self._prepare.restore(inner)
            elif self._inbox is not None:
                self._inbox.restore(inner)

    def _become(self, key: str) -> None:
        self._key = key
        if is_panes(key):
            self._inbox = self._parts.inbox(number_of(key))
        else:
            self._prepare, self._router = self._parts.prepare(number_of(key))

    def on_batch(self, values: list[LaneItem]) -> tuple[list[Routed], bool]:
        """Take each item in turn."""
        out: list[Routed] = []
        for item in values:
            if not self._key:
                self._become(item.key)
            if self._prepare is not None and self._router is not None:
                for batch in item.batches:
                    _tell_offsets(batch, self._router)
                out += self._prepare.take(item)
            elif self._inbox is not None and item.batches:
                for bad in (bad for batch in item.batches for bad in batch.bad):
                    self._inbox.refuse(Refused.UNREADABLE, f"{bad.detail}; let nothing else write to this topic")
                out += self._inbox.take([record for batch in item.batches for record in batch.records])
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> TaskState:
        """Return which this is, and its state."""
        if self._prepare is not None:
            return self._key, self._prepare.snapshot()
        return self._key, b"" if self._inbox is None else self._inbox.snapshot()


def _tell_offsets(batch: RawBatch, router: TaskRouter) -> None:
    offsets = [*batch.offsets[:1], *batch.offsets[-1:], *(bad.offset for bad in batch.bad)]
    if offsets:
        router.reads((batch.feed, batch.partition), min(offsets), max(offsets) + 1)


def task_builder(parts: TaskParts) -> Callable[[TaskState | None], TaskLogic]:
    """Return the builder that the engine calls for each key."""
    return lambda state: TaskLogic(parts, state)
