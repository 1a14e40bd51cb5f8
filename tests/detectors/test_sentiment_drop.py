"""The detector from events to alerts: detectors/sentiment_drop.py and grouping.py."""

from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from detectors.contract import Context, Outcome, Progress
from detectors.events import CaseData, Profile, SocialData, SurveyData
from detectors.grouping import group_reader
from detectors.models.mean import MICRO
from detectors.sentiment_drop import SentimentDropSettings, build
from detectors.windowed import Windowed
from tests.detectors.samples import HOUR_US, MINUTE_US, START_US, make, post, sentiment_drop
from tests.support.combine import combined

DAY_US = 24 * HOUR_US


def detector(**settings: Any) -> Windowed:
    built = build("mood", SentimentDropSettings.model_validate({"type": "sentiment_drop", **settings}), Context())
    assert isinstance(built, Windowed)
    return built


def panes(of: Windowed, *events: Any) -> list[tuple[int, tuple[str, ...], list[int]]]:
    return combined(of, events)


def story(levels: list[float], *, per_window: int = 40, window_us: int = HOUR_US) -> list[Any]:
    """Return posts of one service: in window i, sentiments around ``levels[i]`` (no posts where it is NaN)."""
    events = []
    for window, level in enumerate(levels):
        if level != level:  # noqa: PLR0124
            continue
        for number in range(per_window):
            sentiment = max(-1.0, min(1.0, level + (number % 5 - 2) * 0.3))
            time_us = START_US + window * window_us + number * (window_us // per_window)
            events.append(post(window * 1000 + number, time_us, sentiment, service="app"))
    return events


def alerts(of: Windowed, events: list[Any], until_us: int) -> Outcome:
    return of.state().update(combined(of, events), Progress(until_us, until_us))


def test_sentiment_is_summed_in_exact_integers() -> None:
    of = detector(window="1h", hop="15m")
    found = panes(
        of,
        post(1, START_US, -0.05, service="app"),
        post(2, START_US + 1, 0.1, service="app"),
        post(3, START_US + 2, -0.049999, service="app"),
        post(4, START_US + 15 * MINUTE_US, -1.0, service="app"),
    )
    first = START_US // (15 * MINUTE_US)
    assert found == [
        (first, ("app",), [3, 1, -50_000 + 100_000 - 49_999, 2_500 + 10_000 + 2_499]),
        (first + 1, ("app",), [1, 1, -MICRO, MICRO]),
    ]


def test_events_without_sentiment_are_ignored() -> None:
    of = detector()
    assert combined(of, []) == []
    nothing = [post(1, START_US, None, service="app"), post(2, START_US, float("nan"), service="app")]
    assert combined(of, nothing) == []


def test_two_batches_add_up_to_the_one_of_both() -> None:
    sample = sentiment_drop()
    of = sample.detector()
    assert isinstance(of, Windowed)
    whole, parts = of.state(), of.state()
    whole.assembler.merge(combined(of, sample.events[:500]))
    for start in range(0, 500, 37):
        parts.assembler.merge(combined(of, sample.events[start : min(500, start + 37)]))
    assert whole.snapshot() == parts.snapshot()


PROFILE = Profile(customer="c", tier="gold", language="en")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("airline", "blue"),
        ("service", "from the label"),
        ("region", "eu"),
        ("channel", ""),
        ("queue", ""),
        ("tier", "gold"),
        ("language", "from the label"),
        ("contract", ""),
        ("feed", "sample"),
        ("source", "sample"),
        ("nowhere", ""),
    ],
)
def test_a_group_label_is_looked_up_in_labels_then_data_then_profile(name: str, value: str) -> None:
    labels = {"airline": "blue", "service": "from the label", "language": "from the label"}
    event = make("social.post", 1, START_US, SocialData(service="app", region="eu", labels=labels))
    event = msgspec.structs.replace(event, profile=PROFILE)
    assert group_reader([name])(event) == (value,)
    assert group_reader([name, "region"])(event) == (value, "eu")


def test_without_group_by_all_events_are_one_group_and_without_profile_it_is_empty() -> None:
    event = post(1, START_US, 0.0)
    assert group_reader([])(event) == ()
    assert group_reader(["tier", "channel"])(event) == ("", "")


def test_cases_and_surveys_count_too_when_asked_for() -> None:
    of = detector(group_by=["queue"])
    found = panes(
        of,
        make("crm.case.customer_message", 1, START_US, CaseData(case_id="1", queue="q", sentiment=-1.0)),
        make("survey.response", 2, START_US, SurveyData(sentiment=1.0)),
    )
    assert sorted(group for _, group, _ in found) == [("",), ("q",)]
    assert detector(event_types=["survey.response"]).event_types == {"survey.response"}


def test_a_drop_fires_at_the_end_of_its_window_and_resolves_at_the_end_of_the_one_that_is_well() -> None:
    levels = [0.3] * 48 + [-0.5] * 3 + [0.3] * 4
    outcome = alerts(detector(), story(levels), START_US + 55 * HOUR_US)
    fired, resolved = outcome.changes
    assert (fired.step, fired.status, fired.at_us) == ("firing", "firing", START_US + 49 * HOUR_US)
    assert (fired.starts_at_us, fired.ends_at_us) == (START_US + 49 * HOUR_US, None)
    assert fired.labels == {
        "alertname": "SentimentDrop", "detector": "sentiment_drop", "severity": "warning", "service": "app",
        "rule": "mood",
    }  # fmt: skip
    assert (resolved.step, resolved.status, resolved.starts_at_us) == ("resolved", "resolved", fired.starts_at_us)
    assert resolved.ends_at_us == resolved.at_us == START_US + 52 * HOUR_US
    assert fired.annotations["summary"].startswith("app: ")
    assert "40 messages, normally" in fired.annotations["summary"]
    description = fired.annotations["description"]
    assert "Window 2026-03-04 00:00 to 2026-03-04 01:00 UTC (1h): 40 messages. 80 % negative of 40" in description
    assert resolved.annotations["summary"].startswith("app: recovered: ")
    assert 0 < int(fired.annotations["events"]) <= 40
    assert "events" not in resolved.annotations


def test_every_closed_window_of_every_group_has_a_finding_with_a_verdict() -> None:
    nan = float("nan")
    levels = [0.3] * 10 + [nan] + [0.3] * 3 + [-0.6] + [0.3] * 3
    outcome = alerts(detector(), story(levels), START_US + 18 * HOUR_US)
    assert [finding.verdict for finding in outcome.findings] == (
        ["warming_up"] * 6 + ["quiet"] * 4 + ["too_few"] + ["quiet"] * 3 + ["fires", "resolves"] + ["quiet"] * 2
    )
    silent = outcome.findings[10]
    assert (silent.count, silent.value, silent.p_value) == (0, None, None)
    bad = outcome.findings[14]
    assert (bad.detector, bad.group, bad.count, bad.value) == ("mood", {"service": "app"}, 40, 0.8)
    assert bad.baseline is not None
    assert bad.p_value is not None
    assert bad.p_value < 0.001 < bad.baseline
    assert bad.details["mean_p_value"] < 0.001  # type: ignore[operator]


def test_an_alert_whose_group_goes_silent_resolves_and_says_that_nobody_knows() -> None:
    nan = float("nan")
    outcome = alerts(
        detector(resolve_without_data="3h"), story([0.3] * 48 + [-0.5] + [nan] * 5), START_US + 54 * HOUR_US
    )
    fired, resolved = outcome.changes
    assert resolved.at_us == fired.at_us + 3 * HOUR_US
    assert "too few to say whether it is better" in resolved.annotations["summary"]


def test_a_cold_start_in_the_middle_of_a_failure_does_not_fire() -> None:
    assert alerts(detector(), story([-0.6] * 30), START_US + 30 * HOUR_US).changes == []


def test_a_group_that_was_forgotten_starts_anew() -> None:
    nan = float("nan")
    of = detector(baseline={"forget": "30h", "warm_up": 6}, resolve_without_data="3h")
    outcome = alerts(of, story([0.3] * 40 + [nan] * 40 + [-0.6] * 3), START_US + 83 * HOUR_US)
    assert outcome.changes == []
    assert [finding.verdict for finding in outcome.findings][-3:] == ["warming_up"] * 3


def test_one_view_alone_can_be_tested() -> None:
    for view in ("mean", "negative_share"):
        outcome = alerts(detector(views=[view]), story([0.3] * 48 + [-0.5] * 2), START_US + 50 * HOUR_US)
        assert [change.step for change in outcome.changes] == ["firing"]
        assert f"{view}_p_value" in outcome.findings[0].details


def test_own_labels_and_annotations_are_added_and_do_not_hide_the_detectors() -> None:
    of = detector(
        labels={"team": "care", "detector": "mine"},
        annotations={"runbook": "https://example.org", "summary": "mine"},
        severity="critical",
        event_types=["social.post"],
    )
    change = alerts(of, story([0.3] * 48 + [-0.5] * 2), START_US + 50 * HOUR_US).changes[0]
    assert (change.labels["team"], change.labels["detector"], change.labels["severity"]) == (
        "care", "sentiment_drop", "critical",
    )  # fmt: skip
    assert change.annotations["runbook"] == "https://example.org"
    assert "posts" in change.annotations["summary"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": "1h", "hop": "2h"}, "hop 2h is longer than window 1h"),
        ({"window": "0s"}, "greater than 0"),
        ({"hop": "7"}, "write a number with a unit"),
        ({"group_by": ["service", "service"]}, "names a label twice"),
        ({"group_by": ["sub-region"]}, "is not a label name"),
        ({"group_by": ["severity"]}, "is set by the detector itself"),
        ({"views": ["mean", "mean"]}, "named twice"),
        ({"views": []}, "at least 1"),
        ({"event_types": ["transaction.purchased"]}, "social.post"),
        ({"p_value": {"fire": 0.2}}, "overwhelming <= fire < resolve"),
        ({"baseline": {"forget": "1d"}}, "or a group is forgotten while it alerts"),
        ({"min_count": 1}, "greater than or equal to 2"),
        ({"windw": "1h"}, "Extra inputs"),
    ],
)
def test_settings_that_contradict_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        detector(**settings)


def test_defaults_need_nothing_but_the_type() -> None:
    settings = SentimentDropSettings.model_validate({"type": "sentiment_drop"})
    assert SentimentDropSettings.model_validate(settings.model_dump(mode="json")) == settings
    assert settings.spec().hop_us == settings.window == HOUR_US


def test_only_an_entry_of_another_name_than_the_detectors_carries_it_as_a_label() -> None:
    plain = build("sentiment_drop", SentimentDropSettings(group_by=("service",)), Context())
    assert isinstance(plain, Windowed)
    levels = [0.3] * 48 + [-0.5] * 3
    (fired,) = alerts(plain, story(levels), START_US + 51 * HOUR_US).changes
    assert "rule" not in fired.labels
