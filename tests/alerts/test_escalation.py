from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.duty import Duty
from alerts.escalation import START, Advance, EscalationState, advance, receivers_of, recipients
from config.duty import PersonSettings, ScheduleSettings
from config.escalations import EscalationSettings, EscalationTargetSettings

SECOND = 1_000_000
MINUTE = 60 * SECOND
NOW = 1_772_442_000_000_000  # 2026-03-02T09:00Z


def policy(*waits: str, repeat: int = 0) -> EscalationSettings:
    steps = [{"notify": [{"receiver": f"step{number}"}], "wait": wait} for number, wait in enumerate(waits, 1)]
    return EscalationSettings.model_validate({"steps": steps, "repeat": repeat, "then": "everybody"})


class Run:
    """Looks one after the other, and remembers what was told when."""

    def __init__(self, policy: EscalationSettings) -> None:
        self.policy = policy
        self.state = START
        self.now = NOW
        self.told: list[tuple[int, str | None]] = []

    def look(
        self,
        minute: float = 0,
        *,
        open_: bool = True,
        acknowledged: bool = False,
        paused: bool = False,
        joined: bool = False,
    ) -> Advance:
        self.now += round(minute * MINUTE)
        done = advance(
            self.policy,
            self.state,
            self.now,
            open_=open_,
            acknowledged=acknowledged,
            paused=paused,
            joined=joined,
        )
        self.state = msgspec.json.decode(msgspec.json.encode(done.state), type=EscalationState)
        self.told += [((self.now - NOW) // MINUTE, target.receiver) for target in done.targets]
        return done


def test_steps_are_told_one_after_the_other_then_the_catch_all_and_then_nobody() -> None:
    run = Run(policy("5m", "10m", repeat=1))
    done = run.look()
    assert (done.step, done.round, done.next_due_us, done.notes) == (1, 1, NOW + 5 * MINUTE, ())
    while (due := run.look().next_due_us) is not None:
        run.now = due
    assert run.told == [(0, "step1"), (5, "step2"), (15, "step1"), (20, "step2"), (30, "everybody")]
    assert run.state.phase == "ended"
    last = run.look(10_000)
    assert (last.targets, last.next_due_us) == ((), None)


def test_the_last_note_says_that_nobody_else_will_be_told() -> None:
    run = Run(policy("5m", "10m", repeat=1))
    for wait in (0, 5, 10, 5):
        done = run.look(wait)
    assert done.notes == ("Nobody has acknowledged so far.",)
    assert run.look(10).notes == ("Nobody has acknowledged. All 2 steps were taken 2 times; nobody else will be told.",)


def test_an_escalation_that_has_ended_begins_again_when_something_new_joins() -> None:
    run = Run(policy("5m"))
    run.look()
    assert run.look(2, joined=True).targets == ()  # one that runs goes on
    run.look(3)
    assert run.state.phase == "ended"
    assert run.look(60).targets == ()
    assert run.look(60, paused=True, joined=True).targets == ()
    assert run.look(60).step == 1
    assert run.look(5).targets[0].receiver == "everybody"


def test_acknowledging_stops_it_and_the_end_of_an_acknowledgement_begins_it_again() -> None:
    run = Run(policy("5m", "10m"))
    run.look()
    run.look(5)
    assert run.look(1, acknowledged=True).next_due_us is None
    assert run.look(60, acknowledged=True).targets == ()
    done = run.look(1)
    assert (done.step, done.notes) == (
        1,
        ("Not everything that is open is acknowledged any more: the escalation begins again.",),
    )
    assert run.look(5).step == 2


def test_a_resolve_forgets_everything() -> None:
    run = Run(policy("5m", "10m"))
    run.look()
    run.look(5)
    assert run.look(1, open_=False) == Advance(state=START)
    assert run.look(1).step == 1


def test_paused_time_does_not_count_and_what_was_left_is_left() -> None:
    run = Run(policy("5m", "10m"))
    run.look()
    assert run.look(3, paused=True).next_due_us is None
    assert run.look(60, paused=True).targets == ()
    done = run.look(60)
    assert (done.targets, done.next_due_us) == ((), run.now + 2 * MINUTE)
    assert run.look(2).step == 2


def test_what_is_paused_from_the_beginning_is_told_when_the_pause_ends() -> None:
    run = Run(policy("5m"))
    assert run.look(0, paused=True).targets == ()
    done = run.look(30)
    assert (done.step, done.notes) == (1, ())


def test_a_step_that_falls_due_in_a_pause_waits_for_its_end_and_is_not_called_late() -> None:
    run = Run(policy("5m", "10m"))
    run.look()
    assert run.look(7, paused=True).targets == ()
    done = run.look(60)
    assert (done.step, done.notes) == (2, ("Nobody has acknowledged so far.",))


def test_after_an_outage_one_step_is_told_and_says_that_it_is_late() -> None:
    run = Run(policy("5m", "10m", "10m"))
    run.look()
    done = run.look(180)
    assert done.step == 2
    assert done.notes == (
        "Nobody has acknowledged so far.",
        "This step was due 2h55m ago and could not be told then.",
    )
    assert done.next_due_us == run.now + 10 * MINUTE
    assert run.look().targets == ()
    assert run.look(10).step == 3


def test_a_clock_that_goes_back_counts_nothing_and_holds_nothing_up() -> None:
    run = Run(policy("5m", "10m"))
    run.look()
    run.look(2)
    done = run.look(-1_000)
    assert (done.targets, done.next_due_us) == ((), run.now + 3 * MINUTE)
    assert run.look(3).step == 2


def test_a_state_of_a_policy_that_had_more_steps_ends_with_the_catch_all() -> None:
    run = Run(policy("5m", "5m", "5m"))
    for wait in (0, 5, 5):
        run.look(wait)
    run.policy = policy("5m")
    done = run.look(5)
    assert (done.targets[0].receiver, done.step, run.state.phase) == ("everybody", 2, "ended")


_LOOK = st.tuples(
    st.one_of(st.integers(0, 8), st.integers(-50, 5_000)),  # minutes since the last look
    st.sampled_from(["open"] * 5 + ["paused"] * 2 + ["acknowledged", "resolved"]),
)


@settings(max_examples=300, deadline=None)
@given(
    waits=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    repeat=st.integers(0, 2),
    looks=st.lists(_LOOK, max_size=60),
)
def test_however_it_is_looked_at_steps_come_in_order_one_at_a_time_and_none_is_left_out(
    waits: list[int], repeat: int, looks: list[tuple[int, str]]
) -> None:
    """The model counts minutes one by one, and knows a list of what is still to be told."""
    run = Run(policy(*(f"{wait}m" for wait in waits), repeat=repeat))
    everything = [(f"step{number}", wait) for number, wait in enumerate(waits, 1)] * (1 + repeat) + [("everybody", 0)]
    to_tell, left, counting = list(everything), 0, False
    for minutes, kind in looks:
        for _ in range(minutes if counting else 0):
            left = max(0, left - 1)
        done = run.look(minutes, open_=kind != "resolved", acknowledged=kind == "acknowledged", paused=kind == "paused")
        expected: str | None = None
        if kind in {"acknowledged", "resolved"}:
            to_tell, left, counting = list(everything), 0, False
        elif kind == "paused":
            counting = False
        elif to_tell and left == 0:
            expected, left = to_tell.pop(0)
            counting = bool(to_tell)
        else:
            counting = bool(to_tell)
        assert [target.receiver for target in done.targets] == ([] if expected is None else [expected])
        due = run.now + left * MINUTE if kind == "open" and to_tell else None
        assert done.next_due_us == due


@settings(max_examples=200, deadline=None)
@given(
    waits=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    repeat=st.integers(0, 2),
    spells=st.lists(st.tuples(st.booleans(), st.integers(1, 40)), min_size=1, max_size=12),
    extra=st.lists(st.integers(0, 200), max_size=10),
)
def test_looked_at_in_time_each_step_is_told_after_exactly_its_time_outside_of_pauses(
    waits: list[int], repeat: int, spells: list[tuple[bool, int]], extra: list[int]
) -> None:
    """Looks come when a pause begins or ends, when one was asked for, and at other times, which change nothing."""
    pausing = [paused for paused, length in spells for _ in range(length)]
    run = Run(policy(*(f"{wait}m" for wait in waits), repeat=repeat))
    due: int | None = 0
    for minute, paused in enumerate(pausing):
        turns = minute == 0 or pausing[minute - 1] != paused
        if turns or minute in extra or (due is not None and due <= minute):
            done = run.look((NOW + minute * MINUTE - run.now) / MINUTE, paused=paused)
            due = None if done.next_due_us is None else (done.next_due_us - NOW) // MINUTE
    counted = [minute for minute, paused in enumerate(pausing) if not paused]
    dues = [sum((waits * (1 + repeat))[:place]) for place in range(len(waits) * (1 + repeat) + 1)]
    assert [minute for minute, _ in run.told] == [counted[due] for due in dues if due < len(counted)]


PEOPLE = {"ana": PersonSettings(receiver="ana-phone"), "ben": PersonSettings(receiver="ben-phone")}


def duty() -> Duty:
    shift = {"people": ["ana"], "start": "2026-03-02T09:00", "until": "2026-03-02T17:00"}
    override = {"from": "2026-03-02T09:00", "to": "2026-03-02T12:00", "people": ["ben", "ana"]}
    office, other = {"zone": "UTC", "rotations": [shift]}, {"zone": "UTC", "overrides": [override]}
    schedules = {"office": ScheduleSettings.model_validate(office), "other": ScheduleSettings.model_validate(other)}
    return Duty(PEOPLE, schedules)


def targets(*texts: dict[str, str]) -> list[EscalationTargetSettings]:
    return [EscalationTargetSettings.model_validate(text) for text in texts]


def test_a_target_is_the_receivers_of_those_on_duty() -> None:
    schedule, person, receiver = targets({"schedule": "other"}, {"person": "ben"}, {"receiver": "ops"})
    assert receivers_of(schedule, duty(), NOW) == ["ben-phone", "ana-phone"]
    assert receivers_of(person, duty(), NOW) == ["ben-phone"]
    assert receivers_of(receiver, duty(), NOW) == ["ops"]


def test_each_receiver_of_a_step_is_told_once() -> None:
    found = recipients(targets({"schedule": "office"}, {"schedule": "other"}), duty(), NOW, catch_all="ops")
    assert (found.receivers, found.people, found.notes) == (("ana-phone", "ben-phone"), ("ana", "ben"), ())


def test_with_nobody_on_duty_the_catch_all_is_told_and_the_note_says_why() -> None:
    found = recipients(targets({"schedule": "office"}), duty(), NOW - 1, catch_all="ops")
    assert (found.receivers, found.nobody) == (("ops",), True)
    assert found.notes == ("Nobody is on duty in the schedule office.", "This goes to ops instead.")
    partly = recipients(targets({"schedule": "office"}, {"person": "ben"}), duty(), NOW - 1, catch_all="ops")
    assert (partly.receivers, partly.nobody) == (("ben-phone",), False)
    assert partly.notes == ("Nobody is on duty in the schedule office.",)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"steps": [], "then": "x"}, "at least 1"),
        ({"steps": [{"notify": []}], "then": "x"}, "at least 1"),
        ({"steps": [{"notify": [{"receiver": "x", "person": "y"}]}], "then": "x"}, "receiver and person are given"),
        ({"steps": [{"notify": [{}]}], "then": "x"}, "none is given"),
        ({"steps": [{"notify": [{"receiver": "x"}]}]}, "then"),
        ({"steps": [{"notify": [{"receiver": "x"}]}], "then": "x", "repeat": 21}, "20"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        EscalationSettings.model_validate(wrong)
