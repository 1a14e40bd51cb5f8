"""A recording that a running flow is given piece by piece, so that there is always more to store when a test wants it.

A flow reads all of a small recording in a second or two: who waits for some of its changes and then takes the store
away may find, on a machine that is busy, that it has stored the last one already and misses nothing.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from tests.faults.flowing import RECORDING, Changes
from tests.support.recording import LATENESS_US, Timed
from tests.support.undisturbed import undisturbed

_EAGER = "    p_value: {fire: 0.3, resolve: 0.4}\n    cool_down: 0s\n"
"""So that many windows tell."""


class Portions:
    """The posts of the recording in portions, of which each brings changes; cases are all there from the beginning.

    Promises are left out: what is suspected of them depends on when the flow has read everything.

    Args:
        config: settings over both files; they are changed.
        count: of portions.
        recording: the cases and posts that are in the files.
    """

    def __init__(
        self, config: Path, count: int = 5, recording: tuple[Sequence[Timed], Sequence[Timed]] = RECORDING
    ) -> None:
        before, _, rest = config.read_text(encoding="utf-8").partition("  sla_breach:\n")
        windows = "  sentiment_drop:\n" + _EAGER + rest.partition("  sentiment_drop:\n")[2]
        config.write_text(before + windows, encoding="utf-8")
        cases, posts = recording
        told = undisturbed(config, [recording])
        moments = sorted(change.at_us for change in told.changes)
        # Time has come past a change when a post is later than that by more than the lateness.
        ends_us = [moments[len(moments) * number // count - 1] + 2 * LATENESS_US for number in range(1, count)]
        sizes = [0, *(bisect_left(posts, (end_us, b"")) for end_us in ends_us), len(posts)]
        self._portions = [posts[after:to] for after, to in pairwise(sizes)]
        self._totals = [len(undisturbed(config, [(cases, posts[:size])]).changes) for size in sizes[1:]]
        assert all(fewer < more for fewer, more in pairwise([0, *self._totals]))
        self._file = config.parent / "social.jsonl"
        self._file.write_bytes(b"")
        self.expected: Changes = told.counted

    def more(self) -> int:
        """Write the next portion; return how many changes there are to be of all that is written."""
        with self._file.open("ab") as file:
            file.writelines(raw + b"\n" for _, raw in self._portions.pop(0))
        return self._totals.pop(0)

    def rest(self) -> None:
        """Write all that is left."""
        while self._portions:
            self.more()
