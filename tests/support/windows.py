"""Plays events through a window detector, and reads what it says."""

from collections.abc import Sequence
from typing import Any

from detectors import catalogue
from detectors.contract import DETECTORS, Context, Outcome, Progress
from detectors.events import Event
from detectors.panes import Panes
from detectors.windowed import Windowed
from tests.support.combine import combined

del catalogue  # imported so that every detector is registered


def window_detector(kind: str, **settings: Any) -> Windowed:
    """Return the detector of an entry named ``mine``."""
    model = DETECTORS.settings(kind)
    built = DETECTORS.factory(kind)("mine", model.model_validate({"type": kind, **settings}), Context())
    assert isinstance(built, Windowed)
    return built


def vectors(of: Windowed, *events: Event) -> list[list[int]]:
    """Return the vectors that events make, by pane and group."""
    return [vector for _, _, vector in sorted(combined(of, list(events)))]


def closed(of: Windowed, events: Sequence[Event], until_us: int) -> Outcome:
    """Return what a detector says of events when time has come to ``until_us``."""
    return of.state().update(combined(of, list(events)), Progress(until_us, until_us))


def hourly(of: Windowed, rows: Sequence[dict[str, list[int]]], start_us: int) -> Outcome:
    """Return what a detector says of windows given as vectors by the first label of their group."""
    window_us = of.settings.window
    blanks = [""] * (len(of.settings.group_by) - 1)
    panes: Panes = [
        (start_us // window_us + number, (name, *blanks), vector)
        for number, row in enumerate(rows)
        for name, vector in sorted(row.items())
        if vector[0]
    ]
    until_us = start_us + len(rows) * window_us
    return of.state().update(panes, Progress(until_us, until_us))
