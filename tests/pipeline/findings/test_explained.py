"""Findings in words: every verdict, every kind of level, and what cannot be told."""

from typing import Any, get_args

import msgspec
import pytest

from detectors.again import Need
from detectors.contract import Finding
from detectors.deciding import Decision
from detectors.opening import Verdict
from pipeline.findings import words
from pipeline.findings.explained import explain, plain
from pipeline.findings.query import Around
from pipeline.findings.shown import figure_text, shown, sparkline
from tests.support.events import HOUR_US
from tests.support.findings import Recorded, finding

VERDICTS = [*get_args(Verdict), "harmless"]


def judged(settings: dict[str, Any], **details: float) -> tuple[Finding, Decision]:
    decision = Decision.model_validate(settings)
    rules = {"rules": decision.as_json(), "windows_a_day": 2400.0, "expected_a_week": 1.7}
    one = msgspec.structs.replace(finding(5, p_value=0.0004, service="a"), details={**rules, **details}, version=0)
    return one, decision


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("p_value", [None, 0.5, 0.0004])
@pytest.mark.parametrize("known", [True, False])
def test_every_verdict_is_told_in_a_sentence(verdict: str, p_value: float | None, known: bool) -> None:
    one, decision = judged({})
    one = msgspec.structs.replace(one, verdict=verdict, p_value=p_value)
    text = words.verdict(one, decision if known else None, None)
    assert text.endswith(".")
    assert "The verdict is" not in text
    assert "  " not in text
    words.standing(one, decision if known else None, None)
    words.needed(one, decision if known else None)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "keeps alert_budget: 2 per week: about 2,400 windows a day are judged, in all groups together, and at"),
        ({"alert_budget": "3 per day"}, "keeps alert_budget: 3 per day"),
        ({"false_discovery_rate": "10%"}, "keeps false_discovery_rate: 10%"),
        ({"p_value": {"fire": 0.001}}, "is fixed by p_value.fire: about 2,400 windows a day"),
    ],
)
def test_the_level_is_told_with_where_it_comes_from(settings: dict[str, Any], told: str) -> None:
    one, decision = judged(settings)
    assert told in words.level(one, decision)


def test_what_holds_an_alert_back_is_told() -> None:
    one, decision = judged(
        {"confirm": "2 of 3", "min_duration": "30m", "cool_down": "2h"},
        unusual=1,
        unusual_since_us=finding(4).end_us,
        resolved_at_us=finding(4).end_us,
    )
    told = words.standing(one, decision, None)
    assert told["confirmation"] == "1 of the last 3 windows were unusual, 2 are needed"
    assert told["duration"].endswith("UTC; 30m is needed")
    assert told["cool-down"].startswith("until ")
    later = msgspec.structs.replace(one, end_us=one.end_us + 3 * HOUR_US)
    assert words.standing(later, decision, None)["cool-down"].startswith("over since ")


@pytest.mark.parametrize(
    ("verdict", "needed"),
    [("quiet", 0.001), ("fires", 0.001), ("still_firing", 0.05), ("resolves", 0.05), ("warming_up", 1e-9)],
)
def test_what_was_needed_is_what_the_verdict_hangs_on(verdict: str, needed: float) -> None:
    one, decision = judged({})
    assert words.needed(msgspec.structs.replace(one, verdict=verdict), decision)[1] == needed


def test_what_cannot_be_told_is_said(recorded: Recorded) -> None:
    one = msgspec.structs.replace(recorded.findings[-1], details={}, evidence=None, p_value=0.5)
    around = Around(one, [], [], [], 1, one.end_us, inside=False)
    notes = explain(around, recorded.detectors["sentiment_drop"]).notes
    assert notes == [
        "no window has been judged at the time asked for; this is the last before it",
        "what was needed cannot be told: nothing was kept of what the window was scored by",
    ]
    gone = explain(around, None)
    assert "the settings have no window detector 'sentiment_drop' now: what was needed cannot be told" in gone.notes
    assert "the rules that it was judged by were not kept" in gone.notes
    assert plain(gone)["rules"] is None
    assert list(shown(gone, None))


def test_rules_of_a_later_version_are_left_out(recorded: Recorded) -> None:
    one = msgspec.structs.replace(recorded.findings[-1], details={"rules": '{"never heard of": 1}'})
    around = Around(one, [], [], [], 1, one.end_us, inside=True)
    assert explain(around, recorded.detectors["sentiment_drop"]).decision is None


@pytest.mark.parametrize(
    ("figure", "was", "more", "told"),
    [
        (9, 4, True, "at least 9 instead of 4"),
        (3, 4, True, "3 of the 4 were enough"),
        (4, 4, True, "at least 4, which it was"),
        (2, 8, False, "at most 2 instead of 8"),
        (9, 8, False, "9 were few enough"),
    ],
)
def test_a_figure_that_was_needed_is_compared_with_the_one_that_was(
    figure: int, was: int, more: bool, told: str
) -> None:
    assert figure_text(Need("view", 0.5, figure, was, counts=True, more=more, text="")) == told


def test_what_is_harmless_is_told_by_whether_it_was_unusual() -> None:
    one, decision = judged({})
    usual = msgspec.structs.replace(one, verdict="harmless", harmless=True, p_value=0.5)
    assert words.verdict(usual, decision, None) == "No alert: p = 0.5 is above the level 0.001."
    unusual = msgspec.structs.replace(usual, p_value=0.0004)
    assert words.verdict(unusual, decision, None).endswith("it is nothing that a person must be told of.")
    resolved = msgspec.structs.replace(unusual, verdict="resolves")
    assert "above" not in words.verdict(resolved, decision, None)


def test_probabilities_have_two_digits() -> None:
    assert [words.probability(p) for p in (None, 0.5, 0.0123, 0.00053, 1e-12)] == [
        "unknown", "0.5", "0.012", "5.3e-4", "1.0e-12",
    ]  # fmt: skip


def test_a_sparkline_of_equal_values_is_flat_and_gaps_are_dots() -> None:
    assert sparkline([2.0, 2.0, None]) == "▁▁·"
    assert sparkline([None]) == "·"
