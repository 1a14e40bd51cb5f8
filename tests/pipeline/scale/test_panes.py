"""Sums of windows between processes: pipeline/scale/ledger.py and inbox.py."""

import random
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.assembler import WindowAssembler
from detectors.contract import NEVER_US, WindowDetector, WindowState
from detectors.events import Event
from detectors.panes import PaneLayout, Panes
from detectors.windows import WindowSpec
from pipeline.scale import wire
from pipeline.scale.inbox import PaneInbox, Refused, WindowTime
from pipeline.scale.ledger import Ledger
from tests.support.events import START_US, make_event

MINUTE_US = 60_000_000
SOURCES = ["crm/cases/0", "crm/cases/1"]


class Counting:
    """Counts events and adds up their sequence numbers, a minute and service at a time."""

    def __init__(self) -> None:
        self.sums: dict[tuple[int, tuple[str, ...]], list[int]] = {}

    def add(self, events: Sequence[Event]) -> None:
        for found in events:
            key = (found.time_us // MINUTE_US, (str(found.data.service),))
            sums = self.sums.setdefault(key, [0, 0])
            sums[0] += 1
            sums[1] += found.sequence

    def take(self) -> Panes:
        sums, self.sums = self.sums, {}
        return [(pane, group, vector) for (pane, group), vector in sums.items()]


class Minutes:
    name = "minutes"
    event_types = frozenset({"social.post"})
    layout = PaneLayout(MINUTE_US, 2, MINUTE_US)

    def combiner(self) -> Counting:
        return Counting()

    def state(self) -> WindowState:
        raise NotImplementedError


DETECTOR: WindowDetector = Minutes()
Totals = dict[tuple[int, tuple[str, ...]], list[int]]


def new_totals() -> Totals:
    return {}


def post(number: int, time_us: int, service: str) -> Event:
    return make_event("social.post", str(number), time_us, {"service": service}, sequence=number)


def add_up(totals: Totals, panes: Panes) -> None:
    for pane, group, vector in panes:
        known = totals.setdefault((pane, group), [0, 0])
        known[:] = [old + new for old, new in zip(known, vector, strict=True)]


def take(inbox: PaneInbox, messages: list[bytes], totals: Totals) -> int:
    """Give messages to the inbox; return the watermark that it has come to."""
    watermark_us = NEVER_US
    for batch in inbox.take(messages):
        add_up(totals, batch.panes)
        watermark_us = batch.progress.watermark_us
    return watermark_us


def told(ledger: Ledger, events: Sequence[Event], watermark_us: int) -> list[bytes]:
    if events:
        ledger.add(events, set(map(type, events)))
    return [report.message for report in ledger.report(watermark_us)]


def message_of(count: int) -> wire.Told:
    return wire.Told(version=0, detector="minutes", source=SOURCES[0], count=count, watermark_us=START_US, panes=b"")


def test_time_is_that_of_the_partition_that_is_furthest_behind() -> None:
    inbox = PaneInbox({"minutes": DETECTOR}, SOURCES)
    first, second = (Ledger(DETECTOR, source) for source in SOURCES)
    totals: Totals = {}
    assert take(inbox, told(first, [], START_US), totals) == NEVER_US, "nobody knows what the other partition has"
    assert take(inbox, told(second, [], START_US - 5), totals) == START_US - 5
    assert take(inbox, told(second, [], START_US + 5), totals) == START_US
    assert inbox.times() == {"minutes": WindowTime(START_US, 5, [SOURCES[0]])}


def test_who_has_told_nothing_holds_windows_open_and_is_named() -> None:
    inbox = PaneInbox({"minutes": DETECTOR}, SOURCES)
    assert inbox.times() == {"minutes": WindowTime(NEVER_US, None, sorted(SOURCES))}
    take(inbox, told(Ledger(DETECTOR, SOURCES[0]), [], START_US), {})
    assert inbox.times() == {"minutes": WindowTime(NEVER_US, None, [SOURCES[1]])}


def test_an_event_of_a_window_that_was_told_as_over_is_late_and_counts_nowhere() -> None:
    ledger = Ledger(DETECTOR, SOURCES[0])
    told(ledger, [post(1, START_US, "app")], START_US + MINUTE_US)
    again = wire.decode(told(ledger, [post(2, START_US + 1, "app")], START_US + MINUTE_US)[0])
    assert (again.count, DETECTOR.layout.decode(again.panes), ledger.late) == (2, [], 1)


def test_what_a_detector_or_a_feed_tells_that_is_no_longer_in_the_settings_is_left_out() -> None:
    inbox = PaneInbox({"minutes": DETECTOR}, ["other/topic/0"])
    assert inbox.take(told(Ledger(DETECTOR, SOURCES[0]), [post(1, START_US, "app")], START_US)) == []


def test_a_message_of_other_windows_is_refused_counted_and_stops_nothing() -> None:
    inbox = PaneInbox({"minutes": DETECTOR}, SOURCES)
    other = PaneLayout(5 * MINUTE_US, 2, 5 * MINUTE_US)
    messages = [*wire.encode(message_of(1), other, []), b"nonsense"]
    messages += told(Ledger(DETECTOR, SOURCES[0]), [post(1, START_US, "app")], START_US)
    totals: Totals = {}
    take(inbox, messages, totals)
    assert list(totals.values()) == [[1, 1]]
    assert inbox.refused == {Refused.OTHER_WINDOWS: 1, Refused.UNREADABLE: 1}
    assert "run all processes with the same settings file" in inbox.why[Refused.OTHER_WINDOWS]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), kills=st.integers(0, 6), listener_kills=st.integers(0, 4))
def test_sums_are_exact_however_senders_and_listener_are_killed_and_cut_their_batches(
    seed: int, kills: int, listener_kills: int
) -> None:
    rng = random.Random(seed)
    partitions: list[list[Event]] = []
    expected: Totals = {}
    for index in range(len(SOURCES)):
        time_us = START_US
        events = []
        for number in range(rng.randrange(1, 120)):
            time_us += rng.randrange(0, 8_000_000)
            at_us = time_us - rng.randrange(0, 4_000_000)
            events.append(post(index * 1_000 + number, at_us, rng.choice(["app", "web"])))
        partitions.append(events)
        counting = Counting()
        counting.add(events)
        add_up(expected, counting.take())

    log: list[bytes] = []  # the topic: everything that was ever told, in order
    ledgers = [Ledger(DETECTOR, source) for source in SOURCES]
    saved = [(0, ledger.snapshot()) for ledger in ledgers]
    positions = [0, 0]
    kill_at = {rng.randrange(400) for _ in range(kills)}
    step = 0
    while positions != [len(events) for events in partitions]:
        step += 1
        index = rng.randrange(2)
        if step in kill_at:
            positions[index], state = saved[index]
            ledgers[index] = Ledger(DETECTOR, SOURCES[index])
            ledgers[index].restore(state)
            continue
        piece = partitions[index][positions[index] : positions[index] + rng.randrange(1, 15)]
        positions[index] += len(piece)
        newest_us = max((found.time_us for found in partitions[index][: positions[index]]), default=NEVER_US)
        log += told(ledgers[index], piece, newest_us - 4_000_000)
        if rng.random() < 0.3:
            saved[index] = positions[index], ledgers[index].snapshot()

    totals: Totals = {}
    inbox = PaneInbox({"minutes": DETECTOR}, SOURCES)
    kept: tuple[int, bytes, Totals] = (0, inbox.snapshot(), {})
    at, killed = 0, 0
    while at < len(log):
        if killed < listener_kills and rng.random() < 0.1:
            killed += 1
            at, state_of_inbox, totals = kept[0], kept[1], {key: list(value) for key, value in kept[2].items()}
            inbox = PaneInbox({"minutes": DETECTOR}, SOURCES)
            inbox.restore(state_of_inbox)
        size = rng.randrange(1, 8)
        take(inbox, log[at : at + size], totals)
        at += size
        if rng.random() < 0.3:
            kept = at, inbox.snapshot(), {key: list(value) for key, value in totals.items()}
    assert {key: value for key, value in totals.items() if any(value)} == expected


def test_whoever_adds_up_the_sums_may_add_into_them() -> None:
    inbox = PaneInbox({"minutes": DETECTOR}, SOURCES)
    first, second = (Ledger(DETECTOR, source) for source in SOURCES)
    spec = WindowSpec(MINUTE_US, MINUTE_US)
    assembler = WindowAssembler(spec, 2, forget_us=10**12, max_groups=10)
    for number, ledger in enumerate([first, second, first, second, first]):
        message = told(ledger, [post(number, START_US, "app")], START_US - 1)
        for batch in inbox.take(message):
            assembler.merge(batch.panes)
    (window,) = assembler.advance(START_US + MINUTE_US)
    assert window.vector == [5, 10]


def test_a_sender_that_has_lost_its_state_is_heard_from_its_first_word_and_nothing_is_doubled() -> None:
    inbox, totals = PaneInbox({"minutes": DETECTOR}, SOURCES[:1]), new_totals()
    events = [post(number, START_US + number, "app") for number in range(1, 9)]
    first = Ledger(DETECTOR, SOURCES[0])
    first.reads(0, 5)
    take(inbox, told(first, events[:5], START_US - 5), totals)
    again = Ledger(DETECTOR, SOURCES[0])  # the topic still has everything
    for at in (0, 3, 6):
        again.reads(at, at + 3)
        take(inbox, told(again, events[at : at + 3], START_US - 5 + at), totals)
    assert list(totals.values()) == [[8, 36]]


def test_what_a_sender_without_state_reads_behind_all_that_was_told_is_added() -> None:
    inbox, totals = PaneInbox({"minutes": DETECTOR}, SOURCES[:1]), new_totals()
    first = Ledger(DETECTOR, SOURCES[0])
    first.reads(0, 5)
    take(inbox, told(first, [post(number, START_US, "app") for number in range(5)], START_US - 5), totals)
    again = Ledger(DETECTOR, SOURCES[0])
    again.reads(100, 102)  # what stood between was deleted before it was read
    take(inbox, told(again, [post(number, START_US, "app") for number in (100, 101)], START_US - 5), totals)
    assert list(totals.values()) == [[7, 10 + 201]]


def test_an_old_state_whose_next_records_are_deleted_does_not_make_its_sender_unheard() -> None:
    inbox, totals = PaneInbox({"minutes": DETECTOR}, SOURCES[:1]), new_totals()
    ledger = Ledger(DETECTOR, SOURCES[0])
    ledger.reads(0, 1)
    take(inbox, told(ledger, [post(0, START_US, "app")], START_US - 5), totals)
    old = ledger.snapshot()
    ledger.reads(1, 9)
    take(inbox, told(ledger, [post(number, START_US, "app") for number in range(1, 9)], START_US - 5), totals)
    back = Ledger(DETECTOR, SOURCES[0])
    back.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(old)))
    back.reads(9, 11)
    later = [post(number, START_US + MINUTE_US, "app") for number in (9, 10)]
    take(inbox, told(back, later, START_US), totals)
    assert totals[START_US // MINUTE_US + 1, ("app",)] == [2, 19]


def test_a_sender_whose_place_was_taken_is_not_heard_any_more() -> None:
    inbox, totals = PaneInbox({"minutes": DETECTOR}, SOURCES[:1]), new_totals()
    gone, heir = Ledger(DETECTOR, SOURCES[0]), Ledger(DETECTOR, SOURCES[0])
    take(inbox, told(gone, [post(1, START_US, "app")], START_US - 5), totals)
    take(inbox, told(heir, [post(1, START_US, "app")], START_US - 5), totals)
    take(inbox, told(gone, [post(2, START_US, "app")], START_US - 5), totals)
    assert list(totals.values()) == [[1, 1]]
    assert inbox.refused == {Refused.OLDER_LIFE: 1}
    restored = PaneInbox({"minutes": DETECTOR}, SOURCES[:1])
    restored.restore(inbox.snapshot())
    take(restored, told(gone, [post(3, START_US, "app")], START_US - 5), totals)
    assert restored.refused == {Refused.OLDER_LIFE: 1}


def test_who_tells_something_now_and_then_is_heard_and_not_waited_for() -> None:
    inbox, totals = PaneInbox({"minutes": DETECTOR}, SOURCES[:1], SOURCES[1:]), new_totals()
    assert take(inbox, told(Ledger(DETECTOR, SOURCES[0]), [], START_US), totals) == START_US
    assert take(inbox, told(Ledger(DETECTOR, SOURCES[1]), [post(1, START_US, "app")], 0), totals) == START_US
    assert list(totals.values()) == [[1, 1]]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_sums_of_very_many_groups_are_told_in_parts_and_exact_though_parts_are_lost(seed: int) -> None:
    rng = random.Random(seed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(wire, "MAX_BYTES", 60)
        events = [post(number, START_US, f"service-{rng.randrange(12)}") for number in range(60)]
        expected: Totals = {}
        counting = Counting()
        counting.add(events)
        add_up(expected, counting.take())
        inbox, totals = PaneInbox({"minutes": DETECTOR}, SOURCES[:1]), new_totals()
        ledger, at = Ledger(DETECTOR, SOURCES[0]), 0
        saved, saved_at = ledger.snapshot(), 0
        for _ in range(rng.randrange(4)):
            for _ in range(rng.randrange(3)):
                size = rng.randrange(1, 25)
                messages = told(ledger, events[at : at + size], START_US - 1)
                at += size
                if rng.random() < 0.5:
                    saved, saved_at = ledger.snapshot(), at
                    take(inbox, messages, totals)
                else:  # dies in the middle of telling
                    take(inbox, messages[: rng.randrange(len(messages) + 1)], totals)
                    break
            ledger, at = Ledger(DETECTOR, SOURCES[0]), saved_at
            ledger.restore(saved)
        for message in told(ledger, events[at:], START_US + 60_000_000):
            assert len(message) < 200
            take(inbox, [message], totals)
        assert totals == expected


def test_ten_thousand_groups_fit_into_messages_that_a_cluster_takes() -> None:
    ledger = Ledger(DETECTOR, SOURCES[0])
    names = [f"a service with quite a long name, number {number}" for number in range(10_000)]
    messages = told(ledger, [post(number, START_US, name) for number, name in enumerate(names)], START_US)
    assert max(map(len, messages)) < 900_000
    totals: Totals = {}
    take(PaneInbox({"minutes": DETECTOR}, SOURCES[:1]), messages, totals)
    assert len(totals) == 10_000
