"""A feed has gone quiet: detectors/feed_silence.py."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from detectors.contract import Outcome
from detectors.events import ALL_CLASSES, EVENT_CLASSES, SurveyData
from tests.detectors.sampling import START_US, make, post
from tests.support.windows import closed, hourly, vectors, window_detector

HALF_HOUR_US = 30 * 60_000_000


def test_every_event_counts_once_whatever_it_is() -> None:
    of = window_detector("feed_silence")
    assert of.event_types == set(EVENT_CLASSES)
    assert vectors(of, post(1, START_US, None), make("survey.response", 2, START_US, SurveyData())) == [[2]]


def test_only_events_that_are_asked_for_count() -> None:
    of = window_detector("feed_silence", event_types=["social.post"])
    assert of.event_types == {"social.post"}


def test_whole_feeds_are_groups_unless_parts_are_asked_for() -> None:
    posts = [post(1, START_US, None, region="eu"), post(2, START_US, None, region="us")]
    whole = closed(window_detector("feed_silence"), posts, START_US + HALF_HOUR_US).findings
    parts = closed(
        window_detector("feed_silence", group_by=["source", "region"]), posts, START_US + HALF_HOUR_US
    ).findings
    assert [finding.group for finding in whole] == [{"source": "sample"}]
    assert [finding.group for finding in parts] == [
        {"source": "sample", "region": "eu"}, {"source": "sample", "region": "us"},
    ]  # fmt: skip


def after_a_week(*counts: int, **settings: Any) -> Outcome:
    rng = np.random.default_rng(9)
    of = window_detector("feed_silence", **settings)
    rows = [{"crm": [int(rng.poisson(40))], "web": [int(rng.poisson(40))]} for _ in range(7 * 48 + 1)]
    return hourly(of, rows + [{"crm": [count], "web": [40]} for count in counts], START_US)


def verdicts(outcome: Outcome, number: int) -> list[str]:
    return [finding.verdict for finding in outcome.findings if finding.group["source"] == "crm"][-number:]


def test_silence_alerts_and_ends_when_events_come_again() -> None:
    outcome = after_a_week(0, 0, 38)
    assert verdicts(outcome, 3) == ["fires", "still_firing", "resolves"]
    fired, resolved = outcome.changes
    assert fired.labels["alertname"] == "FeedSilence"
    assert fired.annotations["summary"].startswith("crm: 0 events, normally ")
    assert "events" not in fired.annotations  # nobody knows how many are missing
    assert resolved.annotations["summary"].startswith("crm: recovered: 38 events, normally ")


def test_a_quiet_day_is_not_silence() -> None:
    outcome = after_a_week(12, 5, 12)
    assert outcome.changes == []
    assert "harmless" in verdicts(outcome, 3)


def test_how_much_still_counts_as_silence_can_be_said() -> None:
    assert verdicts(after_a_week(3), 1) == ["fires"]
    assert verdicts(after_a_week(3, quiet_share=0.0), 1) == ["harmless"]
    assert verdicts(after_a_week(0, quiet_share=0.0), 1) == ["fires"]


def test_a_feed_that_was_not_seen_for_a_week_does_not_alert_whatever_comes_or_does_not() -> None:
    of = window_detector("feed_silence")
    outcome = hourly(of, [{"crm": [5000], "web": [1]}] * 100 + [{"crm": [0], "web": [1]}] * 20, START_US)
    assert outcome.changes == []
    assert verdicts(outcome, 20) == ["warming_up"] * 20


def test_an_alert_that_nobody_can_judge_any_more_says_so() -> None:
    outcome = after_a_week(*[0] * (48 * 16), baseline={"rhythm": "none", "warm_up": 48})
    fired, resolved = outcome.changes
    assert "fewer than 5 events expected a window, too few to say" in resolved.annotations["summary"]
    assert resolved.at_us > fired.at_us + 3 * 48 * HALF_HOUR_US


@pytest.mark.parametrize("name", ["crm.case.vanished", *sorted(set(ALL_CLASSES) - set(EVENT_CLASSES))])
def test_events_that_no_feed_brings_are_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"event_types: there is no event type '{name}'"):
        window_detector("feed_silence", event_types=[name])


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"quiet_share": 1.0}, "quiet_share"), ({"min_expected": 0}, "min_expected"), ({"window": "0s"}, "window")],
)
def test_settings_that_cannot_work_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        window_detector("feed_silence", **settings)
