"""The job as a detector of Makegood: count, breaches and sentiment by minute, service and region. It never alerts.

Every window with events in it becomes a finding, as of any window detector. Of the product's own detectors it lacks the
scoring: the other contestants do not score either.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from detectors.assembler import WindowAssembler
from detectors.columns import ColumnReads, Columns, Lookup
from detectors.combine import Figures, Integers, PaneCombiner
from detectors.contract import DETECTORS, Context, DetectorSettings, Finding, Outcome, Progress
from detectors.control import Control
from detectors.events import Event
from detectors.panes import PaneLayout, Panes
from detectors.windows import WindowSpec

GROUP_BY = ("service", "region")
MICRO = 1_000_000
_SPEC = WindowSpec(size_us=60_000_000, hop_us=60_000_000)
_WIDTH = 3
_FORGET_US = 28 * 86_400_000_000
_BREACHED = 10.0
"""Added to the sentiment (-1 to 1) of a breached case, so that one figure an event says both."""


class MinutesSettings(DetectorSettings):
    """It has nothing to set."""

    type: Literal["minutes"] = "minutes"


class Minutes:
    """A :class:`detectors.contract.WindowDetector`."""

    event_types = frozenset({"crm.case.closed"})
    layout = PaneLayout(_SPEC.pane_us, _WIDTH, _SPEC.hop_us)

    def __init__(self, name: str) -> None:
        self.name = name

    def combiner(self) -> PaneCombiner:
        """Return a combiner that sums count, breaches and sentiment in millionths."""
        return PaneCombiner(_SPEC.pane_us, GROUP_BY, (_figures,), _vectors, _columns())

    def state(self) -> "MinuteWindows":
        """Return a new state."""
        return MinuteWindows(self.name)


def _figures(events: Sequence[Event]) -> list[float | None]:
    datas = [event.data for event in events]
    return [
        data.sentiment if data.status != "breached" or data.sentiment is None else data.sentiment + _BREACHED  # type: ignore[union-attr]
        for data in datas
    ]


def _columns() -> ColumnReads:
    """Return how the same figures are read out of columns."""
    added = Lookup("status", lambda status: _BREACHED if status == "breached" else 0.0, missing=0.0)

    def read(columns: Columns) -> Figures:
        return columns.numbers("sentiment") + added(columns)

    return ColumnReads(frozenset({"status", "sentiment"}), (read,))


def _vectors(figures: Figures) -> Integers:
    breached = figures[0] > _BREACHED / 2
    micros = np.rint((figures[0] - breached * _BREACHED) * MICRO).astype(np.int64)
    return np.stack((np.ones_like(micros), breached.astype(np.int64), micros))


class MinuteWindows:
    """A :class:`detectors.contract.WindowState`: hands out every closed window that is not empty."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._assembler = WindowAssembler(_SPEC, _WIDTH, forget_us=_FORGET_US, max_groups=10_000)
        self.snapshot, self.restore = self._assembler.snapshot, self._assembler.restore

    def update(self, panes: Panes, progress: Progress) -> Outcome:
        """Merge panes, hand out the windows that the watermark has passed."""
        self._assembler.merge(panes)
        findings = [
            Finding(
                detector=self._name,
                group=dict(zip(GROUP_BY, window.group, strict=True)),
                start_us=window.start_us,
                end_us=window.end_us,
                count=window.vector[0],
                value=None,
                baseline=None,
                p_value=None,
                verdict="quiet",
                details={"breached": window.vector[1], "micros": window.vector[2]},
            )
            for window in self._assembler.advance(progress.watermark_us)
            if window.vector[0]
        ]
        return Outcome([], findings)

    def control(self, controls: Sequence[Control]) -> None:
        """Do nothing: there is nothing that could be changed."""


@DETECTORS.register("minutes", MinutesSettings)
def build(name: str, _settings: MinutesSettings, _context: Context) -> Minutes:
    """Build the detector."""
    return Minutes(name)
