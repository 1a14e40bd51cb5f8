"""A shard's answers depend on what happened, not on how it was told."""

import random
from zlib import crc32

import msgspec
import pytest

from detectors.contract import NEVER_US, AlertChange, Progress, SnapshotVersionError
from tests.support.promises import (
    DAY_US,
    HOUR_US,
    MANY_PROMISES,
    MINUTE_US,
    at,
    detector,
    event,
    random_events,
    replay,
    shard,
    shuffled_within,
    told,
)

FIRST_REPLY = {"kind": "first_reply", "target": 120, "unit": "minutes", "at_risk": []}
RESOLUTION = {"kind": "resolution", "target": 4, "unit": "hours", "at_risk": []}
SEEDS = range(12)
LATENESS_US = 40 * MINUTE_US
"""More than a revision in :func:`random_events` moves an event."""


def plain(changes: list[AlertChange]) -> list[bytes]:
    return [msgspec.json.encode(change) for change in changes]


@pytest.mark.parametrize("seed", SEEDS)
def test_order_within_the_lateness_and_batch_cuts_change_nothing(seed: int) -> None:
    events = random_events(seed)
    expected = plain(replay(shard(*MANY_PROMISES), events, lateness_us=LATENESS_US))
    assert expected
    dice = random.Random(seed)
    for turn in range(4):
        order = shuffled_within(events, LATENESS_US, seed * 100 + turn)
        cuts = sorted(dice.sample(range(1, len(order)), dice.randrange(min(20, len(order)))))
        assert plain(replay(shard(*MANY_PROMISES), order, lateness_us=LATENESS_US, cuts=cuts)) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_a_snapshot_restored_at_any_point_changes_nothing(seed: int) -> None:
    events = random_events(seed)
    expected = plain(replay(shard(*MANY_PROMISES), events, lateness_us=LATENESS_US))
    dice = random.Random(seed)
    state = shard(*MANY_PROMISES)
    changes: list[AlertChange] = []
    start = 0
    while start < len(events):
        stop = min(len(events), start + dice.randrange(1, 12))
        watermark_us = events[stop - 1].time_us - LATENESS_US
        changes += state.update(events[start:stop], Progress(watermark_us, watermark_us)).changes
        start = stop
        if dice.random() < 0.4:
            saved = state.snapshot()
            state = shard(*MANY_PROMISES)
            state.restore(saved)
            assert state.snapshot() == saved
    end_us = events[-1].time_us + 1
    changes += state.update([], Progress(end_us, end_us)).changes
    assert plain(changes) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_repeated_events_change_nothing(seed: int) -> None:
    events = random_events(seed)
    expected = plain(replay(shard(*MANY_PROMISES), events, lateness_us=LATENESS_US))
    twice = [item for item in events for _ in range(2)]
    cuts = range(5, len(twice), 5)
    assert plain(replay(shard(*MANY_PROMISES), twice, lateness_us=LATENESS_US, cuts=cuts)) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_cases_do_not_touch_each_other(seed: int) -> None:
    events = random_events(seed)
    expected = sorted(plain(replay(shard(*MANY_PROMISES), events)))
    end_us = max(item.time_us for item in events) + 1
    apart = []
    key = detector(*MANY_PROMISES).key
    for half in (0, 1):
        state = shard(*MANY_PROMISES)
        mine = [item for item in events if crc32(str(key(item)).encode()) % 2 == half]
        apart += replay(state, mine, end=False)
        apart += state.update([], Progress(end_us, end_us)).changes
    assert sorted(plain(apart)) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_late_events_lead_to_the_alerts_that_an_orderly_replay_leaves_behind(seed: int) -> None:
    events = random_events(seed)
    dice = random.Random(seed)
    settings = {"retention": "100d", "idle_retention": "100d"}
    wanted = standing(replay(shard(*MANY_PROMISES, **settings), events))
    order = sorted(events, key=lambda item: item.time_us + (dice.random() < 0.2) * dice.randrange(2 * DAY_US))
    state = shard(*MANY_PROMISES, **settings)
    found = replay(state, order, cuts=range(3, len(order), 3))
    assert standing(found) == wanted
    steps = [change.change_id for change in found]
    assert len(steps) == len(set(steps)), "no change is told twice"
    assert [change.at_us for change in found] == sorted(change.at_us for change in found)
    assert state.counts["late"] > 0


def standing(changes: list[AlertChange]) -> dict[tuple[str, int], int | None]:
    """Return the end of every episode that was not withdrawn, by fingerprint and start."""
    found: dict[tuple[str, int], int | None] = {}
    for change in changes:
        key = (change.fingerprint, change.starts_at_us)
        if change.step.split(":")[0] in {"retracted", "moved"}:
            del found[key]
        else:
            found[key] = change.ends_at_us
    return found


def test_a_breach_is_told_once_the_watermark_has_passed_its_due_time() -> None:
    state = shard(FIRST_REPLY)
    due_us = at("02-02T12:00")
    assert not state.update([event("opened", at("02-02T10:00"))], Progress(due_us, due_us)).changes
    changes = state.update([], Progress(due_us + 1, due_us + 1)).changes
    assert told(changes) == [("SlaBreach", "confirmed", "02-02T12:00")]
    assert changes[0].starts_at_us == due_us
    assert changes[0].annotations["confidence"] == "confirmed"
    assert not state.update([], Progress(due_us + DAY_US, due_us + DAY_US)).changes


def test_live_a_breach_is_suspected_by_the_clock_and_confirmed_with_the_id_of_the_replay() -> None:
    events = [event("opened", at("02-02T10:00"))]
    in_replay = replay(shard(FIRST_REPLY), [*events, event("opened", at("02-02T13:00"), "c2")])
    state = shard(FIRST_REPLY)
    early = at("02-02T11:00")
    assert not state.update(events, Progress(early, at("02-02T12:00"))).changes, "the due instant itself is not late"
    suspected = state.update([], Progress(early, at("02-02T12:00") + 1)).changes
    assert told(suspected) == [("SlaBreach", "suspected", "02-02T12:00")]
    assert suspected[0].annotations["confidence"] == "suspected"
    assert not state.update([], Progress(early, at("02-02T12:30"))).changes, "only once"
    confirmed = state.update([], Progress(at("02-02T12:31"), at("02-02T12:40"))).changes
    assert plain(confirmed) == plain(in_replay)
    assert confirmed[0].fingerprint == suspected[0].fingerprint


def test_live_a_suspicion_is_retracted_when_the_reply_becomes_known_in_time() -> None:
    state = shard(FIRST_REPLY)
    early = at("02-02T11:00")
    state.update([event("opened", at("02-02T10:00"))], Progress(early, early))
    assert told(state.update([], Progress(early, at("02-02T12:10"))).changes) == [
        ("SlaBreach", "suspected", "02-02T12:00")
    ]
    changes = state.update([event("agent_reply", at("02-02T11:50"))], Progress(early, at("02-02T12:11"))).changes
    assert told(changes) == [("SlaBreach", "retracted", "02-02T12:00")]
    assert changes[0].status == "resolved"
    assert changes[0].annotations["reason"].startswith("retracted: late knowledge: the promise was fulfilled")
    assert not state.update([], Progress(at("02-03T00:00"), at("02-03T00:00"))).changes


def test_a_reply_that_becomes_known_late_retracts_the_breach_once() -> None:
    state = shard(FIRST_REPLY)
    reply = event("agent_reply", at("02-02T11:50"))
    state.update([event("opened", at("02-02T10:00"))], Progress(at("02-02T13:00"), at("02-02T13:00")))
    changes = state.update([reply], Progress(at("02-02T14:00"), at("02-02T14:00"))).changes
    assert told(changes) == [("SlaBreach", "retracted", "02-02T13:00")]
    assert changes[0].starts_at_us == at("02-02T12:00")
    assert not state.update([reply], Progress(at("02-02T15:00"), at("02-02T15:00"))).changes


def test_a_pause_that_becomes_known_late_moves_the_breach() -> None:
    state = shard(RESOLUTION)
    state.update([event("opened", at("02-02T10:00"))], Progress(at("02-02T15:00"), at("02-02T15:00")))
    late = [event("paused", at("02-02T11:00")), event("resumed", at("02-02T13:00"))]
    changes = state.update(late, Progress(at("02-02T15:30"), at("02-02T15:30"))).changes
    assert told(changes) == [("SlaBreach", "moved", "02-02T15:00")]
    assert "due Mon 2 Feb 2026 16:00" in changes[0].annotations["reason"]
    again = state.update([], Progress(at("02-02T17:00"), at("02-02T17:00"))).changes
    assert told(again) == [("SlaBreach", "confirmed", "02-02T16:00")]
    assert again[0].starts_at_us == at("02-02T16:00")


def test_a_withdrawn_breach_that_comes_back_is_a_change_of_its_own() -> None:
    state = shard(FIRST_REPLY)
    first = state.update([event("opened", at("02-02T10:00"))], Progress(at("02-02T13:00"), at("02-02T13:00"))).changes
    reply = event("agent_reply", at("02-02T11:50"), id="r")
    state.update([reply], Progress(at("02-02T14:00"), at("02-02T14:00")))
    corrected = event("agent_reply", at("02-02T13:30"), id="r", rev=1)
    changes = state.update([corrected], Progress(at("02-02T15:00"), at("02-02T15:00"))).changes
    assert told(changes) == [("SlaBreach", "confirmed:2", "02-02T14:00"), ("SlaBreach", "resolved:2", "02-02T14:00")]
    assert changes[0].change_id != first[0].change_id
    assert changes[1].ends_at_us == at("02-02T13:30")


def test_a_late_fulfilment_resolves_the_breach_at_its_own_time() -> None:
    events = [event("opened", at("02-02T10:00")), event("agent_reply", at("02-02T14:10"))]
    changes = replay(shard(FIRST_REPLY), events)
    assert told(changes) == [("SlaBreach", "confirmed", "02-02T12:00"), ("SlaBreach", "resolved", "02-02T14:10")]
    assert changes[1].annotations["reason"] == "fulfilled 2 h 10 late"
    assert changes[1].ends_at_us == at("02-02T14:10")


def test_the_early_warning_fires_at_its_threshold_is_updated_and_ends_with_the_breach() -> None:
    promise = {**RESOLUTION, "at_risk": [0.5, 0.75]}
    events = [event("opened", at("02-02T10:00")), event("resolved", at("02-02T15:00"))]
    assert sorted(told(replay(shard(promise), events)), key=lambda step: (step[2], step[0])) == [
        ("SlaAtRisk", "firing", "02-02T12:00"),
        ("SlaAtRisk", "updated:2", "02-02T13:00"),
        ("SlaAtRisk", "resolved", "02-02T14:00"),
        ("SlaBreach", "confirmed", "02-02T14:00"),
        ("SlaBreach", "resolved", "02-02T15:00"),
    ]


def test_a_pause_keeps_the_early_warning_and_a_resolution_ends_it() -> None:
    promise = {**RESOLUTION, "at_risk": [0.5]}
    events = [
        event("opened", at("02-02T10:00")),
        event("paused", at("02-02T13:00")),
        event("resumed", at("02-02T20:00")),
        event("resolved", at("02-02T20:30")),
    ]
    assert told(replay(shard(promise), events)) == [
        ("SlaAtRisk", "firing", "02-02T12:00"),
        ("SlaAtRisk", "resolved", "02-02T20:30"),
    ]


def test_a_lower_priority_ends_a_warning_that_no_longer_holds_and_raises_it_again_in_time() -> None:
    promise = {"kind": "resolution", "targets": {"high": 2, "low": 8}, "unit": "hours", "at_risk": [0.75]}
    events = [
        event("opened", at("02-02T10:00"), priority="high"),
        event("priority_changed", at("02-02T11:45"), to="low"),
        event("resolved", at("02-02T16:30")),
    ]
    assert told(replay(shard(promise), events)) == [
        ("SlaAtRisk", "firing", "02-02T11:30"),
        ("SlaAtRisk", "resolved", "02-02T11:45"),
        ("SlaAtRisk", "firing", "02-02T16:00"),
        ("SlaAtRisk", "resolved", "02-02T16:30"),
    ]


def test_lowering_the_priority_after_a_breach_neither_erases_it_nor_raises_another() -> None:
    promise = {"kind": "resolution", "targets": {"high": 2, "low": 8}, "unit": "hours", "at_risk": []}
    events = [
        event("opened", at("02-02T10:00"), priority="high"),
        event("priority_changed", at("02-02T13:00"), to="low"),
        event("updated", at("02-02T23:00"), priority="low"),
        event("resolved", at("02-03T10:00")),
    ]
    assert told(replay(shard(promise), events)) == [
        ("SlaBreach", "confirmed", "02-02T12:00"),
        ("SlaBreach", "resolved", "02-03T10:00"),
    ]


def test_labels_say_whose_promise_it_is_and_each_cycle_has_its_own() -> None:
    promise = {"kind": "next_reply", "target": 1, "unit": "hours", "at_risk": [], "severity_by_tier": {"gold": "info"}}
    events = [
        event(
            "opened",
            at("02-02T08:00"),
            tier="gold",
            value=12_000.0,
            priority="high",
            queue="q",
            service="s",
            region="r",
        ),
        event("customer_message", at("02-02T09:00")),
        event("agent_reply", at("02-02T11:00")),
        event("customer_message", at("02-02T12:00")),
        event("agent_reply", at("02-02T15:00")),
    ]
    changes = replay(shard(promise, labels={"team": "t"}, annotations={"runbook": "u"}), events)
    first, second = changes[0], changes[2]
    assert first.labels == {
        "alertname": "SlaBreach", "case_id": "c1", "detector": "sla_breach", "priority": "high", "promise":
        "next_reply", "queue": "q", "region": "r", "service": "s", "severity": "info", "team": "t", "tier": "gold",
    }  # fmt: skip
    assert second.labels == {**first.labels, "cycle": "2"}
    assert first.annotations["summary"] == (
        "Next reply promise broken: case c1 (high priority, gold customer worth 12,000), due Mon 2 Feb 2026 10:00 UTC"
    )
    assert first.annotations["runbook"] == "u"


def test_the_description_names_the_segments_that_prove_the_verdict() -> None:
    promise = {"kind": "resolution", "target": 4, "unit": "hours", "calendar": "uk", "at_risk": []}
    events = [
        event("opened", at("02-06T14:00")),
        event("paused", at("02-06T16:00")),
        event("resumed", at("02-09T10:00")),
        event("updated", at("02-09T13:00"), priority="high"),
    ]
    changes = replay(shard(promise), events)
    assert changes[0].annotations["description"] == (
        "4 h 00 used: Fri 6 Feb 14:00-16:00, Mon 9 Feb 10:00-12:00 (Europe/London, calendar uk). "
        "Promised: 4 h 00, from Fri 6 Feb 2026 14:00 GMT."
    )
    assert changes[0].annotations["due_at"] == "2026-02-09T12:00:00+00:00"


def test_a_late_event_for_a_case_that_is_no_longer_kept_raises_nothing() -> None:
    state = shard(FIRST_REPLY, retention="1d")
    opened = event("opened", at("02-02T10:00"))
    later = at("02-20T00:00")
    state.update([opened, event("agent_reply", at("02-02T10:05"))], Progress(at("02-02T11:00"), at("02-02T11:00")))
    state.update([], Progress(later, later))
    assert len(state) == 0
    assert state.counts["closed"] == 1
    assert not state.update([opened], Progress(later + HOUR_US, later + HOUR_US)).changes
    assert state.counts["dropped"] == 1
    assert len(state) == 0


def test_events_of_a_case_wait_for_its_start() -> None:
    state = shard(RESOLUTION)
    state.update([event("paused", at("02-02T11:00"))], Progress(NEVER_US, NEVER_US))
    state.update([event("resumed", at("02-02T12:00"))], Progress(NEVER_US, NEVER_US))
    changes = state.update([event("opened", at("02-02T10:00"))], Progress(at("02-02T16:00"), at("02-02T16:00"))).changes
    assert told(changes) == [("SlaBreach", "confirmed", "02-02T15:00")]


def test_an_event_from_the_future_of_its_recording_is_put_aside() -> None:
    state = shard(FIRST_REPLY)
    odd = event("agent_reply", at("02-02T11:30"), recorded_us=at("02-02T11:24"))
    changes = replay(state, [event("opened", at("02-02T10:00")), odd, event("opened", at("02-02T13:00"), "c2")])
    assert told(changes) == [("SlaBreach", "confirmed", "02-02T12:00")]
    assert state.counts["quarantined"] == 1


def test_rows_of_a_table_with_full_state_pause_stop_and_reopen() -> None:
    promise = {
        "kind": "resolution",
        "start": {"step": "updated"},
        "stop": {"status": ["Resolved", "Closed"]},
        "pause_while": {"status": ["Awaiting User Info"]},
        "targets": {"3 - Moderate": 4},
        "unit": "hours",
        "at_risk": [],
    }

    def row(number: int, when: str, status: str) -> object:
        return event("updated", at(when), id=f"r{number}", sequence=number, status=status, priority="3 - Moderate")

    events = [
        row(0, "02-02T10:00", "New"),
        row(1, "02-02T11:00", "Awaiting User Info"),
        row(2, "02-02T12:00", "Active"),
        row(3, "02-02T13:00", "Resolved"),
        row(4, "02-02T14:00", "Closed"),
        row(5, "02-03T10:00", "Active"),
        row(6, "02-03T13:00", "Active"),
        row(7, "02-03T13:00", "Closed"),
    ]
    assert told(replay(shard(promise), events)) == [  # type: ignore[arg-type]
        ("SlaBreach", "confirmed", "02-03T12:00"),
        ("SlaBreach", "resolved", "02-03T13:00"),
    ]


def test_an_order_is_due_at_the_time_that_its_event_promises() -> None:
    promise = {"name": "delivery", "kind": "deadline", "subject": "order", "start": {"step": ["purchased"]},
               "stop": {"step": ["delivered"]}, "at_risk": []}  # fmt: skip
    events = [
        event("purchased", at("02-02T10:00"), "late", family="order", deadline="2026-02-04T00:00:00Z"),
        event("purchased", at("02-02T10:00"), "open", family="order", deadline="2026-02-05T00:00:00Z"),
        event("purchased", at("02-02T10:00"), "due after the end", family="order", deadline="2026-02-05T00:00:01Z"),
        event("purchased", at("02-02T10:00"), "in time", family="order", deadline="2026-02-04T00:00:00Z"),
        event("delivered", at("02-04T00:00"), "in time", family="order"),
        event("delivered", at("02-05T00:00"), "late", family="order"),
    ]
    changes = replay(shard(promise), events)
    assert {change.labels["case_id"] for change in changes if change.step == "confirmed"} == {"late", "open"}


def test_a_snapshot_of_another_version_is_refused() -> None:
    with pytest.raises(SnapshotVersionError, match="version 99"):
        shard(FIRST_REPLY).restore(msgspec.msgpack.encode([99, 0, 0, {}, []]))
    with pytest.raises(SnapshotVersionError, match="not a snapshot"):
        shard(FIRST_REPLY).restore(b"\x00rubbish")
