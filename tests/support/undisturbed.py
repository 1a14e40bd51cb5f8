"""What flows store of a recording when nothing goes wrong, worked out without them: however long they take, it is that.

Who waits until a flow stores nothing more takes a flow on a machine that is busy for one that has ended.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from detectors.contract import AlertChange, Finding, WindowDetector
from pipeline.assembly import load_settings
from pipeline.clock import wall_clock_us
from pipeline.compose import build_detectors
from pipeline.events import decode_many
from pipeline.harness import Harness
from tests.support.recording import LATENESS_US, Timed

Partitions = Sequence[Sequence[Timed]]
"""Events as they stand in each partition; some may be there twice, none is late."""
_AT_ONCE = 10_000


class Undisturbed(NamedTuple):
    """What is told of everything, and what is found in every window."""

    changes: list[AlertChange]
    findings: list[Finding]

    @property
    def counted(self) -> Counter[tuple[str, str, str]]:
        """Each change, as tests of flows count those in the store."""
        return Counter((change.change_id, change.step, change.status) for change in self.changes)


def undisturbed(config: Path, tasks: Sequence[Partitions]) -> Undisturbed:
    """Return what flows have told of these partitions when all is read and nothing more comes.

    Args:
        config: settings with the lateness of the recording, under which no partition follows the clock.
        tasks: the partitions of each task: its cases go by their time, and windows by the time of all.
    """
    detectors = build_detectors(load_settings(config).settings)
    windows = {name: one for name, one in detectors.items() if isinstance(one, WindowDetector)}
    cases = {name: one for name, one in detectors.items() if name not in windows}
    everything = [partition for partitions in tasks for partition in partitions]
    fed = [_fed(Harness(cases), partitions) for partitions in tasks] + [_fed(Harness(windows), everything)]
    return Undisturbed([one for each in fed for one in each.changes], [one for each in fed for one in each.findings])


def _fed(harness: Harness, partitions: Partitions) -> Harness:
    reached_us = min(max(at_us for at_us, _ in partition) for partition in partitions) - LATENESS_US
    rows = sorted({row for partition in partitions for row in partition})
    for at in range(0, len(rows), _AT_ONCE):
        some = rows[at : at + _AT_ONCE]
        events, errors = decode_many([raw for _, raw in some])
        assert not errors
        harness.feed(events, min(reached_us, some[-1][0] - LATENESS_US))
    harness.advance(reached_us, wall_clock_us())  # the clock is beyond all of it: what is overdue by then is suspected
    return harness
