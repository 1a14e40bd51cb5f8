"""The knobs of a decision, as people write them: detectors/deciding.py."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from detectors.deciding import DEFAULT_BUDGET, AlertBudget, Confirmation, Decision

HOUR_US = 3_600_000_000
WEEK_US = 7 * 24 * HOUR_US


def decision(**settings: Any) -> Decision:
    return Decision.model_validate(settings)


@pytest.mark.parametrize(
    ("text", "number", "period_us"),
    [
        ("2 per week", 2.0, WEEK_US),
        ("0.5 per day", 0.5, 24 * HOUR_US),
        ("1 per hour", 1.0, HOUR_US),
        (" 3 per month ", 3.0, 30 * 24 * HOUR_US),
    ],
)
def test_a_budget_is_written_as_people_say_it(text: str, number: float, period_us: int) -> None:
    budget = decision(alert_budget=text).budget()
    assert budget == AlertBudget(number=number, period_us=period_us)
    assert budget.per(2 * period_us) == 2 * number


@pytest.mark.parametrize("text", ["2", "two per week", "2 a week", "2 per year", "-1 per week", "0 per week", "2 per"])
def test_what_is_no_budget_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValidationError, match=r"alert_budget\n.*is not a budget: .* like 2 per week or 0\.5 per day"):
        decision(alert_budget=text)


@pytest.mark.parametrize(("given_", "share"), [("10%", 0.1), ("0.5 %", 0.005), ("7%", 0.07), (0.25, 0.25)])
def test_a_share_of_false_alerts_is_a_percentage_or_a_number(given_: object, share: float) -> None:
    assert decision(false_discovery_rate=given_).false_discovery_rate == share


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ("10 percent", "not a share: write a percentage like 10%, or a number like 0.1"),
        ("", "not a share"),
        ("100%", "less than 1"),
        ("0%", "greater than 0"),
        (10, "less than 1"),
    ],
)
def test_what_is_no_share_is_refused(given_: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        decision(false_discovery_rate=given_)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ("2", "not a number of windows: .* like 2 of 3"),
        ("two of three", "like 2 of 3"),
        ("3 of 2", "3 of 2 can never be"),
        ("0 of 2", "greater than or equal to 1"),
        ("2 of 61", "less than or equal to 60"),
    ],
)
def test_what_is_no_number_of_windows_is_refused(given_: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        decision(confirm=given_)


def test_so_many_of_the_last_windows() -> None:
    assert decision(confirm="2 of 3").confirm == Confirmation(needed=2, of=3)


def test_only_one_knob_says_how_many_false_alarms_there_may_be() -> None:
    with pytest.raises(ValidationError, match="alert_budget and false_discovery_rate say the same thing"):
        decision(alert_budget="2 per week", false_discovery_rate="10%")
    with pytest.raises(ValidationError, match=r"alert_budget and p_value\.fire say the same thing"):
        decision(alert_budget="2 per week", p_value={"fire": 1e-3})


def test_without_a_knob_two_false_alarms_a_week_are_accepted() -> None:
    assert decision().budget() == DEFAULT_BUDGET == AlertBudget(number=2.0, period_us=WEEK_US)
    assert decision(false_discovery_rate="10%").budget() is None
    assert decision(p_value={"fire": 1e-3}).budget() is None


NUMBERS = st.floats(min_value=1e-9, max_value=1e9, allow_nan=False)


@given(
    number=NUMBERS,
    period=st.sampled_from(["hour", "day", "week", "month"]),
    needed=st.integers(1, 30),
    more=st.integers(0, 30),
    rate=st.floats(min_value=1e-9, max_value=0.999),
    by_rate=st.booleans(),
)
def test_settings_written_as_json_are_the_same_when_they_are_read_again(
    number: float, period: str, needed: int, more: int, rate: float, by_rate: bool
) -> None:
    knob: dict[str, Any] = (
        {"false_discovery_rate": rate} if by_rate else {"alert_budget": f"{number:.12f} per {period}"}
    )
    settings = decision(**knob, confirm=f"{needed} of {needed + more}", min_duration="90m", cool_down="1d")
    written = settings.model_dump(mode="json", exclude_none=True)
    assert Decision.model_validate(written) == settings
    assert isinstance(written["confirm"], str)
