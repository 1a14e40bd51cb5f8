"""Resolution lag: cases take longer than they used to."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from config.durations import US_PER_SECOND
from detectors.assembler import ClosedWindow
from detectors.combine import Figures, Integers
from detectors.contract import DETECTORS, Context
from detectors.events import ConclusionEvent, Event
from detectors.models.baseline import Scale
from detectors.models.mean import MICRO, MeanView
from detectors.models.rate import KnownRate
from detectors.models.views import ViewScore
from detectors.scoring import ViewsScorer
from detectors.windowed import BaselineSettings, Windowed, WindowParts, WindowSettings
from detectors.wording import Phrase, Wording

NAME = "resolution_lag"
COUNT, SUM, SQUARES = range(3)
"""Places in a window's vector: cases resolved; logs of their times in seconds, and squares of these (millionths)."""
_SCALE = Scale(low=0.0, high=25.0, start=9.0, start_sd=4.0, group_sd=1.0, hour_sd=0.3)
_PRIOR_SPREAD = 1.0
_LEAST_SHARE = 0.7
"""Of the cases that are usually resolved at this time. Where few come in, as in a holiday, those that are resolved are
old ones, and no case takes longer than it used to."""


class ResolutionLagSettings(WindowSettings):
    """Alerts ``ResolutionLag`` when the cases of a group take longer to resolve than its past can explain.

    It counts what ``sla_breach`` concludes of promises of resolution, so the settings need such a promise. Times are
    compared on a logarithmic scale, so that one case of a month does not outweigh a hundred of an hour. Where far fewer
    cases are resolved than usual at this time, it waits: in a holiday few new cases come, and the rest are old.

    Attributes:
        measure: opening hours without pauses, as the promise counts them, or all the time that has passed.
        min_count: windows in which fewer cases were resolved are not scored.
        baseline: what normal is learned from. It takes long to warm up: at first only cases that are quick are seen.
    """

    type: Literal["resolution_lag"] = "resolution_lag"
    measure: Literal["business_time", "elapsed_time"] = "business_time"
    min_count: Annotated[int, Field(ge=2)] = 15
    baseline: BaselineSettings = BaselineSettings(warm_up=24.0)


@DETECTORS.register(NAME, ResolutionLagSettings)
def build(name: str, settings: ResolutionLagSettings, _context: Context) -> Windowed:
    """Build the detector of the entry ``name``. It refers to nothing in the context."""
    business = settings.measure == "business_time"

    def logs(events: Sequence[Event]) -> list[float | None]:
        return [
            math.log1p(max(0, event.data.elapsed_us if business else event.data.real_us) / US_PER_SECOND)
            for event in events
            if isinstance(event, ConclusionEvent)
        ]

    def mean(value: float, window: ClosedWindow) -> str:
        return f"typically {_span(value)} to resolve {window.vector[COUNT]} cases"

    def scorer() -> ViewsScorer:
        view = MeanView(
            "log_time",
            count=COUNT,
            total=SUM,
            squares=SQUARES,
            bad="high",
            min_count=settings.min_count,
            scale=_SCALE,
            prior_spread=_PRIOR_SPREAD,
            memory=settings.memory(),
        )
        usual = KnownRate("resolved", count=COUNT, memory=settings.memory())
        return ViewsScorer([view, usual], **settings.learning(), may_fire=_may_fire)

    return Windowed(
        name,
        settings,
        WindowParts(
            type_name=NAME,
            alertname="ResolutionLag",
            event_types=frozenset({"case.resolved"}),
            width=3,
            reads=(logs,),
            vectors=_vectors,
            scorer=scorer,
            wording=Wording(
                "cases",
                {"log_time": Phrase(mean, _span, affected=COUNT)},
                min_count=settings.min_count,
                hourly=settings.hourly(),
            ),
        ),
    )


def _may_fire(window: ClosedWindow, _told: dict[str, ViewScore], expectations: tuple[Any, ...]) -> bool:
    """Return whether about as many cases are resolved as is usual at this time."""
    return bool(window.vector[COUNT] >= _LEAST_SHARE * expectations[1].count)


def _vectors(figures: Figures) -> Integers:
    micros = np.rint(figures[0] * MICRO).astype(np.int64)
    return np.stack((np.ones_like(micros), micros, np.rint(figures[0] * figures[0] * MICRO).astype(np.int64)))


def _span(log_seconds: float) -> str:
    """Return a time that was told as the log of its seconds: ``3.4 h``."""
    seconds = math.expm1(log_seconds)
    for unit, size in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
