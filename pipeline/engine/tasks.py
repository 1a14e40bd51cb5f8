"""The prepare step of a process that shares the work: a logic for each task, and one for each partition of panes."""

from collections.abc import Callable
from typing import Protocol

from bytewax.operators import StatefulBatchLogic

from pipeline.lane import LaneItem
from pipeline.prepare import Prepare
from pipeline.routing import Routed
from pipeline.scale.inbox import PaneInbox
from pipeline.scale.keys import is_panes, number_of

TaskState = tuple[str, bytes]


class TaskParts(Protocol):
    """Makes what tasks are made of."""

    def prepare(self, task: int) -> Prepare:
        """Return a new prepare for a task."""
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
            self._prepare = self._parts.prepare(number_of(key))

    def on_batch(self, values: list[LaneItem]) -> tuple[list[Routed], bool]:
        """Take each item in turn."""
        out: list[Routed] = []
        for item in values:
            if not self._key:
                self._become(item.key)
            if self._prepare is not None:
                out += self._prepare.take(item)
            elif self._inbox is not None and item.batches:
                out += self._inbox.take([record for batch in item.batches for record in batch.records])
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> TaskState:
        """Return which this is, and its state."""
        if self._prepare is not None:
            return self._key, self._prepare.snapshot()
        return self._key, b"" if self._inbox is None else self._inbox.snapshot()


def task_builder(parts: TaskParts) -> Callable[[TaskState | None], TaskLogic]:
    """Return the builder that the engine calls for each key."""
    return lambda state: TaskLogic(parts, state)
