"""Where the time of the flow goes: CPU time of each stage, measured in the real flow by wrapping its functions.

A stage's time is its own: what a stage calls that is a stage too is taken off. Wrapped functions are called once a
micro-batch, shard or window, never once an event, so that measuring costs next to nothing. What is left of the
thread's time is the engine and the steps of ours that are not wrapped.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import thread_time_ns
from typing import Any
from unittest import mock

from alerts.store import AlertStore
from detectors.assembler import WindowAssembler
from detectors.combine import PaneCombiner
from detectors.promises.shard import SlaShard
from detectors.window_state import ScoredWindows
from pipeline.decode import Decoder
from pipeline.dedup import Deduplicator
from pipeline.engine import logic
from pipeline.enrich import Enricher
from pipeline.lane import Lane
from pipeline.prepare import Prepare
from pipeline.rows import Rows

STAGES: tuple[tuple[str, type, str], ...] = (
    ("read", Lane, "next"),
    ("decode", Decoder, "decode"),
    ("repeats", Deduplicator, "fresh"),
    ("lateness, order", Prepare, "take"),
    ("enrich", Enricher, "enrich"),
    ("route", Prepare, "_route"),
    ("route", Prepare, "_hand_out"),
    ("combine", Rows, "add"),
    ("combine", Rows, "give"),
    ("combine", PaneCombiner, "add"),
    ("combine", PaneCombiner, "take"),
    ("sla: events", SlaShard, "_take"),
    ("sla: time", SlaShard, "update"),
    ("windows: assemble", WindowAssembler, "merge"),
    ("windows: assemble", WindowAssembler, "advance"),
    ("windows: score, decide, learn", ScoredWindows, "update"),
    ("snapshots", logic.PrepareLogic, "snapshot"),
    ("snapshots", logic.DetectLogic, "snapshot"),
    ("store", AlertStore, "apply_waiting"),
)
"""Name of the stage, class and method."""
REST = "engine, freeing, the rest"


class Stages:
    """CPU time of one thread by stage, in nanoseconds."""

    def __init__(self) -> None:
        self.spent_ns: dict[str, int] = {name: 0 for name, _, _ in STAGES}
        self._inner_ns = [0]
        self._started_ns = 0

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""
        inner = self._inner_ns

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            inner.append(0)
            started_ns = thread_time_ns()
            try:
                return function(*args, **kwargs)
            finally:
                whole_ns = thread_time_ns() - started_ns
                self.spent_ns[name] += whole_ns - inner.pop()
                inner[-1] += whole_ns

        return timed

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Wrap the stages while the block runs; what is built inside it is watched."""
        with ExitStack() as stack:
            for name, owner, method in STAGES:
                stack.enter_context(mock.patch.object(owner, method, self.wrap(name, getattr(owner, method))))
            yield

    def start(self) -> None:
        """Count from here."""
        self.spent_ns = {name: 0 for name, _, _ in STAGES}
        self._inner_ns[0] = 0
        self._started_ns = thread_time_ns()

    def stop(self) -> None:
        """Count to here: what this thread spent since the start, outside of all stages, is the rest."""
        self.spent_ns[REST] = thread_time_ns() - self._started_ns - self._inner_ns[0]

    def per_event_us(self, events: int) -> dict[str, float]:
        """Return microseconds of CPU time an event, by stage."""
        return {name: round(spent_ns / 1_000 / events, 3) for name, spent_ns in self.spent_ns.items()}
