"""Settings of ``sla_breach``, and the semantics that its promises keep beyond the clock cases."""

from typing import Any

import pytest

from detectors.contract import DETECTORS, Context, Progress
from detectors.events import EVENT_CLASSES
from detectors.promises.results import InstanceResult, evaluate
from detectors.promises.settings import PromiseSettings
from detectors.sla_breach import SlaBreach, SlaBreachSettings
from tests.support.promises import CALENDARS, HOUR_US, MINUTE_US, at, detector, event, replay, shard, told

REPLY = {"kind": "first_reply", "target": 60, "unit": "minutes"}


def verdicts(promise: dict[str, Any], as_of: str, *events: Any) -> list[InstanceResult]:
    return evaluate(PromiseSettings.model_validate(promise), CALENDARS, events, at(as_of))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "second_reply"}, "kind"),
        ({"target": None}, "target is missing"),
        ({"target": 0}, "a number above 0, not 0"),
        ({"target": True}, "a number above 0"),
        ({"unit": None}, "unit is missing"),
        ({"unit": "days"}, "'days' is ambiguous: write business_days"),
        ({"unit": "d"}, "'d' is ambiguous"),
        ({"unit": "business_days"}, "due is missing"),
        ({"unit": "business_days", "due": "close", "target": 1.5}, "only whole ones"),
        ({"due": "close"}, "belong to business_days"),
        ({"unit": "absolute"}, "target: unit absolute takes the instant"),
        ({"deadline": "2026-02-02T10:00Z"}, "deadline needs unit absolute"),
        ({"start": {"step": "purchased"}}, "start.step: 'purchased' is no step of a case"),
        ({"stop": {}}, "stop: name at least one step or status"),
        ({"unit": "business_days", "due": "close", "pause_while": {"status": "x"}}, "never pauses"),
        ({"at_risk": [0.9, 0.5]}, "the fractions must rise"),
        ({"at_risk": [1.0]}, "at_risk"),
        ({"min_notice": "5m", "on_target_change": "keep"}, "min_notice belongs to"),
        ({"valid_from": "2026-02-02"}, "has no offset"),
        ({"calender": "uk"}, "calender"),
        ({"name": "two words"}, "name"),
    ],
)
def test_settings_that_contradict_are_refused_and_the_field_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SlaBreachSettings.model_validate({"promises": [{**REPLY, **change}]})


def test_a_calendar_that_is_not_there_is_named_with_the_field() -> None:
    settings = SlaBreachSettings.model_validate({"promises": [REPLY, {**REPLY, "name": "b", "calendar": "moon"}]})
    with pytest.raises(ValueError, match=r"promises\[1\].calendar: no calendar is called 'moon'; there are: always"):
        SlaBreach("sla_breach", settings, Context(calendars=CALENDARS))


def test_two_promises_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"promises\[1\].name: 'first_reply' is the name of promises\[0\] too"):
        SlaBreachSettings.model_validate({"promises": [REPLY, REPLY]})


def test_it_is_registered_and_takes_calendars_as_the_settings_file_has_them() -> None:
    made = DETECTORS.factory("sla_breach")(
        "sla_breach",
        SlaBreachSettings.model_validate({"promises": [{**REPLY, "calendar": "uk"}]}),
        Context(calendars={"uk": {"zone": "Europe/London", "weekly": {"mon": ["09:00-17:00"]}}}),
    )
    assert made.event_types == {name for name in EVENT_CLASSES if name.startswith("crm.case.")}


def test_it_keys_by_case_or_order_and_only_where_there_is_a_promise() -> None:
    both = detector(REPLY, {"kind": "delivery"})
    order = event("purchased", 0, "o1", family="order")
    assert both.key(event("opened", 0, "c1")) == "c1"
    assert both.key(order) == "o1"
    assert detector(REPLY).key(order) is None


def test_an_order_and_a_case_of_one_id_are_two_subjects() -> None:
    events = [
        event("opened", at("02-02T10:00"), "x"),
        event("purchased", at("02-02T10:00"), "x", family="order", deadline="2026-02-02T12:00:00Z"),
        event("agent_reply", at("02-02T10:30"), "x"),
        event("delivered", at("02-02T13:00"), "x", family="order"),
    ]
    changes = replay(shard({**REPLY, "at_risk": []}, {"kind": "delivery", "at_risk": []}), events)
    assert [(change.labels["promise"], change.step) for change in changes] == [
        ("delivery", "confirmed"),
        ("delivery", "resolved"),
    ]


def test_a_detector_of_another_name_labels_its_alerts_with_it_too() -> None:
    made = detector({**REPLY, "at_risk": []}, name="gold").shard()
    later = at("02-03T00:00")
    changes = made.update([event("opened", at("02-02T10:00"))], Progress(later, later)).changes
    assert (changes[0].labels["detector"], changes[0].labels["rule"]) == ("sla_breach", "gold")


def test_automatic_replies_and_notes_do_not_answer() -> None:
    found = verdicts(
        REPLY,
        "02-02T12:00",
        event("opened", at("02-02T10:00")),
        event("auto_reply", at("02-02T10:01")),
        event("internal_note", at("02-02T10:02")),
    )
    assert [(item.state, item.breached) for item in found] == [("running", True)]


def test_a_case_resolved_without_a_reply_ends_the_reply_promise_and_reopening_takes_it_up() -> None:
    opened = event("opened", at("02-02T10:00"))
    resolved = event("resolved", at("02-02T10:20"))
    assert [item.state for item in verdicts(REPLY, "02-02T20:00", opened, resolved)] == ["ended"]
    found = verdicts(REPLY, "02-03T09:30", opened, resolved, event("reopened", at("02-03T09:00")))
    assert [(item.state, item.due_us) for item in found] == [("running", at("02-03T09:40"))]


def test_thanks_after_the_resolution_start_no_clock_until_the_case_is_reopened() -> None:
    promise = {"kind": "next_reply", "target": 60, "unit": "minutes"}
    events = [event("opened", at("02-02T10:00")), event("resolved", at("02-02T11:00"))]
    events.append(event("customer_message", at("02-02T11:30")))
    assert verdicts(promise, "02-03T00:00", *events) == []
    found = verdicts(promise, "02-03T00:00", *events, event("reopened", at("02-02T11:30")))
    assert [(item.started_us, item.state) for item in found] == [(at("02-02T11:30"), "running")]


def test_a_promise_that_is_made_later_counts_from_the_start() -> None:
    promise = {"kind": "resolution", "targets": {"high": 2}, "unit": "hours"}
    opened = event("opened", at("02-02T10:00"), priority="low")
    assert verdicts(promise, "02-02T20:00", opened) == []
    found = verdicts(promise, "02-02T20:00", opened, event("priority_changed", at("02-02T11:00"), to="high"))
    assert [(item.started_us, item.due_us) for item in found] == [(at("02-02T10:00"), at("02-02T12:00"))]


def test_targets_are_looked_up_by_queue_then_tier_then_priority_then_for_all() -> None:
    promise = {
        "kind": "resolution",
        "unit": "hours",
        "target": 8,
        "targets": {"high": 6},
        "targets_by_tier": {"gold": {"high": 3, "*": 4}},
        "targets_by_queue": {"vip": 1},
    }
    wanted = [
        ({}, 8),
        ({"priority": "high"}, 6),
        ({"priority": "low", "tier": "gold"}, 4),
        ({"priority": "high", "tier": "gold"}, 3),
        ({"priority": "high", "tier": "gold", "queue": "vip"}, 1),
    ]
    for fields, hours in wanted:
        (found,) = verdicts(promise, "02-02T10:00", event("opened", at("02-02T10:00"), **fields))  # type: ignore[arg-type]
        assert found.due_us == at("02-02T10:00") + hours * HOUR_US


def test_where_says_for_which_cases_a_promise_is_made() -> None:
    promise = {**REPLY, "where": {"queue": "billing", "labels": {"brand": ["a", "b"]}}}
    start = at("02-02T10:00")
    assert verdicts(promise, "02-02T10:00", event("opened", start, queue="billing", labels={"brand": "b"}))
    assert not verdicts(promise, "02-02T10:00", event("opened", start, queue="billing", labels={"brand": "c"}))
    assert not verdicts(promise, "02-02T10:00", event("opened", start, queue="other", labels={"brand": "a"}))


def test_a_stop_before_the_start_counts_as_a_stop_at_the_start() -> None:
    promise = {"kind": "delivery"}
    bought = event("purchased", at("02-02T10:00"), "o", family="order", deadline="2026-02-04T00:00:00Z")
    sent = event("delivered", at("01-05T10:00"), "o", family="order")
    (found,) = verdicts(promise, "03-01T00:00", sent, bought)
    assert (found.state, found.fulfilled_us, found.breached) == ("fulfilled", at("02-02T10:00"), False)
    assert not replay(shard(promise), [sent, bought, event("purchased", at("03-01T00:00"), "p", family="order")])
    found_cases = verdicts(
        {"kind": "resolution", "target": 1, "unit": "hours"},
        "02-02T20:00",
        event("resolved", at("02-02T09:00")),
        event("reopened", at("02-02T09:30")),
        event("opened", at("02-02T10:00")),
    )
    assert [item.breached for item in found_cases] == [True]


def test_a_merged_case_is_cancelled_and_the_surviving_one_goes_on() -> None:
    opened = event("opened", at("02-02T10:00"))
    gone = verdicts(REPLY, "02-02T12:00", opened, event("merged", at("02-02T10:30"), to="c2"))
    stays = verdicts(REPLY, "02-02T12:00", opened, event("merged", at("02-02T10:30")))
    assert [(item.state, item.breached) for item in gone] == [("cancelled", False)]
    assert [(item.state, item.breached) for item in stays] == [("running", True)]


def test_a_resumption_without_a_reason_ends_every_pause_and_one_with_a_reason_only_its_own() -> None:
    promise = {"kind": "resolution", "target": 4, "unit": "hours"}
    events = [
        event("opened", at("02-02T10:00")),
        event("paused", at("02-02T11:00"), reason="customer"),
        event("paused", at("02-02T11:30"), reason="vendor"),
    ]
    own = verdicts(promise, "02-02T14:00", *events, event("resumed", at("02-02T13:00"), reason="vendor"))
    every = verdicts(promise, "02-02T14:00", *events, event("resumed", at("02-02T13:00")))
    assert [item.state for item in own] == ["paused"]
    assert [item.due_us for item in every] == [at("02-02T16:00")]


def test_reopening_ends_a_pause() -> None:
    promise = {"kind": "resolution", "target": 4, "unit": "hours"}
    events = [event("opened", at("02-02T10:00")), event("paused", at("02-02T11:00"))]
    events += [event("resolved", at("02-02T12:00")), event("reopened", at("02-02T13:00"))]
    (found,) = verdicts(promise, "02-02T14:00", *events)
    assert (found.state, found.due_us) == ("running", at("02-02T16:00"))


def test_breached_cases_that_are_reopened_raise_no_second_alert() -> None:
    promise = {"kind": "resolution", "target": 1, "unit": "hours", "at_risk": []}
    events = [event("opened", at("02-02T10:00")), event("resolved", at("02-02T12:00"))]
    events += [event("reopened", at("02-02T13:00")), event("resolved", at("02-02T18:00"))]
    assert told(replay(shard(promise), events)) == [
        ("SlaBreach", "confirmed", "02-02T11:00"),
        ("SlaBreach", "resolved", "02-02T12:00"),
    ]


def test_a_promise_holds_for_cases_that_start_while_it_is_valid() -> None:
    promise = {**REPLY, "valid_from": "2026-02-02T10:00:00Z", "valid_to": "2026-02-02T11:00:00Z"}
    for start, count in (("02-02T09:59:59", 0), ("02-02T10:00", 1), ("02-02T10:59:59", 1), ("02-02T11:00", 0)):
        assert len(verdicts(promise, start, event("opened", at(start)))) == count


def test_a_deadline_that_is_put_off_moves_the_due_time_and_keep_leaves_it() -> None:
    promise = {"kind": "delivery"}
    events = [
        event("purchased", at("02-02T10:00"), "o", family="order", deadline="2026-02-04T00:00:00Z"),
        event("updated", at("02-03T10:00"), "o", family="order", deadline="2026-02-06T00:00:00Z"),
    ]
    assert [item.due_us for item in verdicts(promise, "02-03T11:00", *events)] == [at("02-06T00:00")]
    kept = verdicts({**promise, "on_target_change": "keep"}, "02-03T11:00", *events)
    assert [item.due_us for item in kept] == [at("02-04T00:00")]


def test_a_snapshot_says_the_same_whatever_was_asked_before() -> None:
    state = shard(REPLY)
    events = [event("opened", at("02-02T10:00") + number * MINUTE_US, f"c{number}") for number in range(50)]
    state.update(events, Progress(at("02-02T10:10"), at("02-02T10:10")))
    first = state.snapshot()
    assert state.snapshot() == first
    other = shard(REPLY)
    other.restore(first)
    assert other.snapshot() == first
