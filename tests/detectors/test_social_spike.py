"""More posts than normal, and why: detectors/social_spike.py."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from detectors.contract import Outcome
from tests.detectors.sampling import START_US, post
from tests.support.windows import hourly, vectors, window_detector


def test_posts_are_counted_those_with_a_sentiment_and_the_negative_ones() -> None:
    of = window_detector("social_spike")
    sentiments = [None, 0.4, -0.05, -0.049, -1.0]
    assert vectors(of, *[post(number, START_US, value) for number, value in enumerate(sentiments)]) == [[5, 4, 2]]


def after_two_days(*windows: list[int], **settings: Any) -> Outcome:
    rng = np.random.default_rng(4)
    of = window_detector("social_spike", baseline={"rhythm": "none"}, **settings)
    usual = []
    for _ in range(96):
        posts = int(rng.poisson(20))
        usual.append({"app": [posts, posts, int(rng.binomial(posts, 0.3))]})
    return hourly(of, usual + [{"app": window} for window in windows], START_US)


def last(outcome: Outcome) -> Any:
    return max(outcome.findings, key=lambda finding: finding.end_us)


def test_a_storm_alerts_and_says_by_how_much() -> None:
    outcome = after_two_days([120, 120, 90])
    assert last(outcome).verdict == "fires"
    (fired,) = outcome.changes
    assert fired.labels["alertname"] == "SocialSpike"
    assert fired.annotations["summary"].startswith("app: 90 negative posts, normally 6 (p = ")
    assert fired.annotations["events"] == "90"
    assert "120 posts, expected 20" in fired.annotations["description"]


def test_a_campaign_is_found_and_is_harmless() -> None:
    outcome = after_two_days([120, 120, 36], [150, 150, 40])
    assert last(outcome).verdict == "harmless"
    assert last(outcome).p_value < 1e-3
    assert outcome.changes == []


def test_a_campaign_that_turns_into_a_storm_alerts() -> None:
    outcome = after_two_days([120, 120, 36], [120, 120, 80])
    assert last(outcome).verdict == "fires"


def test_an_alert_ends_when_people_are_as_happy_as_ever_though_they_still_write() -> None:
    outcome = after_two_days([120, 120, 90], [120, 120, 30])
    assert [change.status for change in outcome.changes] == ["firing", "resolved"]


def test_more_bad_mood_without_more_posts_is_no_spike() -> None:
    outcome = after_two_days([20, 20, 6], [8, 8, 7])
    assert outcome.changes == []


def test_where_nobody_knows_the_mood_the_number_decides() -> None:
    assert last(after_two_days([120, 5, 1])).verdict == "fires"
    assert last(after_two_days([22, 0, 0])).verdict == "quiet"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_expected": 0}, "min_expected\n.*greater than 0"),
        ({"negative_below": -2}, "negative_below"),
        ({"min_count": 1}, "min_count"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        window_detector("social_spike", **settings)
