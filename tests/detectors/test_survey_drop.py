"""Answers to surveys: detectors/survey_drop.py."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from detectors.events import Event, SurveyData
from tests.detectors.sampling import START_US, make
from tests.support.windows import hourly, vectors, window_detector

MICRO = 1_000_000


def answer(score: float | None, scale: str | None = "nps") -> Event:
    return make("survey.response", 1, START_US, SurveyData(score=score, scale=scale))


@pytest.mark.parametrize(
    ("scale", "score", "negative", "micros"),
    [
        ("nps", 0, 1, 0),
        ("nps", 6, 1, 600_000),
        ("nps", 7, 0, 700_000),
        ("nps", 10, 0, MICRO),
        ("NPS", 10, 0, MICRO),
        ("csat", 1, 1, 0),
        ("csat", 2, 1, 250_000),
        ("csat", 3, 0, 500_000),
        ("ces", 3, 1, 333_333),
        ("ces", 4, 0, 500_000),
        ("stars", 5, 0, MICRO),
    ],
)
def test_an_answer_is_brought_to_one_scale_in_exact_integers(
    scale: str, score: float, negative: int, micros: int
) -> None:
    squares = round((micros / MICRO) ** 2 * MICRO)
    (vector,) = vectors(window_detector("survey_drop"), answer(score, scale))
    assert vector[:3] == [1, negative, micros]
    assert abs(vector[3] - squares) <= 1


@pytest.mark.parametrize(
    ("score", "scale"),
    [
        (11, "nps"),
        (-1, "nps"),
        (0, "csat"),
        (None, "nps"),
        (math.nan, "nps"),
        (math.inf, "nps"),
        (5, None),
        (5, "mood"),
    ],
)
def test_what_is_no_score_of_a_known_scale_does_not_count(score: float | None, scale: str | None) -> None:
    assert vectors(window_detector("survey_drop"), answer(score, scale)) == []


def test_scales_that_are_not_asked_for_do_not_count() -> None:
    of = window_detector("survey_drop", scales=["csat"])
    assert vectors(of, answer(1, "nps"), answer(5, "csat")) == [[1, 0, MICRO, MICRO]]


def rows(bad: list[int]) -> list[dict[str, list[int]]]:
    usual = [40, 6, 32 * MICRO, 28 * MICRO]
    return [{"app": usual} for _ in range(48)] + [{"app": bad}]


def test_the_alert_tells_scores_of_one_scale_as_they_were_given() -> None:
    of = window_detector("survey_drop", scales=["nps"], baseline={"rhythm": "none"})
    (fired,) = hourly(of, rows([40, 30, 14 * MICRO, 8 * MICRO]), START_US).changes
    assert "75 % negative of 40 answers, expected 15 %" in fired.annotations["description"]
    assert "mean score 3.5 of 10 over 40 answers, expected 8.0 of 10" in fired.annotations["description"]


def test_the_alert_tells_scores_of_several_scales_out_of_a_hundred() -> None:
    of = window_detector("survey_drop", baseline={"rhythm": "none"})
    (fired,) = hourly(of, rows([40, 30, 14 * MICRO, 8 * MICRO]), START_US).changes
    assert "mean score 35 of 100 over 40 answers, expected 80 of 100" in fired.annotations["description"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scales": []}, "scales\n.*at least 1"),
        ({"scales": ["nps", "nps"]}, "scales: a scale is named twice"),
        ({"scales": ["smileys"]}, "scales"),
        ({"min_count": 1}, "min_count"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        window_detector("survey_drop", **settings)
