"""When alerts open and end at a level: detectors/opening.py."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.deciding import Decision
from detectors.opening import GroupEpisode, Openings, Step
from detectors.panes import Group

A: Group = ("a",)
LEVEL = 0.01
BAD, FAIR, WELL = 0.001, 0.03, 0.5
HUGE = 1e-12
"""p-values: below the level, between the level and ``resolve``, above it, and overwhelming."""


def openings(**settings: Any) -> Openings:
    return Openings(Decision.model_validate({"cool_down": 0, "p_value": {"resolve": 0.05}} | settings))


def steps(of: Openings, p_values: list[float | None], *, start: int = 1, ready: bool = True) -> list[Step]:
    return [of.step(A, start + at, p_value, LEVEL, ready=ready) for at, p_value in enumerate(p_values)]


def verdicts(of: Openings, p_values: list[float | None], *, ready: bool = True) -> list[str]:
    return [step.verdict for step in steps(of, p_values, ready=ready)]


def test_between_the_level_and_resolve_nothing_changes() -> None:
    assert verdicts(openings(), [FAIR, BAD, FAIR, FAIR, WELL, FAIR]) == [
        "quiet", "fires", "still_firing", "still_firing", "resolves", "quiet",
    ]  # fmt: skip


def test_as_many_of_the_last_windows_as_asked_for_must_be_unusual() -> None:
    assert verdicts(openings(confirm="2 of 3"), [BAD, WELL, BAD]) == ["unconfirmed", "quiet", "fires"]
    assert verdicts(openings(confirm="2 of 3"), [BAD, WELL, WELL, BAD, BAD]) == [
        "unconfirmed", "quiet", "quiet", "unconfirmed", "fires",
    ]  # fmt: skip
    assert verdicts(openings(confirm="3 of 3"), [BAD, BAD, WELL, BAD, BAD, BAD]) == [
        "unconfirmed", "unconfirmed", "quiet", "unconfirmed", "unconfirmed", "fires",
    ]  # fmt: skip


def test_windows_that_say_nothing_are_none_of_the_last_ones() -> None:
    assert verdicts(openings(confirm="2 of 2"), [BAD, None, None, BAD]) == [
        "unconfirmed",
        "too_few",
        "too_few",
        "fires",
    ]


def test_for_as_long_as_asked_for_a_group_must_be_unusual_without_a_break() -> None:
    assert verdicts(openings(min_duration=2), [BAD, BAD, WELL, BAD, BAD, BAD]) == [
        "unconfirmed", "unconfirmed", "quiet", "unconfirmed", "unconfirmed", "fires",
    ]  # fmt: skip


def test_an_alert_begins_when_it_is_confirmed() -> None:
    fired = steps(openings(confirm="2 of 2"), [BAD, BAD])[-1]
    assert (fired.step, fired.starts_at_us) == ("firing", 2)


@pytest.mark.parametrize("knob", [{"confirm": "3 of 3"}, {"min_duration": 5}, {}])
@pytest.mark.parametrize("ready", [True, False])
def test_nothing_holds_back_what_is_overwhelming(knob: dict[str, Any], ready: bool) -> None:
    assert verdicts(openings(**knob), [HUGE], ready=ready) == ["fires"]


def test_before_the_warm_up_is_over_nothing_else_fires() -> None:
    assert verdicts(openings(), [BAD, BAD], ready=False) == ["warming_up", "warming_up"]


def test_after_an_alert_the_group_is_left_alone_but_not_by_what_is_overwhelming() -> None:
    assert verdicts(openings(cool_down=3), [BAD, WELL, BAD, BAD, BAD]) == [
        "fires", "resolves", "cooling_down", "cooling_down", "fires",
    ]  # fmt: skip
    assert verdicts(openings(cool_down=3), [BAD, WELL, HUGE]) == ["fires", "resolves", "fires"]


def test_what_counted_before_a_cool_down_counts_after_it() -> None:
    of = openings(cool_down=2, confirm="2 of 4")
    assert verdicts(of, [BAD, BAD, WELL, BAD, BAD]) == ["unconfirmed", "fires", "resolves", "cooling_down", "fires"]


def test_without_data_an_alert_waits_and_then_resolves() -> None:
    of = openings(resolve_without_data=3)
    found = steps(of, [BAD, None, None, None, None])
    assert [step.verdict for step in found] == ["fires", "still_firing", "still_firing", "resolves", "too_few"]
    assert [step.without_data for step in found] == [False, False, False, True, False]


def test_other_settings_hold_from_the_next_window_on_and_open_alerts_stay_open() -> None:
    of = openings()
    of.step(A, 1, BAD, LEVEL, ready=True)
    of.change(Decision.model_validate({"confirm": "2 of 2", "p_value": {"resolve": 0.02}, "cool_down": 0}))
    assert of.is_firing(A)
    assert verdicts(of, [FAIR, BAD, BAD]) == ["resolves", "unconfirmed", "fires"]


def test_what_is_told_of_a_group_is_a_copy() -> None:
    of = openings()
    of.step(A, 7, BAD, LEVEL, ready=True)
    of.episode(A).starts_at_us = None
    assert of.episode(A).starts_at_us == 7
    assert of.episode(("unknown",)) == GroupEpisode()
    of.forget(A)
    assert not of.is_firing(A)
    assert of.state() == []


P_VALUES = st.lists(st.sampled_from([None, BAD, FAIR, WELL, HUGE]), max_size=25)


@given(
    before=P_VALUES,
    after=P_VALUES,
    needed=st.integers(1, 3),
    cool_down=st.integers(0, 4),
    min_duration=st.integers(0, 3),
    patience=st.integers(1, 4),
)
def test_a_stop_changes_nothing_and_episodes_open_before_they_end(
    before: list[float | None],
    after: list[float | None],
    needed: int,
    cool_down: int,
    min_duration: int,
    patience: int,
) -> None:
    knobs: dict[str, Any] = {
        "confirm": f"{needed} of 3", "cool_down": cool_down, "min_duration": min_duration,
        "resolve_without_data": patience,
    }  # fmt: skip
    straight, stopped, resumed = openings(**knobs), openings(**knobs), openings(**knobs)
    found = steps(straight, before + after)
    assert steps(stopped, before) == found[: len(before)]
    kept = msgspec.msgpack.encode(stopped.state())
    resumed.restore(msgspec.msgpack.decode(kept, type=list[tuple[Group, GroupEpisode]]))
    assert steps(resumed, after, start=1 + len(before)) == found[len(before) :]
    is_open = False
    for step in found:
        assert (step.step == "firing") <= (not is_open)
        assert (step.step == "resolved") <= is_open
        is_open = (is_open or step.step == "firing") and step.step != "resolved"
