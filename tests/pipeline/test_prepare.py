"""What prepare routes, counts and turns away; detectors are recorders here."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from detectors.contract import NEVER_US, CaseShard, Outcome, Progress
from detectors.control import Control
from detectors.events import CaseEvent, Event
from detectors.panes import PaneLayout, Panes
from pipeline.decode import Decoder
from pipeline.dedup import Deduplicator
from pipeline.feeds.contract import RawBatch, Status
from pipeline.lane import LaneItem, Pace
from pipeline.letters import DeadLetter
from pipeline.prepare import FeedTime, Prepare, TimeRules
from pipeline.routing import CaseBatch, PaneBatch, ProcessRouter, Routed
from pipeline.tallies import Tallies
from tests.support.events import HOUR_US, MINUTE_US, START_US, raw_event

LATENESS_US = 10 * MINUTE_US
SHARDS = 4


class Cases:
    name = "cases"
    event_types = frozenset({"crm.case.opened", "crm.case.resolved"})

    def key(self, event: Event) -> str | None:
        return event.data.case_id if isinstance(event, CaseEvent) and event.data.queue != "ignored" else None

    def shard(self) -> CaseShard:
        raise NotImplementedError


class Counting:
    def __init__(self) -> None:
        self.count = 0

    def add(self, events: Sequence[Event]) -> None:
        self.count += len(events)

    def take(self) -> Panes:
        count, self.count = self.count, 0
        return [(0, (), [count])] if count else []


class Windows:
    name = "windows"
    layout = PaneLayout(MINUTE_US, 1, MINUTE_US)
    event_types = frozenset({"social.post"})

    def combiner(self) -> "Counting":
        return Counting()

    def state(self) -> "Windows":
        return self

    def update(self, panes: Panes, progress: Progress) -> Outcome:
        raise NotImplementedError

    def control(self, controls: Sequence[Control]) -> None:
        raise NotImplementedError

    def snapshot(self) -> bytes:
        return b""

    def restore(self, state: bytes) -> None:
        raise NotImplementedError


def make_prepare(folder: Path | None = None, **feed_times: FeedTime) -> tuple[Prepare, Tallies]:
    tallies = Tallies()
    prepare = Prepare(
        decoder=Decoder({"crm": None}),
        enrich=lambda events: None,
        rules=TimeRules(LATENESS_US, MINUTE_US, 24 * HOUR_US, 5 * MINUTE_US),
        feed_times=feed_times,
        router=ProcessRouter({"cases": Cases(), "windows": Windows()}, SHARDS),
        dedup=Deduplicator(24 * HOUR_US, folder),
        tallies=tallies,
        pace=Pace(),
    )
    return prepare, tallies


def opened(number: int, minutes: float, *, event_id: str | None = None, queue: str = "") -> bytes:
    data = {"case_id": f"c-{number}", "queue": queue}
    return raw_event("crm.case.opened", event_id or f"e-{number}", START_US + int(minutes * MINUTE_US), data)


def post(number: int, minutes: float) -> bytes:
    return raw_event("social.post", f"p-{number}", START_US + int(minutes * MINUTE_US), {"sentiment": 0.1})


def item(
    *records: bytes, now_us: int | None = None, status: Status = Status.READING, feed: str = "crm", partition: str = "0"
) -> LaneItem:
    batch = RawBatch(feed=feed, partition=partition, offsets=list(range(len(records))), records=list(records))
    return LaneItem([batch] if records else [], {(feed, partition): status}, now_us)


def case_ids(routed: list[Routed]) -> list[tuple[list[str], int]]:
    return [
        (sorted(event.id for event in batch.events), batch.progress.watermark_us)
        for batch in routed
        if isinstance(batch, CaseBatch) and batch.events
    ]


def letters(routed: list[Routed]) -> list[str]:
    return [letter.reason for letter in routed if isinstance(letter, DeadLetter)]


def test_events_of_a_key_always_go_to_the_same_shard() -> None:
    prepare, _ = make_prepare()
    shards: dict[str, set[int]] = {}
    for minutes in range(3):
        routed = prepare.take(item(*(opened(n, minutes, event_id=f"{n}-{minutes}") for n in range(50))))
        for batch in routed:
            if isinstance(batch, CaseBatch):
                for event in batch.events:
                    shards.setdefault(event.id.partition("-")[0], set()).add(batch.shard)
    assert len(shards) == 50
    assert {len(found) for found in shards.values()} == {1}
    assert len({shard for found in shards.values() for shard in found}) == SHARDS


def test_time_is_carried_to_every_shard_and_window_also_without_events() -> None:
    prepare, _ = make_prepare()
    routed = prepare.take(item(opened(1, 60)))
    reached = Progress(START_US + 50 * MINUTE_US, START_US + 50 * MINUTE_US)
    assert {b.shard for b in routed if isinstance(b, CaseBatch) and b.progress == reached} == set(range(SHARDS))
    assert any(isinstance(b, PaneBatch) and b.progress == reached for b in routed)


def test_time_that_has_not_moved_is_not_announced_again() -> None:
    prepare, _ = make_prepare()
    prepare.take(item(opened(1, 60)))
    assert prepare.take(item()) == []


def test_an_event_without_a_key_and_one_of_another_type_reach_no_case_detector() -> None:
    prepare, tallies = make_prepare()
    routed = prepare.take(item(opened(1, 0, queue="ignored"), post(1, 0)))
    assert case_ids(routed) == []
    assert [b.panes for b in routed if isinstance(b, PaneBatch) and b.panes] == [[(0, (), [1])]]
    assert tallies.events == 2


@pytest.mark.parametrize("cut", range(5))
def test_a_late_event_meets_the_watermark_that_made_it_late_however_batches_are_cut(cut: int) -> None:
    records = [opened(1, 0), opened(2, 60), opened(3, 40), opened(4, 61)]
    prepare, tallies = make_prepare()
    routed = prepare.take(item(*records[:cut])) + prepare.take(item(*records[cut:]))
    seen = [(ids, wm) for ids, wm in case_ids(routed) if "e-3" in ids]
    assert [wm for _, wm in seen] == [START_US + 50 * MINUTE_US] or [wm for _, wm in seen] == [
        START_US + 51 * MINUTE_US
    ]
    before = [wm for ids, wm in case_ids(routed) if "e-2" in ids]
    assert before == [START_US + 50 * MINUTE_US]
    assert not any({"e-2", "e-3"} <= set(ids) for ids, _ in case_ids(routed))
    assert tallies.late == 1


def test_an_event_older_than_the_dedup_horizon_is_a_dead_letter() -> None:
    prepare, tallies = make_prepare()
    prepare.take(item(opened(1, 48 * 60)))
    routed = prepare.take(item(opened(2, 23 * 60), opened(3, 25 * 60)))
    assert letters(routed) == ["too_late"]
    assert (tallies.events, tallies.late, tallies.dead_letter_count) == (2, 1, 1)


def test_live_an_event_from_the_future_is_a_dead_letter_and_does_not_move_time() -> None:
    prepare, tallies = make_prepare()
    now_us = START_US + HOUR_US
    routed = prepare.take(item(opened(1, 66), opened(2, 60), now_us=now_us))
    assert letters(routed) == ["from_future"]
    assert prepare.progress.watermark_us == START_US + 50 * MINUTE_US
    assert tallies.events == 1


def test_a_recording_ends_after_its_last_event_which_comes_with_the_end() -> None:
    prepare, _ = make_prepare()
    routed = prepare.take(item(opened(1, 60), status=Status.ENDED))
    end_us = START_US + 60 * MINUTE_US + 1
    assert [b.progress.watermark_us for b in routed if isinstance(b, CaseBatch) and b.events] == [end_us]
    assert prepare.progress.watermark_us == end_us


def test_a_partition_that_nothing_was_read_from_yet_holds_time_back() -> None:
    prepare, _ = make_prepare()
    first = item(opened(1, 60))
    first.statuses["crm", "1"] = Status.READING
    prepare.take(first)
    assert prepare.progress.watermark_us == NEVER_US


def test_a_feed_may_have_its_own_lateness() -> None:
    prepare, _ = make_prepare(crm=FeedTime(lateness_us=MINUTE_US))
    prepare.take(item(opened(1, 60)))
    assert prepare.progress.watermark_us == START_US + 59 * MINUTE_US


def test_every_record_is_an_event_a_repeat_or_a_dead_letter() -> None:
    prepare, tallies = make_prepare()
    prepare.take(item(opened(1, 0), opened(1, 0), b"{", b"[]", opened(2, 1), b"\xff"))
    assert (tallies.records, tallies.events, tallies.duplicates) == (6, 2, 1)
    assert tallies.dead_letters == {"crm": {"invalid_json": 1, "not_an_object": 1, "invalid_utf8": 1}}


def test_a_restored_prepare_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    records = [opened(n, n * 7, event_id=f"e-{n % 20}") for n in range(40)]
    whole, whole_tallies = make_prepare(tmp_path / "whole")
    whole_out = [case_ids(whole.take(item(record))) for record in records]
    first, _ = make_prepare(tmp_path / "parts")
    out = [case_ids(first.take(item(record))) for record in records[:25]]
    state = first.snapshot()
    first.take(item(opened(99, 9999)))
    second, tallies = make_prepare(tmp_path / "parts")
    second.restore(state)
    out += [case_ids(second.take(item(record))) for record in records[25:]]
    assert out == whole_out
    assert tallies.snapshot() == whole_tallies.snapshot()
    assert whole.progress.watermark_us > NEVER_US


def test_a_repeat_is_known_or_too_late_never_new() -> None:
    prepare, tallies = make_prepare()
    for minutes in range(2883):
        prepare.take(item(opened(minutes, minutes)))
    prepare.take(item(opened(1439, 1439)))
    assert tallies.duplicates + tallies.dead_letter_count == 1


def test_a_partition_that_no_feed_has_any_more_holds_no_time_back() -> None:
    prepare, _ = make_prepare()
    first = item(opened(1, 60), now_us=START_US + HOUR_US, status=Status.CAUGHT_UP)
    first.statuses["gone", "0"] = Status.UNREACHABLE
    prepare.take(first)
    second, _ = make_prepare()
    second.restore(prepare.snapshot())
    for hours in (2, 3, 4):
        second.take(item(now_us=START_US + hours * HOUR_US, status=Status.CAUGHT_UP))
    assert second.progress == Progress(START_US + 4 * HOUR_US - 10 * MINUTE_US, START_US + 4 * HOUR_US)


def test_a_lateness_that_was_changed_in_the_settings_holds_after_a_restart() -> None:
    prepare, _ = make_prepare()
    prepare.take(item(opened(1, 60)))
    second, _ = make_prepare(crm=FeedTime(lateness_us=MINUTE_US))
    second.restore(prepare.snapshot())
    second.take(item(opened(2, 120)))
    assert second.progress.watermark_us == START_US + 119 * MINUTE_US


def test_a_letter_that_was_too_late_is_an_event_when_it_is_sent_again() -> None:
    prepare, tallies = make_prepare()
    prepare.take(item(opened(1, 48 * 60)))
    routed = prepare.take(item(opened(2, 23 * 60)))
    assert letters(routed) == ["too_late"]
    (letter,) = [one for one in routed if isinstance(one, DeadLetter)]
    again = RawBatch("crm/requeue", "requeue", [1], [letter.raw], mapped=True)
    statuses = {("crm", "0"): Status.READING, ("crm/requeue", "requeue"): Status.CAUGHT_UP}
    routed = prepare.take(LaneItem([again], statuses, None))
    assert [found for found, _ in case_ids(routed)] == [["e-2"]]
    assert tallies.duplicates == 0
