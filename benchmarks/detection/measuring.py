"""Runs a window detector over streams in which nothing is wrong."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.detection.nulls import NULLS, SMALL
from benchmarks.detection.worlds import WORLDS
from detectors import catalogue  # noqa: F401 - registers the detectors
from detectors.contract import DETECTORS, Context, Outcome, Progress
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
    rng = np.random.default_rng([seed, sorted(WORLDS).index(name), list(NULLS).index(null)])
    of = detector(name, **settings)
    world = WORLDS[name]
    own = of.settings
    hop_us, pane_us = own.spec().hop_us, own.spec().pane_us
    share = pane_us / own.window
    vectors = world.vectors((world.small if null == SMALL else world.events) * share)
    levels = np.linspace(-1.0, 1.0, groups)
    labels = [
        tuple(f"g{number:03d}" if index == 0 else "" for index in range(len(own.group_by))) for number in range(groups)
    ]
    state = of.state()
    panes_a_hop = hop_us // pane_us
    pane = START_US // pane_us
    steps = NULLS[null](rng, groups, DAY_US / pane_us)
    for hop in range(int(days * DAY_US / hop_us)):
        panes = []
        for _ in range(panes_a_hop):
            volumes, moods = next(steps)
            rows = vectors(rng, volumes, moods, levels).tolist()
            panes += [(pane, group, row) for group, row in zip(labels, rows, strict=True) if row[0]]
            pane += 1
        now_us = START_US + (hop + 1) * hop_us
        yield Run((hop + 1) * hop_us / DAY_US, state.update(panes, Progress(now_us, now_us)))
