"""Plain Bytewax, one item an event, with windows written by hand in a ``stateful_batch`` instead of its own windows.

What somebody writes who found the built-in windows slow: a key still has its own state and its own watermark.
"""

from collections.abc import Iterable
from typing import Any

import bytewax.operators as op
from bytewax.operators import StatefulBatchLogic

from benchmarks.peers.jobs.bytewax_window import Event, row_text, run

LATENESS_S = 10
Window = tuple[int, list[Any]]


class Minutes(StatefulBatchLogic[Event, Window, dict[int, list[Any]]]):
    """The open minutes of one service and region."""

    def __init__(self, state: dict[int, list[Any]] | None) -> None:
        self._open = state or {}
        self._newest_s = 0.0

    def on_batch(self, values: list[Event]) -> tuple[Iterable[Window], bool]:
        """Add events to their minutes; hand out the minutes that the newest event has left behind."""
        windows = self._open
        for event in values:
            time_s = event.time.timestamp()
            minute = int(time_s) // 60
            window = windows.get(minute)
            if window is None:
                # A minute that was handed out is never opened again: that event is late.
                if time_s < self._newest_s - LATENESS_S:
                    continue
                window = windows[minute] = [0, 0, 0.0]
            window[0] += 1
            window[1] += event.data.status == "breached"
            window[2] += event.data.sentiment
            self._newest_s = max(self._newest_s, time_s)
        watermark_s = self._newest_s - LATENESS_S
        closed = [minute for minute in windows if (minute + 1) * 60 <= watermark_s]
        return [(minute, windows.pop(minute)) for minute in closed], StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[Iterable[Window], bool]:
        """Hand out the rest."""
        return list(self._open.items()), StatefulBatchLogic.DISCARD

    def snapshot(self) -> dict[int, list[Any]]:
        """Return the state."""
        return {minute: list(window) for minute, window in self._open.items()}


def windows(keyed: Any) -> Any:
    """Return lines of CSV, under their keys."""
    closed = op.stateful_batch("minutes", keyed, Minutes)
    return op.map("row", closed, lambda item: (item[0], row_text(item[0], item[1][0] * 60, item[1][1])))


if __name__ == "__main__":
    run(windows)
