import math
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, generate_latest

import pipeline.feeds.catalogue  # noqa: F401 - registers every feed
from detectors.contract import NEVER_US, Progress
from pipeline.feeds.contract import FEEDS, Feed, Status
from pipeline.health import FlowHealth
from pipeline.metrics import FlowCollector
from pipeline.quality import BLOCK, ENOUGH, Quality
from pipeline.reasons import Reason
from pipeline.scale.inbox import Refused, WindowTime
from pipeline.scale.panes_health import TOLD_FOR_US, PanesHealth, PaneWatch
from pipeline.tallies import Tallies
from pipeline.watermarks import PartitionTime


def exposed(health: FlowHealth) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(FlowCollector(health, ["crm", "social"]))
    lines = generate_latest(registry).decode().splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def test_before_the_flow_has_started_it_says_that_it_is_not_well_and_nothing_else() -> None:
    assert exposed(FlowHealth()) == {"makegood_flow_healthy": 0}


def test_counts_and_times_are_those_of_the_flow() -> None:
    health, tallies = FlowHealth(), Tallies()
    health.attach(
        tallies,
        lambda: {
            ("crm", "0"): PartitionTime(0, 0, newest_us=5_000_000, status=Status.CAUGHT_UP),
            ("social", "a"): PartitionTime(0, 0, newest_us=NEVER_US, status=Status.UNREACHABLE),
        },
    )
    tallies.records, tallies.events, tallies.late = 10, 7, 2
    tallies.dead("crm", "invalid_json")
    tallies.progress = Progress(4_000_000, 4_000_000)
    told = exposed(health)
    assert told["makegood_records_total"] == 10
    assert told["makegood_events_total"] == 7
    assert told["makegood_late_events_total"] == 2
    assert told["makegood_watermark_timestamp_seconds"] == 4
    assert told['makegood_dead_letters_total{feed="crm",reason="invalid_json"}'] == 1
    assert told['makegood_partition_newest_event_timestamp_seconds{feed="crm",partition="0"}'] == 5
    assert 'makegood_partition_newest_event_timestamp_seconds{feed="social",partition="a"}' not in told
    assert told['makegood_partition_status{feed="social",partition="a",status="unreachable"}'] == 1
    assert told['makegood_partition_status{feed="social",partition="a",status="reading"}'] == 0


def test_windows_of_several_processes_say_how_far_they_are_and_who_holds_them_open() -> None:
    health = FlowHealth()
    windows = {
        "mood": WindowTime(60_000_000, 5_000_000, ["crm/cases/1"]),
        "new": WindowTime(NEVER_US, None, ["crm/cases/0", "crm/cases/1"]),
    }
    health.attach(Tallies(), dict, lambda: windows)
    told = exposed(health)
    assert told['makegood_windows_watermark_timestamp_seconds{detector="mood"}'] == 60
    assert 'makegood_windows_watermark_timestamp_seconds{detector="new"}' not in told
    assert told['makegood_windows_held_back_seconds{detector="mood"}'] == 5
    assert told['makegood_windows_held_back_seconds{detector="new"}'] == math.inf
    _, report = health.report(0)
    assert report["windows"] == {
        "mood": {"judged_until": 60.0, "held_back_seconds": 5.0, "held_by": ["crm/cases/1"]},
        "new": {"judged_until": None, "held_back_seconds": None, "held_by": ["crm/cases/0", "crm/cases/1"]},
    }


def test_messages_between_processes_that_wait_or_were_not_used_are_told_and_are_not_healthy() -> None:
    health = FlowHealth()
    health.beat(0)
    panes = PanesHealth(refused={"unreadable": 2}, held={"panes/3": "upgrade this one"})
    health.attach(Tallies(), dict, dict, lambda: panes)
    told = exposed(health)
    assert told['makegood_panes_refused_total{reason="unreadable"}'] == 2
    assert told["makegood_panes_held_partitions"] == 1
    well, report = health.report(0)
    assert (well, report["troubles"]) == (False, {"panes": "panes/3 is not read on: upgrade this one"})
    health.attach(Tallies(), dict, dict, lambda: PanesHealth(refused={"unreadable": 2}))
    assert health.report(0)[0], "of long ago"
    watch = PaneWatch()
    watch.look({Refused.UNREADABLE: 2, Refused.NOT_IN_SETTINGS: 1}, 10)
    assert watch.lately() == [Refused.UNREADABLE]
    watch.look({Refused.UNREADABLE: 2}, 10 + TOLD_FOR_US)
    assert watch.lately() == []


def test_every_reason_of_every_feed_is_there_from_the_start_at_zero() -> None:
    health = FlowHealth()
    health.attach(Tallies(), dict)
    told = exposed(health)
    for feed in ("crm", "social"):
        for reason in Reason:
            assert told[f'makegood_dead_letters_total{{feed="{feed}",reason="{reason.value}"}}'] == 0


class Behind:
    """A feed with figures of its own."""

    def __init__(self) -> None:
        self.skipped = {"t/0": 7}
        self.why = {"t/1": "SASL authentication failed"}

    def lag(self) -> dict[str, int]:
        return {"t/0": 40, "t/1": 0}

    def why_unreachable(self) -> dict[str, str]:
        return self.why


def watched(unreachable: bool = False, limit: float = 0.2) -> tuple[FlowHealth, Tallies]:
    health, tallies = FlowHealth(), Tallies()
    status = Status.UNREACHABLE if unreachable else Status.READING
    parts = {("crm", "t/0"): PartitionTime(0, 0, events=5), ("crm", "t/1"): PartitionTime(0, 0, status=status)}
    health.attach(tallies, lambda: parts)
    health.watch({"crm": cast("Feed", Behind()), "social": cast("Feed", object())}, {"crm": limit, "social": 0.2})
    health.beat(0)
    return health, tallies


def report(health: FlowHealth) -> tuple[bool, Any]:
    return health.report(0)


def test_lag_skipped_records_and_events_are_told_by_partition() -> None:
    health, _ = watched()
    told = exposed(health)
    assert told['makegood_kafka_consumer_lag_records{feed="crm",partition="t/0"}'] == 40
    assert told['makegood_kafka_skipped_records_total{feed="crm",partition="t/0"}'] == 7
    assert told['makegood_partition_events_total{feed="crm",partition="t/0"}'] == 5
    well, evidence = report(health)
    assert well
    row = {"status": "reading", "newest": None, "events": 5, "lag": 40, "skipped": 7}
    assert evidence["feeds"]["crm/t/0"] == row


def test_the_lag_that_is_called_one_of_kafka_is_told_by_feeds_of_kafka_only() -> None:
    lagging = [name for name in FEEDS.names() if hasattr(FEEDS.factory(name), "lag")]
    assert lagging == ["kafka"]


def test_an_unreachable_partition_makes_its_feed_unhealthy_and_says_why() -> None:
    health, _ = watched(unreachable=True)
    well, evidence = report(health)
    assert not well
    assert evidence["unreachable"] == ["crm/t/1"]
    assert evidence["feeds"]["crm/t/1"]["why"] == "SASL authentication failed"
    assert evidence["unhealthy"] == {"crm": "1 partition(s) unreachable, t/1: SASL authentication failed"}
    told = exposed(health)
    assert told['makegood_feed_healthy{feed="crm"}'] == 0
    assert told['makegood_feed_healthy{feed="social"}'] == 1


def test_a_feed_with_too_many_bad_records_is_unhealthy_with_the_reasons_until_good_ones_come() -> None:
    health, tallies = watched()
    tallies.took("crm", 100)
    for _ in range(20):
        tallies.dead("crm", "undecodable")
    assert report(health)[0], "a fifth is allowed"
    tallies.dead("crm", "invalid_json")
    well, evidence = report(health)
    assert not well
    why = "21% of the last 100 records are bad, more than max_bad_share (20%): undecodable (20), invalid_json (1)"
    assert evidence["unhealthy"] == {"crm": why}
    told = exposed(health)
    assert told['makegood_feed_healthy{feed="crm"}'] == 0
    assert told['makegood_feed_bad_share{feed="crm"}'] == 0.21
    tallies.took("crm", BLOCK)
    assert report(health)[0]


@pytest.mark.parametrize(("limit", "well"), [(0.0, False), (1.0, True)])
def test_the_share_of_bad_records_that_is_too_much_is_the_feeds_own(limit: float, well: bool) -> None:
    health, tallies = watched(limit=limit)
    tallies.took("crm", ENOUGH)
    tallies.dead("crm", "invalid_json")
    assert report(health)[0] is well


def test_of_a_few_records_nothing_is_said() -> None:
    health, tallies = watched()
    tallies.took("crm", ENOUGH - 1)
    for _ in range(ENOUGH - 1):
        tallies.dead("crm", "invalid_json")
    assert report(health)[0]
    assert 'makegood_feed_bad_share{feed="crm"}' not in exposed(health)


def test_the_share_forgets_what_lies_two_blocks_back() -> None:
    quality = Quality()
    quality.took(BLOCK)
    quality.bad("x")
    quality.took(BLOCK)
    assert quality.reasons() == {"x": 1}
    quality.took(1)
    assert (quality.records, quality.reasons()) == (BLOCK + 1, {})


def test_deleted_dead_letters_are_counted_and_waiting_is_not_healthy() -> None:
    health = FlowHealth()
    health.attach(Tallies(), dict)
    health.beat(1)
    health.count_pruned(lambda: {"crm": {"invalid_json": 3}})
    assert exposed(health)['makegood_dead_letters_pruned_total{feed="crm",reason="invalid_json"}'] == 3
    assert health.report(1)[0]
    health.waits("dead_letters", "the disk is full")
    well, report = health.report(1)
    assert (well, report["waits"]) == (False, {"dead_letters": "the disk is full"})
    health.waits("dead_letters", None)
    assert health.report(1)[0]
