"""Survey drop: CSAT, NPS, CES or star ratings fall below what is normal."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from detectors.assembler import ClosedWindow
from detectors.columns import ColumnReads, Columns, Floats, Lookup
from detectors.combine import Figures, Integers
from detectors.contract import DETECTORS, Context
from detectors.events import Event, SurveyEvent
from detectors.models.baseline import Scale
from detectors.models.mean import MICRO, MeanView
from detectors.models.share import ShareView
from detectors.scoring import ViewsScorer
from detectors.windowed import Windowed, WindowParts, WindowSettings
from detectors.wording import Phrase, Wording, percent_text

NAME = "survey_drop"
SurveyScale = Literal["nps", "csat", "ces", "stars"]
COUNT, NEGATIVE, SUM, SQUARES = range(4)
"""Places in a window's vector: answers, negative ones, sum of scores from 0 to 1, sum of their squares (millionths)."""
_RANGES: dict[str, tuple[float, float, float]] = {
    "nps": (0.0, 10.0, 6.0),
    "csat": (1.0, 5.0, 2.0),
    "ces": (1.0, 7.0, 3.0),
    "stars": (1.0, 5.0, 2.0),
}
"""By scale: worst and best score, and the best one that is negative (a detractor, dissatisfied, much effort)."""
_BAD = 2.0
"""Added to the score of a negative answer, so that one figure says both."""
_SCORE = Scale(low=0.0, high=1.0, start=0.7, start_sd=0.3, group_sd=0.15, hour_sd=0.04)
_SHARE = Scale(low=0.005, high=0.995, start=0.2, start_sd=0.25, group_sd=0.12, hour_sd=0.04)
_PRIOR_SPREAD = 0.08


class SurveyDropSettings(WindowSettings):
    """Alerts ``SurveyDrop`` when the answers of a group are worse than its own past can explain.

    Looked at are the share of negative answers (NPS 0 to 6, CSAT and stars 1 and 2, CES 1 to 3) and the mean score.
    Answers without a known scale, or out of its range, do not count.

    Attributes:
        scales: whose answers count. Answers on different scales are brought to one from 0 to 1.
        min_count: windows with fewer answers are not scored: a rate needs a sample.
    """

    type: Literal["survey_drop"] = "survey_drop"
    scales: Annotated[tuple[SurveyScale, ...], Field(min_length=1)] = ("nps", "csat", "ces", "stars")
    min_count: Annotated[int, Field(ge=2)] = 30

    @model_validator(mode="after")
    def _scales_differ(self) -> Self:
        if len(set(self.scales)) != len(self.scales):
            msg = "scales: a scale is named twice"
            raise ValueError(msg)
        return self


@DETECTORS.register(NAME, SurveyDropSettings)
def build(name: str, settings: SurveyDropSettings, _context: Context) -> Windowed:
    """Build the detector of the entry ``name``. It refers to nothing in the context."""
    ranges = {scale: _RANGES[scale] for scale in settings.scales}

    def scores(events: Sequence[Event]) -> list[float | None]:
        return [_figure(event, ranges) for event in events]

    def share(value: float, window: ClosedWindow) -> str:
        return f"{percent_text(value)} negative of {window.vector[COUNT]} answers"

    def mean(value: float, window: ClosedWindow) -> str:
        return f"mean score {_told(value)} over {window.vector[COUNT]} answers"

    def _told(value: float) -> str:
        if len(settings.scales) > 1:
            return f"{value * 100:.0f} of 100"
        worst, best, _ = ranges[settings.scales[0]]
        return f"{worst + value * (best - worst):.1f} of {best:.0f}"

    def scorer() -> ViewsScorer:
        return ViewsScorer(
            [
                ShareView(
                    "negative_share",
                    part=NEGATIVE,
                    count=COUNT,
                    min_count=settings.min_count,
                    memory=settings.memory(),
                    scale=_SHARE,
                ),
                MeanView(
                    "mean",
                    count=COUNT,
                    total=SUM,
                    squares=SQUARES,
                    bad="low",
                    min_count=settings.min_count,
                    scale=_SCORE,
                    prior_spread=_PRIOR_SPREAD,
                    memory=settings.memory(),
                ),
            ],
            **settings.learning(),
        )

    phrases = {
        "negative_share": Phrase(share, percent_text, affected=NEGATIVE),
        "mean": Phrase(mean, _told, affected=NEGATIVE),
    }
    return Windowed(
        name,
        settings,
        WindowParts(
            type_name=NAME,
            alertname="SurveyDrop",
            event_types=frozenset({"survey.response"}),
            width=4,
            reads=(scores,),
            columns=_columns(ranges),
            vectors=_vectors,
            scorer=scorer,
            wording=Wording("answers", phrases, min_count=settings.min_count, hourly=settings.hourly()),
        ),
    )


def _figure(event: Event, ranges: dict[SurveyScale, tuple[float, float, float]]) -> float | None:
    """Return the score from 0 to 1, :data:`_BAD` more when it is negative; None when it does not count."""
    if not isinstance(event, SurveyEvent) or event.data.score is None:
        return None
    known = ranges.get((event.data.scale or "").lower())  # type: ignore[call-overload]
    if known is None:
        return None
    worst, best, negative = known
    score = event.data.score
    if not worst <= score <= best:
        return None
    return float((score - worst) / (best - worst) + (_BAD if score <= negative else 0.0))


def _columns(ranges: dict[SurveyScale, tuple[float, float, float]]) -> ColumnReads:
    """Return how the same figures are read out of columns."""

    def bound(place: int) -> Lookup:
        known: dict[str, float] = {scale: bounds[place] for scale, bounds in ranges.items()}
        return Lookup("scale", lambda scale: known.get(scale.lower(), math.nan), missing=math.nan)

    worst_of, best_of, negative_of = bound(0), bound(1), bound(2)

    def read(columns: Columns) -> Floats:
        scores, worst, best = columns.numbers("score"), worst_of(columns), best_of(columns)
        figures = (scores - worst) / (best - worst) + np.where(scores <= negative_of(columns), _BAD, 0.0)
        return np.where((worst <= scores) & (scores <= best), figures, np.nan)

    return ColumnReads(frozenset({"score", "scale"}), (read,))


def _vectors(figures: Figures) -> Integers:
    negative = figures[0] >= _BAD
    scores = figures[0] - _BAD * negative
    micros = np.rint(scores * MICRO).astype(np.int64)
    squares = np.rint(scores * scores * MICRO).astype(np.int64)
    return np.stack((np.ones_like(micros), negative.astype(np.int64), micros, squares))
