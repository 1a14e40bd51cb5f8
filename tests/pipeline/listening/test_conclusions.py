"""What shards conclude on its way to listeners: pipeline/scale/concluded.py, pipeline/listening.py, engine/logic.py."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.contract import NEVER_US, Detector, Outcome, Progress, WindowDetector
from detectors.events import DERIVED_CLASSES, EVENT_CLASSES, ConclusionData, Event
from detectors.panes import PaneLayout, Panes
from detectors.promises.deriving import DerivingShard
from detectors.promises.shard import SlaShard
from pipeline.engine.logic import DetectLogic
from pipeline.engine.rates import RatesLogic
from pipeline.events import decode_event, decode_many
from pipeline.listening import Listening, is_listener, listener_problems
from pipeline.reasons import Reason, RecordError
from pipeline.routing import CaseBatch, PaneReport, ProcessRouter, Routed
from pipeline.scale.concluded import Conclusions
from pipeline.scale.inbox import PaneInbox
from pipeline.watermarks import Watermarks
from tests.support.events import START_US, make_event, raw_event
from tests.support.listening import HOP_US, LISTENER, Adding, Breaches
from tests.support.promises import at, detector, event

SHARDS = ["sla_breach#0", "sla_breach#1"]
INBOX = {LISTENER.name: LISTENER}
Totals = dict[tuple[int, tuple[str, ...]], list[int]]


def breach(time_us: int, took_us: int = 7, queue: str = "one", kind: str = "promise.broken") -> Event:
    data = ConclusionData(case_id="c", promise="p", kind="resolution", queue=queue, real_us=took_us)
    made: Any = DERIVED_CLASSES[kind]
    opened = make_event("crm.case.opened", "o", time_us, {"case_id": "c"})
    return made(id=str(time_us), source="s", time=opened.time, time_us=time_us, data=data)  # type: ignore[no-any-return]


def inbox() -> PaneInbox:
    return PaneInbox(INBOX, (), listening={LISTENER.name: SHARDS})


def take(into: PaneInbox, reports: Sequence[PaneReport], totals: Totals) -> int | None:
    """Give reports to an inbox; return the listener's time, None when nothing came."""
    watermark_us = None
    for batch in into.take([report.message for report in reports]):
        watermark_us = batch.progress.watermark_us
        add_up(totals, batch.panes)
    return watermark_us


def add_up(totals: Totals, panes: Panes) -> None:
    for pane, group, vector in panes:
        known = totals.get((pane, group), [0, 0])
        totals[pane, group] = [old + new for old, new in zip(known, vector, strict=True)]


def test_a_pane_is_told_when_it_is_complete_and_once() -> None:
    shard, totals = Conclusions(LISTENER, SHARDS[0]), Totals()
    first = shard.take([breach(START_US)], START_US + HOP_US - 1)
    told = first + shard.take([breach(START_US + 5)], START_US + HOP_US)
    assert shard.take([], START_US + HOP_US + 1) == []
    alone = PaneInbox(INBOX, (), listening={LISTENER.name: SHARDS[:1]})
    for _ in range(2):
        assert take(alone, told, totals) in {START_US + HOP_US, None}
    assert totals == {(START_US // HOP_US, ("one",)): [2, 14]}


def test_a_shard_that_concludes_nothing_says_how_far_it_is() -> None:
    into, totals = inbox(), Totals()
    busy, idle = (Conclusions(LISTENER, name) for name in SHARDS)
    later_us = START_US + 9 * HOP_US
    assert take(into, busy.take([breach(START_US)], later_us), totals) == NEVER_US, "nobody knows what the other has"
    assert take(into, idle.take([], START_US + HOP_US), totals) == START_US + HOP_US
    assert take(into, idle.take([], later_us + 3), totals) == later_us
    assert idle.take([], later_us + 4) == []
    assert into.times()[LISTENER.name].watermark_us == later_us


def test_before_time_is_known_nothing_is_told() -> None:
    assert Conclusions(LISTENER, SHARDS[0]).take([], NEVER_US) == []


def test_what_belongs_to_a_complete_pane_is_late_and_counts_nowhere() -> None:
    shard, totals = Conclusions(LISTENER, SHARDS[0]), Totals()
    reports = shard.take([], START_US + HOP_US + 5)
    reports += shard.take([breach(START_US), breach(START_US + HOP_US + 1)], START_US + 2 * HOP_US)
    alone = PaneInbox(INBOX, (), listening={LISTENER.name: SHARDS[:1]})
    take(alone, reports, totals)
    assert totals == {(START_US // HOP_US + 1, ("one",)): [1, 7]}
    assert (shard.late, alone.late) == (1, 0)


def test_other_conclusions_than_those_wanted_are_left_out() -> None:
    shard, totals = Conclusions(LISTENER, SHARDS[0]), Totals()
    reports = shard.take([breach(START_US, kind="promise.met")], START_US + HOP_US)
    take(PaneInbox(INBOX, (), listening={LISTENER.name: SHARDS[:1]}), reports, totals)
    assert (len(reports), totals) == (1, {})


def test_a_longer_pane_in_the_settings_begins_anew_and_is_heard() -> None:
    class Longer(Breaches):
        layout = PaneLayout(4 * HOP_US, 2, 4 * HOP_US)

        def combiner(self) -> Adding:
            return Adding(4 * HOP_US)

    shard = Conclusions(LISTENER, SHARDS[0])
    into = PaneInbox(INBOX, (), listening={LISTENER.name: SHARDS[:1]})
    take(into, shard.take([breach(START_US)], START_US + HOP_US + 9), Totals())
    longer: WindowDetector = Longer()
    after = Conclusions(longer, SHARDS[0])
    after.restore(shard.snapshot())
    again = PaneInbox({longer.name: longer}, (), listening={longer.name: SHARDS[:1]})
    again.restore(into.snapshot())
    totals = Totals()
    end_us = START_US + 4 * HOP_US
    assert take(again, after.take([breach(START_US + 3 * HOP_US)], end_us), totals) == end_us
    assert list(totals.values()) == [[1, 7]]


@settings(max_examples=60)
@given(seed=st.integers(0, 10**9), kills=st.integers(0, 6), listener_kills=st.integers(0, 4))
def test_sums_are_exact_however_shards_and_listener_are_killed_and_updates_are_cut(
    seed: int, kills: int, listener_kills: int
) -> None:
    dice = random.Random(seed)
    told: list[list[int]] = []
    expected: Totals = {}
    end_us = START_US + 40 * HOP_US
    for _ in SHARDS:
        times = sorted(START_US + dice.randrange(39 * HOP_US) for _ in range(dice.randrange(60)))
        told.append(times)
        add_up(expected, [(time_us // HOP_US, ("one",), [1, 7]) for time_us in times])

    log: list[PaneReport] = []  # the topic: everything that was ever told, in order
    shards = [Conclusions(LISTENER, name) for name in SHARDS]
    marks = [START_US, START_US]
    saved = [(START_US, shard.snapshot()) for shard in shards]
    kill_at = {dice.randrange(60) for _ in range(kills)}
    turn = 0
    while min(marks) < end_us:
        turn += 1
        index = dice.randrange(2)
        if turn in kill_at:
            marks[index], state = saved[index]
            shards[index] = Conclusions(LISTENER, SHARDS[index])
            shards[index].restore(state)
            continue
        before_us, marks[index] = marks[index], min(end_us, marks[index] + dice.randrange(3 * HOP_US))
        concluded = [breach(time_us) for time_us in told[index] if before_us <= time_us < marks[index]]
        log += shards[index].take(concluded, marks[index])
        if dice.random() < 0.3:
            saved[index] = marks[index], shards[index].snapshot()

    totals: Totals = {}
    into, at_ = inbox(), 0
    kept: tuple[int, bytes, Totals] = (0, into.snapshot(), {})
    while at_ < len(log):
        if listener_kills and dice.random() < 0.1:
            listener_kills -= 1
            at_, state_of_inbox, totals = kept[0], kept[1], dict(kept[2])
            into = inbox()
            into.restore(state_of_inbox)
        size = dice.randrange(1, 8)
        take(into, log[at_ : at_ + size], totals)
        at_ += size
        if dice.random() < 0.3:
            kept = at_, into.snapshot(), dict(totals)
    assert {key: vector for key, vector in totals.items() if any(vector)} == expected
    assert into.times()[LISTENER.name].watermark_us == end_us
    assert (into.late, sum(shard.late for shard in shards)) == (0, 0)


# -- who listens ------------------------------------------------------------------------------------------------------

PROMISES = {"kind": "resolution", "target": 8, "unit": "hours", "at_risk": []}


def detectors_of(*more: Detector) -> dict[str, Detector]:
    return {one.name: one for one in (detector(PROMISES), *more)}


def test_who_listens_waits_for_every_shard_of_every_detector_that_concludes() -> None:
    both: dict[str, Detector] = {**detectors_of(LISTENER), "orders": detector(PROMISES, name="orders")}
    listening = Listening(both, 2)
    assert listening.by_case == {"sla_breach": [LISTENER], "orders": [LISTENER]}
    assert listening.sources == {"breaches": {"sla_breach#0", "sla_breach#1", "orders#0", "orders#1"}}
    assert Listening(detectors_of(), 2).sources == {}


def test_who_listens_to_what_nobody_concludes_is_refused_with_what_to_do() -> None:
    assert listener_problems(detectors_of(LISTENER)) == {}
    (problem,) = listener_problems({"breaches": LISTENER}).values()
    assert "promise.broken, which no detector of these settings concludes: add a detector of type sla_breach" in problem


def test_who_wants_events_of_feeds_too_is_refused() -> None:
    class Both(Breaches):
        event_types = frozenset({"promise.broken", "social.post"})

    (problem,) = listener_problems(detectors_of(Both())).values()
    assert problem == "wants promise.broken and social.post: expected one sort of events"


def test_no_record_can_bring_a_conclusion() -> None:
    assert not DERIVED_CLASSES.keys() & EVENT_CLASSES.keys()
    raw = raw_event("promise.broken", "1", START_US, {"case_id": "c", "promise": "p", "kind": "resolution"})
    assert decode_many([raw])[0] == []
    with pytest.raises(RecordError) as refused:
        decode_event(raw)
    assert refused.value.reason is Reason.UNKNOWN_TYPE


def test_events_of_feeds_and_their_time_do_not_go_to_a_listener() -> None:
    router, out = ProcessRouter(detectors_of(LISTENER), 2), list[Routed]()
    router.add([make_event("crm.case.opened", "1", START_US, {"case_id": "c"})], ("crm", "0"))
    router.hand_out(Progress(START_US, START_US), Watermarks(0, 0), None, out)
    assert is_listener(LISTENER)
    assert {type(routed) for routed in out} == {CaseBatch}


# -- the engine's step ------------------------------------------------------------------------------------------------


def case_batch(events: Sequence[Event], clock: str) -> CaseBatch:
    return CaseBatch("sla_breach", 1, list(events), Progress(at(clock), at(clock)))


def logic_of(folder: Path, *more: Detector, state: Any = None) -> DetectLogic:
    built = detectors_of(*more)
    return DetectLogic(built, folder, state, Listening(built, 2))


def test_a_shard_that_nobody_listens_to_is_as_it_always_was(tmp_path: Path) -> None:
    logic = logic_of(tmp_path)
    logic.on_batch([case_batch([event("opened", at("02-02T10:00"))], "02-02T10:00")])
    out, _ = logic.on_batch([case_batch([], "02-03T10:00")])
    assert [type(one) for one in out] == [Outcome]
    assert type(logic._cases) is SlaShard
    assert len(logic.snapshot()) == 3


def test_a_listener_can_be_put_into_the_settings_and_taken_out_between_two_runs(tmp_path: Path) -> None:
    deaf = logic_of(tmp_path)
    deaf.on_batch([case_batch([event("opened", at("02-02T10:00"))], "02-02T11:00")])
    heard = logic_of(tmp_path, LISTENER, state=deaf.snapshot())
    assert isinstance(heard._cases, DerivingShard)
    out, _ = heard.on_batch([case_batch([], "02-02T18:10")])
    (told,) = (one for one in out if isinstance(one, PaneReport))  # the half hour from 18:00 is not over
    assert (told.detector, told.source) == ("breaches", "sla_breach#1")
    resumed = logic_of(tmp_path, LISTENER, state=heard.snapshot())
    out, _ = resumed.on_batch([case_batch([], "02-02T19:10")])
    totals = Totals()
    into = PaneInbox(INBOX, (), listening={LISTENER.name: SHARDS[1:]})
    assert take(into, [one for one in out if isinstance(one, PaneReport)], totals) == at("02-02T19:00")
    assert [vector[0] for vector in totals.values()] == [1]
    without = logic_of(tmp_path, state=resumed.snapshot())
    out, _ = without.on_batch([case_batch([event("resolved", at("02-02T20:00"))], "02-03T10:00")])
    assert [type(one) for one in out] == [Outcome]


def test_a_listener_that_is_gone_from_the_settings_is_no_reason_to_stop() -> None:
    built = detectors_of(LISTENER)
    rates = RatesLogic(built, Listening(built, 1), None)
    rates.on_batch([*Conclusions(LISTENER, "sla_breach#0").take([breach(START_US)], START_US + HOP_US)])
    state = rates.snapshot()
    gone = RatesLogic(detectors_of(), Listening(detectors_of(), 1), state)
    name, inbox, windows = gone.snapshot()
    assert (name, inbox) == state[:2]
    assert windows == b"", "of windows that others made nothing is known but that their alerts were ended"
    assert gone.notify_at() is not None, "so that it is kept"
    assert gone.on_notify() == ([], False)
    assert gone.notify_at() is None
    again = RatesLogic(built, Listening(built, 1), state)
    assert again.snapshot() == state
