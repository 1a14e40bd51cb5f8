"""What all window detectors are made of: settings, and a detector out of its parts."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, Self, TypedDict

from pydantic import Field, model_validator

from config.base import SettingsModel
from config.drift_settings import PageHinkleySettings
from config.durations import DurationUs, format_duration_us
from config.models import AnomalyModel, DriftModel
from detectors.assembler import WindowAssembler
from detectors.columns import ColumnReads
from detectors.combine import PaneCombiner, Read, Vectors
from detectors.contract import DetectorSettings, Severity
from detectors.decide import Decider
from detectors.deciding import Decision
from detectors.grouping import GroupBy
from detectors.models.regime import Regimes
from detectors.models.rhythm import Memory, RhythmName
from detectors.models.river_safe import drift_builder, model_builder
from detectors.models.series import SeriesModel
from detectors.models.series_view import SeriesView
from detectors.models.views import View
from detectors.panes import PaneLayout
from detectors.scoring import ViewsScorer
from detectors.window_state import AlertTemplate, ScoredWindows
from detectors.windows import WindowSpec
from detectors.wording import Wording

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
Positive = Annotated[DurationUs, Field(gt=0)]
SERIES_MEMORY = 1000
"""Windows of a group that its series model remembers: six weeks of hours."""


class BaselineSettings(SettingsModel):
    """What "normal" is learned from.

    Attributes:
        rhythm: which rhythm normal may have (in UTC): one a week, one a day, or none.
        half_life: after this time an observation counts half.
        warm_up: how many windows' worth of data a group needs before it may alert. Until then it borrows from the other
            groups, and only overwhelming evidence alerts.
        drift: which of River's drift detectors says that what is normal for a group has moved, given how far each calm
            window was from it in standard deviations; ``null``: none.
        new_normal: what an alert tells of is taken for normal when it has been open for this long.
        forget: a group without events for this long is forgotten.
        max_groups: more groups than this are not watched.
    """

    rhythm: RhythmName = "hour_of_week"
    half_life: Positive = 28 * DAY_US
    warm_up: Annotated[float, Field(ge=0)] = 6.0
    drift: DriftModel | None = PageHinkleySettings(delta=0.25, threshold=20.0)
    new_normal: Positive = 3 * DAY_US
    forget: Positive = 28 * DAY_US
    max_groups: Annotated[int, Field(ge=1)] = 10_000


class Learning(TypedDict):
    """What all scorers are made with.

    Attributes:
        warm_up: how many windows' worth of data a group needs before it may alert.
        regimes: notices that a group's normal has moved.
        series: makes a view out of the first one that looks at its number as a series.
    """

    warm_up: float
    regimes: Regimes | None
    series: Callable[[View], View] | None


class WindowSettings(DetectorSettings, Decision):
    """What the settings of every window detector have.

    Attributes:
        group_by: labels that make a group: names out of the event's labels, of data fields (``service``, ``region``,
            ``channel``, ``queue``), of the customer's profile (``tier``, ``language``, ``contract``), or ``source``.
        window: length of a window. Windows are aligned to 1970-01-01 UTC.
        hop: time from one window to the next; without it windows do not overlap. A shorter hop sees a failure sooner.
        min_count: windows with fewer events are not scored.
        model: a model that looks at the first figure of each window (the share, the mean, the number) as a series,
            beside the exact tests: ``novelty``, or the name of an anomaly model of River (``anomaly.HalfSpaceTrees``),
            or its name and parameters (``{class: anomaly.LODA, n_bins: 10}``). It takes 25 kB and more for each group.
        baseline: what normal is learned from.
        severity: label of the alerts.
    """

    group_by: GroupBy = ("service",)
    window: Positive = HOUR_US
    hop: Positive | None = None
    min_count: Annotated[int, Field(ge=2)] = 30
    model: Literal["novelty"] | AnomalyModel | None = None
    baseline: BaselineSettings = BaselineSettings()
    severity: Severity = "warning"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self.spec()
        least_us = self.window + self.resolve_without_data
        if self.baseline.forget < least_us:
            msg = (
                f"baseline.forget is {format_duration_us(self.baseline.forget)}; expected at least window + "
                f"resolve_without_data = {format_duration_us(least_us)}, or a group is forgotten while it alerts"
            )
            raise ValueError(msg)
        return self

    def spec(self) -> WindowSpec:
        """Return the windows."""
        return WindowSpec(size_us=self.window, hop_us=self.window if self.hop is None else self.hop)

    def memory(self) -> Memory:
        """Return what views remember by."""
        return Memory(self.window, self.baseline.half_life, self.baseline.rhythm)

    def learning(self) -> Learning:
        """Return what all scorers are made with."""
        drift = self.baseline.drift
        regimes = None if drift is None else Regimes(drift_builder(drift))
        return {"warm_up": self.baseline.warm_up, "regimes": regimes, "series": self._series()}

    def _series(self) -> Callable[[View], View] | None:
        if self.model is None:
            return None
        anomaly = None if self.model == "novelty" else model_builder(self.model)

        def model() -> SeriesModel:
            return SeriesModel(None if anomaly is None else anomaly(), memory=SERIES_MEMORY, tail=SERIES_MEMORY)

        def view(of: View) -> View:
            return SeriesView("novelty", of=of, model=model, memory=self.memory())

        return view

    def hourly(self) -> bool:
        """Return whether what is normal may depend on the hour."""
        return self.baseline.rhythm != "none" and self.window < DAY_US


class WindowParts:
    """What makes one window detector different from the next.

    Args:
        type_name: the ``type`` in the settings, which is the label ``detector`` of its alerts.
        alertname: of its alerts.
        event_types: the CloudEvents types it wants to see.
        width: figures in a vector; the first must be the number of events.
        reads: give the figures of each event; see :class:`~detectors.combine.PaneCombiner`.
        vectors: turns figures into the vectors to add up.
        scorer: makes the models.
        wording: of its alerts.
        learns_empty: whether a window without events says something.
        columns: how the figures of ``reads`` are read out of columns; None: they are not.
    """

    def __init__(
        self,
        *,
        type_name: str,
        alertname: str,
        event_types: frozenset[str],
        width: int,
        reads: Sequence[Read],
        vectors: Vectors,
        scorer: Callable[[], ViewsScorer],
        wording: Wording,
        learns_empty: bool = False,
        columns: ColumnReads | None = None,
    ) -> None:
        self.columns = columns
        self.type_name = type_name
        self.alertname = alertname
        self.event_types = event_types
        self.width = width
        self.reads = reads
        self.vectors = vectors
        self.scorer = scorer
        self.wording = wording
        self.learns_empty = learns_empty


class Windowed:
    """A :class:`detectors.contract.WindowDetector` out of its parts. Immutable.

    Args:
        name: of the entry in the settings.
        settings: of the entry.
        parts: what makes it different from others.
    """

    def __init__(self, name: str, settings: WindowSettings, parts: WindowParts) -> None:
        self.name = name
        self.settings = settings
        self.event_types = parts.event_types
        self._parts = parts
        self._spec = settings.spec()
        self.layout = PaneLayout(self._spec.pane_us, parts.width, self._spec.hop_us)

    def combiner(self) -> PaneCombiner:
        """Return a combiner that sums the figures of events per group and pane."""
        parts = self._parts
        return PaneCombiner(self._spec.pane_us, self.settings.group_by, parts.reads, parts.vectors, parts.columns)

    @property
    def type_name(self) -> str:
        """The ``type`` in the settings, which is the label ``detector`` of its alerts."""
        return self._parts.type_name

    @property
    def wording(self) -> Wording:
        """How its alerts are worded."""
        return self._parts.wording

    def scorer(self) -> ViewsScorer:
        """Return new models, which know nothing."""
        return self._parts.scorer()

    def state(self) -> ScoredWindows:
        """Return a new state without history."""
        settings, baseline, parts = self.settings, self.settings.baseline, self._parts
        own = {"alertname": parts.alertname, "detector": parts.type_name, "severity": settings.severity}
        if self.name != parts.type_name:  # two entries over the same groups must not answer for each other's alerts
            own["rule"] = self.name
        return ScoredWindows(
            WindowAssembler(self._spec, parts.width, forget_us=baseline.forget, max_groups=baseline.max_groups),
            parts.scorer(),
            Decider(settings, self._spec.hop_us),
            AlertTemplate(self.name, settings.group_by, {**settings.labels, **own}, settings.annotations),
            parts.wording,
            new_normal_us=baseline.new_normal,
            learns_empty=parts.learns_empty,
        )
