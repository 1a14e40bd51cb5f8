"""Runs a window detector over streams in which nothing is wrong."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.detection.nulls import NULLS, SMALL
from benchmarks.detection.worlds import WORLDS
from detectors import catalogue  # noqa: F401 - registers the detectors
from detectors.contract import DETECTORS, Context, Outcome, Progress
from detectors.panes import Panes
from detectors.windowed import Windowed

DAY_US = 86_400_000_000
START_US = 1_767_571_200_000_000
"""2026-01-05T00:00:00Z, a Monday."""


class Run(NamedTuple):
    """What one update gave, and when."""

    day: float
    outcome: Outcome


def detector(name: str, **settings: object) -> Windowed:
    """Return a window detector with its defaults, but for what is given."""
    entry = WORLDS[name].settings | settings
    made = DETECTORS.factory(name)(name, DETECTORS.settings(name).model_validate({"type": name, **entry}), Context())
    if not isinstance(made, Windowed):
        msg = f"{name} is no window detector"
        raise TypeError(msg)
    return made


def run(name: str, null: str, *, days: float, groups: int, seed: int, **settings: object) -> Iterator[Run]:
    """Yield what a detector says of a null stream, one hop at a time.

    Args:
        name: of the detector.
        null: one of :data:`~benchmarks.detection.nulls.NULLS`.
        days: how long.
        groups: how many.
        seed: of chance.
        settings: in place of the detector's defaults.
    """
    of = detector(name, **settings)
    state = of.state()
    end_us = START_US + int(days * DAY_US)
    for now_us, panes in steps(of, null, groups=groups, seed=seed):
        if now_us > end_us:
            return
        yield Run((now_us - START_US) / DAY_US, state.update(panes, Progress(now_us, now_us)))


def steps(of: Windowed, null: str, *, groups: int, seed: int) -> Iterator[tuple[int, Panes]]:
    """Yield the panes of one hop after another, without end, and when each hop is over."""
    rng = np.random.default_rng([seed, sorted(WORLDS).index(of.name), list(NULLS).index(null)])
    world, settings = WORLDS[of.name], of.settings
    hop_us, pane_us = settings.spec().hop_us, settings.spec().pane_us
    events = world.small if null == SMALL else world.events
    vectors = world.vectors(events * pane_us / settings.window)
    levels = np.linspace(-1.0, 1.0, groups)
    rest = ("",) * (len(settings.group_by) - 1)
    labels = [(f"g{number:05d}", *rest) for number in range(groups)]
    pane = START_US // pane_us
    moments = NULLS[null](rng, groups, DAY_US / pane_us)
    hop = 0
    while True:
        panes: Panes = []
        for _ in range(hop_us // pane_us):
            rows = vectors(rng, *next(moments), levels).tolist()
            panes += [(pane, group, row) for group, row in zip(labels, rows, strict=True) if row[0]]
            pane += 1
        hop += 1
        yield START_US + hop * hop_us, panes
