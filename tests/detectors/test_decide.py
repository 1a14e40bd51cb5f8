"""Hysteresis, cool-down and episodes: detectors/decide.py."""

import msgspec
import pytest
from pydantic import ValidationError

from detectors.decide import Decider, DeciderState
from detectors.deciding import Decision, PValueSettings
from detectors.panes import Group

A: Group = ("a",)
COOL_DOWN = 10
PATIENCE = 20


def decider() -> Decider:
    return Decider(
        Decision(
            p_value=PValueSettings(fire=0.001, resolve=0.05, overwhelming=1e-9),
            cool_down=COOL_DOWN,
            resolve_without_data=PATIENCE,
        ),
        hop_us=1,
    )


def verdicts(judge: Decider, p_values: list[float | None], *, start: int = 1, ready: bool = True) -> list[str]:
    return [judge.judge(A, start + at, p_value, ready=ready).verdict for at, p_value in enumerate(p_values)]


def test_an_alert_begins_at_the_lower_threshold_and_ends_above_the_higher() -> None:
    assert verdicts(decider(), [0.5, 0.002, 0.001, 0.002, 0.05, 0.051, 0.04]) == [
        "quiet", "quiet", "fires", "still_firing", "still_firing", "resolves", "quiet",
    ]  # fmt: skip


def test_an_episode_begins_with_the_end_of_the_window_that_fired_and_keeps_that_time() -> None:
    judge = decider()
    fired = judge.judge(A, 7, 1e-4, ready=True)
    assert (fired.step, fired.starts_at_us) == ("firing", 7)
    assert judge.is_firing(A)
    resolved = judge.judge(A, 9, 0.5, ready=True)
    assert (resolved.step, resolved.starts_at_us, resolved.without_data) == ("resolved", 7, False)
    assert not judge.is_firing(A)


def test_within_the_cool_down_a_group_is_left_alone_and_after_it_it_is_not() -> None:
    judge = decider()
    verdicts(judge, [1e-4, 0.5])
    assert judge.judge(A, 2 + COOL_DOWN - 1, 1e-4, ready=True).verdict == "cooling_down"
    assert judge.judge(A, 2 + COOL_DOWN, 1e-4, ready=True).verdict == "fires"


def test_without_warm_up_only_overwhelming_evidence_fires() -> None:
    assert verdicts(decider(), [0.5, 1e-4, 1e-8, 1e-9], ready=False) == [
        "warming_up", "warming_up", "warming_up", "fires",
    ]  # fmt: skip


def test_overwhelming_evidence_breaks_through_the_cool_down() -> None:
    judge = decider()
    verdicts(judge, [1e-4, 0.5])
    assert judge.judge(A, 4, 1e-10, ready=True).verdict == "fires"


def test_too_little_to_say_is_neither_good_nor_bad() -> None:
    assert verdicts(decider(), [None, 1e-4, None, None, 0.01, 0.5, None]) == [
        "too_few", "fires", "still_firing", "still_firing", "still_firing", "resolves", "too_few",
    ]  # fmt: skip


def test_an_alert_without_data_for_long_resolves_and_says_why() -> None:
    judge = decider()
    judge.judge(A, 1, 1e-4, ready=True)
    judge.judge(A, 5, 0.01, ready=True)
    assert judge.judge(A, 5 + PATIENCE - 1, None, ready=False).verdict == "still_firing"
    resolved = judge.judge(A, 5 + PATIENCE, None, ready=False)
    assert (resolved.step, resolved.starts_at_us, resolved.without_data) == ("resolved", 1, True)


def test_groups_do_not_know_of_each_other() -> None:
    judge = decider()
    judge.judge(A, 1, 1e-4, ready=True)
    assert judge.judge(("b",), 1, 0.5, ready=True).verdict == "quiet"
    assert judge.is_firing(A)
    judge.forget(A)
    assert not judge.is_firing(A)


def test_a_restored_decider_goes_on_as_if_it_had_never_stopped() -> None:
    p_values = [0.5, 1e-4, None, 0.01, 0.5, 1e-4, 1e-10, None, 0.2]
    straight = verdicts(decider(), p_values)
    judge, found = decider(), []
    for at, p_value in enumerate(p_values):
        found.append(judge.judge(A, 1 + at, p_value, ready=True).verdict)
        encoded = msgspec.msgpack.encode(judge.state())
        judge = decider()
        judge.restore(msgspec.msgpack.decode(encoded, type=DeciderState))
    assert found == straight


@pytest.mark.parametrize(
    "values", [{"fire": 0.1}, {"fire": 0.05}, {"overwhelming": 0.06}, {"fire": 0.0}, {"resolve": 1.0}, {"fir": 0.1}]
)
def test_thresholds_that_contradict_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        PValueSettings.model_validate(values)


def test_windows_are_counted_also_where_the_level_is_fixed_so_that_a_budget_can_take_over() -> None:
    hop_us = 900_000_000
    fixed, budget = Decision(p_value=PValueSettings(fire=0.01)), Decision()
    one, other = Decider(fixed, hop_us), Decider(budget, hop_us)
    for at in range(1, 1000):
        p_value = (at * 0.6180339887) % 1.0
        one.judge(A, at * hop_us, p_value, ready=True)
        other.judge(A, at * hop_us, p_value, ready=True)
    end_us = 1000 * hop_us
    told = one.standing(A, one.judge(A, end_us, 0.5, ready=True), end_us)
    other.judge(A, end_us, 0.5, ready=True)
    assert told["windows_a_day"] == pytest.approx(96, rel=0.02)
    assert float(told["expected_a_week"]) > 1.0
    one.change(budget)
    assert one.level(end_us + hop_us) == other.level(end_us + hop_us)
