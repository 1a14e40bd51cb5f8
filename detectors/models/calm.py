"""Which hours were calm: what was seen in the others says nothing of hours in which nothing is wrong.

A failure makes many windows of many groups unusual within hours, and most of them open no alert of their own. Learned
as normal, they would make the next failure look ordinary. They are told from bad luck by their number.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

DAY_BLOCKS = 4
"""Blocks in a day: each is compared with those of the same hours on other days, when chance may have other rules."""
BLOCK_US = 86_400_000_000 // DAY_BLOCKS
_STORM = 4.0
"""A block whose share of scores in the tail is so many spreads above the median one is no calm one."""
_MOST_STORMS = 4
"""No more than one block in so many is left out: what happens often is normal."""
_LEAST_SCORES = 12
_LEAST_BLOCKS = 6
_MAD_SD = 1.4826
"""A standard deviation by the median deviation, where errors are normal."""
Floats = npt.NDArray[np.float32]


def calm(older: Floats, blocks: Sequence[tuple[int, Floats]], tail_share: float) -> Floats:
    """Return the scores of the blocks in which no more of them were in the tail than chance and habit explain.

    What a block's share may be is read off the median block of these hours and the median deviation of all blocks from
    theirs, which storms in a quarter of them hardly move; where unusual windows come in long runs, calm blocks differ,
    and so they may.

    Args:
        older: scores from before the blocks; they are kept.
        blocks: number of a block since 1970, rising, and its scores.
        tail_share: which share of all scores is the tail.
    """
    parts = [older, *(scores for _, scores in blocks)]
    everything = np.concatenate(parts)
    if not len(everything):
        return everything
    limit = np.quantile(everything, 1.0 - tail_share)
    sizes = np.array([len(scores) for _, scores in blocks])
    shares = np.array([np.mean(scores > limit) for _, scores in blocks])
    hours = np.array([number % DAY_BLOCKS for number, _ in blocks])
    alike = [np.flatnonzero((hours == hour) & (sizes >= _LEAST_SCORES)) for hour in range(DAY_BLOCKS)]
    alike = [same for same in alike if len(same) >= _LEAST_BLOCKS]
    if not alike:
        return everything
    medians = [float(np.median(shares[same])) for same in alike]
    off = np.concatenate([np.abs(shares[same] - median) for same, median in zip(alike, medians, strict=True)])
    habit = _MAD_SD * float(np.median(off))
    storms: set[int] = set()
    for same, median in zip(alike, medians, strict=True):
        chance = np.sqrt(max(median, tail_share / 2.0) / sizes[same])
        excess = (shares[same] - median) / np.hypot(habit, chance)
        worst = np.argsort(-excess, kind="stable")[: len(same) // _MOST_STORMS]
        storms.update(int(same[index]) for index in worst if excess[index] > _STORM)
    return np.concatenate([part for index, part in enumerate(parts) if index - 1 not in storms])
