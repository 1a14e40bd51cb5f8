"""Scales of surveys: what an answer on them means.

Bands: net promoter score 0 to 10 (0-6 detractor, 7-8 passive, 9-10 promoter); satisfaction 1 to 5, also as stars (1-2
negative, 3 neutral, 4-5 positive); customer effort 1 to 7, agreement that it was easy (1-3 hard, 4 neutral, 5-7 easy),
or the older 1 to 5, effort spent (4-5 hard, 3 neutral, 1-2 easy). 0 is a score, not a missing one.

Interval of a net promoter score: adjusted Wald, 3 more answers, of them 3/4 promoters and 3/4 detractors
(https://measuringu.com/nps-ci-sample-size/).
"""

import math
from statistics import NormalDist
from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from config.base import SettingsModel
from detectors.promises.kinds import normal

Verdict = Literal["negative", "neutral", "positive"]
Direction = Literal["higher_is_better", "lower_is_better"]


class ScaleSettings(SettingsModel):
    """A scale of one's own.

    Attributes:
        lowest, highest: the least and the greatest score there is.
        direction: whether a higher score is a better or a worse one.
        negative: the best score that is still negative.
        positive: the worst score that is positive already.
        bands: what negative, neutral and positive answers are called.
    """

    lowest: float
    highest: float
    direction: Direction = "higher_is_better"
    negative: float
    positive: float
    bands: tuple[str, str, str] = ("negative", "neutral", "positive")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        worst, best = (self.lowest, self.highest) if self._up else (self.highest, self.lowest)
        steps = [worst, self.negative, self.positive, best]
        if (
            self.lowest >= self.highest
            or steps != sorted(steps, reverse=not self._up)
            or self.negative == self.positive
        ):
            msg = f"from worst to best, {worst:g}, negative, positive and {best:g} must follow each other"
            raise ValueError(msg)
        return self

    @property
    def _up(self) -> bool:
        return self.direction == "higher_is_better"

    def holds(self, score: float) -> bool:
        """Say whether a score is on the scale."""
        return self.lowest <= score <= self.highest

    def verdict(self, score: float) -> Verdict:
        """Return what a score on the scale means."""
        sign = 1 if self._up else -1
        if sign * score <= sign * self.negative:
            return "negative"
        return "positive" if sign * score >= sign * self.positive else "neutral"

    def band(self, score: float) -> str:
        """Return what people call such an answer."""
        return self.bands[("negative", "neutral", "positive").index(self.verdict(score))]


def _scale(
    lowest: int, highest: int, negative: int, positive: int, bands: tuple[str, str, str], direction: Direction
) -> ScaleSettings:
    return ScaleSettings(
        lowest=lowest, highest=highest, direction=direction, negative=negative, positive=positive, bands=bands
    )


_EASE = ("hard", "neutral", "easy")
_NPS = _scale(0, 10, 6, 9, ("detractor", "passive", "promoter"), "higher_is_better")
_CSAT = _scale(1, 5, 2, 4, ("negative", "neutral", "positive"), "higher_is_better")
_CES_7 = _scale(1, 7, 3, 5, _EASE, "higher_is_better")
_CES_5 = _scale(1, 5, 4, 2, _EASE, "lower_is_better")
SCALES: dict[str, ScaleSettings] = {
    "nps": _NPS,
    "csat": _CSAT,
    "stars": _CSAT,
    "ces": _CES_7,
    "ces_effort": _CES_5,
    "nps_0_10": _NPS,
    "csat_1_5": _CSAT,
    "stars_1_5": _CSAT,
    "ces_1_7": _CES_7,
    "ces_1_7_agreement": _CES_7,
    "ces_1_5": _CES_5,
    "ces_1_5_effort": _CES_5,
    "ces_effort_1_5": _CES_5,
}
"""The scales that everybody uses, by name."""


class Scales:
    """Scales by name, as events name them.

    Args:
        own: of the settings; they go before those that everybody uses.
        default: of answers that name none.
    """

    def __init__(self, own: dict[str, ScaleSettings], default: str | None) -> None:
        self._scales = {**SCALES, **{normal(name): scale for name, scale in own.items()}}
        self._default = default

    def find(self, name: str | None) -> ScaleSettings | None:
        """Return a scale; None for one that nobody has described."""
        name = name or self._default
        if name is None:
            return None
        found = self._scales.get(name)  # as it is usually written
        return self._scales.get(normal(name)) if found is None else found

    def verdict(self, score: float | None, name: str | None) -> Verdict | Literal[""]:
        """Return what an answer means; empty where it cannot be judged."""
        scale = self.find(name)
        return "" if scale is None or score is None or not scale.holds(score) else scale.verdict(score)

    def refusal(self, score: float | None, name: str | None) -> str:
        """Return why an answer cannot be judged: ``no_score``, ``no_scale``, ``unknown_scale``, ``out_of_scale``."""
        if score is None:
            return "no_score"
        scale = self.find(name)
        if scale is None:
            return "unknown_scale" if name or self._default else "no_scale"
        return "" if scale.holds(score) else "out_of_scale"


class NpsEstimate(NamedTuple):
    """A net promoter score of a sample, -100 to 100, and the interval that it lies in."""

    answers: int
    score: float
    low: float
    high: float


def nps_estimate(promoters: int, passives: int, detractors: int, confidence: float = 0.95) -> NpsEstimate:
    """Return the net promoter score of a sample with its adjusted Wald interval.

    >>> nps_estimate(4, 1, 3).score
    12.5
    """
    count = promoters + passives + detractors
    adjusted = count + 3
    up, down = (promoters + 0.75) / adjusted, (detractors + 0.75) / adjusted
    error = math.sqrt((up + down - (up - down) ** 2) / adjusted)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    low, high = (100 * (up - down + sign * z * error) for sign in (-1, 1))
    score = 100 * (promoters - detractors) / count if count else 0.0
    return NpsEstimate(count, score, max(low, -100.0), min(high, 100.0))


class SurveyScaleSettings(SettingsModel):
    """How answers are read.

    Attributes:
        scales: scales of one's own, by name, beside ``nps``, ``csat``, ``stars``, ``ces`` (1-7) and ``ces_effort``.
        default_scale: of answers that name no scale; without it they are put aside.
    """

    scales: dict[str, ScaleSettings] = Field(default_factory=dict)
    default_scale: str | None = None

    @model_validator(mode="after")
    def _default_exists(self) -> Self:
        if self.default_scale is not None and Scales(self.scales, None).find(self.default_scale) is None:
            msg = f"default_scale: there is no scale {self.default_scale!r}; describe it under scales"
            raise ValueError(msg)
        return self
