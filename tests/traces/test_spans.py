"""What is told of an alert's way, without a library or a network."""

from pathlib import Path

import msgspec
import pytest
from bytewax.operators import StatefulBatchLogic

from alerts.store import AlertStore
from alerts.traces.model import Ids, Span
from config.base import ComponentSettings
from config.settings import Settings
from detectors.contract import AlertChange, Outcome
from pipeline.feeds.contract import RawBatch
from pipeline.lane import LaneItem, PartitionKey
from pipeline.routing import Routed
from pipeline.traces.intake import KEPT, Intake
from pipeline.traces.spans import FlowTraces
from sinks.traces import NotifierTraces
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.events import HOUR_US
from tests.support.events import START_US as MONDAY_US
from tests.support.findings import finding
from tests.support.http import Answer, http_server
from tests.support.notifier import Clock, Rig
from tests.support.traces import Kept, kept


def below(out: Kept, change_: AlertChange) -> list[str]:
    """Return the names of the spans in a change's trace; each must be connected with its root."""
    ids = Ids("test")
    spans = [span for span in out.spans if span.place.trace == ids.root(change_.change_id).trace]
    known = {span.place.span for span in spans}
    assert [span for span in spans if span.parent is not None and span.parent not in known] == []
    assert [span.place for span in spans if span.parent is None] == [ids.root(change_.change_id)]
    assert len(known) == len(spans)
    return [span.name for span in spans]


def named(out: Kept, name: str) -> Span:
    (found,) = [span for span in out.spans if span.name == name]
    return found


def now_us(store: AlertStore) -> int:
    seconds, more_us = store.client.time()
    return int(seconds) * 1_000_000 + int(more_us)


def rig(store: AlertStore, folder: Path, url: str, **more: object) -> tuple[Rig, Kept]:
    tracing, out = kept()
    channels = {"first": {"type": "webhook", "url": url}, "second": {"type": "file", "path": folder / "second.jsonl"}}
    return Rig(store, folder, channels, observer=NotifierTraces(tracing), **more), out  # type: ignore[arg-type]


def test_a_notifier_that_goes_on_after_another_has_stopped_goes_on_in_the_same_trace(
    store: AlertStore, tmp_path: Path
) -> None:
    alert = change()
    store.apply([alert])
    with http_server(Answer(503), Answer(200)) as server:
        one, before = rig(store, tmp_path, server.url)
        one.drain()
        assert before.names() == ["alert SlaBreach", "group wait", "send first"]
        other, after = rig(store, tmp_path, server.url, clock=one.clock)
        other.run(5)
    assert after.names() == ["send first", "notify ops"]
    before.spans += after.spans
    assert sorted(below(before, alert)) == ["alert SlaBreach", "group wait", "notify ops", "send first", "send first"]
    assert named(after, "notify ops").about["makegood.tries"] == 2


def test_a_change_that_is_applied_again_gets_no_second_trace(store: AlertStore, tmp_path: Path) -> None:
    with http_server() as server:
        one, out = rig(store, tmp_path, server.url)
        store.apply([change()])
        one.run(1)
        store.apply([change()])
        one.run(1)
    assert below(out, change()) == ["alert SlaBreach", "group wait", "send first", "notify ops"]


def test_each_alert_of_a_group_has_its_own_trace_and_leads_to_the_one_with_the_tries(
    store: AlertStore, tmp_path: Path
) -> None:
    changes = [change(case_id=str(number)) for number in range(3)]
    with http_server() as server:
        tracing, out = kept()
        group = {"receiver": "ops", "group_by": ["alertname"], "group_wait": "10s", "group_interval": "1m"}
        one = Rig(
            store,
            tmp_path,
            {"first": {"type": "webhook", "url": server.url}},
            observer=NotifierTraces(tracing),
            route_settings=group,
            clock=Clock(now_us(store)),
        )
        store.apply(changes)
        one.run(20)
        assert len(server.requests) == 1
    told = [below(out, one) for one in changes]
    assert sorted(map(len, told)) == [2, 2, 4]
    spans = [span for span in out.spans if span.name == "notify ops"]
    (whole,) = [span for span in spans if len(span.links) == 2]
    assert {span.links for span in spans} - {whole.links} == {(whole.place,)}
    waited = named(out, "group wait")
    assert waited.end_us - waited.start_us == pytest.approx(10_000_000, abs=500_000)


def test_that_a_change_is_not_told_is_told(store: AlertStore, tmp_path: Path) -> None:
    with http_server() as server:
        one, out = rig(store, tmp_path, server.url, receiver={"send_resolved": False})
        store.apply([change()])
        one.run(1)
        over = change(step="resolved", at_us=START_US + MINUTE_US)
        store.apply([over])
        one.run(1)
    assert below(out, over) == ["alert SlaBreach", "not told"]
    assert named(out, "not told").about["makegood.verdict"] == "unwanted"


def test_nothing_that_customers_wrote_and_no_person_is_in_a_span(store: AlertStore, tmp_path: Path) -> None:
    with http_server(Answer(400, body=b"canary")) as server:
        one, out = rig(store, tmp_path, f"{server.url}/canary")
        store.apply([change(summary="canary", customer="canary", case_id="canary", service="checkout")])
        one.run(5)
    assert "notify ops" in out.names()
    told = msgspec.json.encode(out.spans).decode()
    assert "checkout" in told
    assert "canary" not in told


def test_a_defect_in_what_is_told_is_counted_and_keeps_nothing_from_being_told(
    store: AlertStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError

    with http_server() as server:
        one, out = rig(store, tmp_path, server.url)
        monkeypatch.setattr(NotifierTraces, "_try", broken)
        alert = change()
        store.apply([alert])
        one.run(1)
    assert one.status(alert.fingerprint) == ["delivered"]
    assert out.defects == 1


class Partitions:
    """An intake and how far its partitions have come."""

    def __init__(self, resolution_us: int = 1) -> None:
        self.newest_us: dict[PartitionKey, int] = {}
        self.intake = Intake(self.newest_us, resolution_us)
        self._offset = 0

    def take(self, newest_us: int, read_us: int, *, partition: str = "orders/0", records: int = 10) -> None:
        batch = RawBatch("orders", partition, range(self._offset, self._offset + records), [b""] * records)
        self._offset += records
        self.intake.takes([batch])
        self.newest_us["orders", partition] = newest_us
        self.intake.took([batch], read_us)

    def at(self, at_us: int, most: int = 8) -> list[tuple[str, int, int, int]]:
        return [(one.partition, one.first_offset, one.last_offset, one.read_us) for one in self.intake.at(at_us, most)]


def test_the_look_that_brought_a_partition_to_a_time_is_the_one_that_is_told() -> None:
    partitions = Partitions()
    partitions.take(100, 1)
    partitions.take(200, 2)
    partitions.take(150, 3)
    partitions.take(300, 4)
    assert partitions.at(100) == [("orders/0", 0, 9, 1)]
    assert partitions.at(101) == [("orders/0", 10, 19, 2)]
    assert partitions.at(300) == [("orders/0", 30, 39, 4)]
    assert partitions.at(301) == [("orders/0", 30, 39, 4)], "it has not come to it: what was read last"


def test_what_a_partition_had_come_to_before_this_process_began_was_read_nobody_knows_when() -> None:
    partitions = Partitions()
    partitions.newest_us["orders", "orders/0"] = 100
    partitions.take(200, 2)
    assert partitions.at(100) == []
    assert partitions.at(101) == [("orders/0", 0, 9, 2)]


def test_looks_that_bring_a_partition_on_by_little_are_remembered_as_one() -> None:
    partitions = Partitions(resolution_us=100)
    for newest_us in range(0, 1_000, 10):
        partitions.take(newest_us, newest_us)
    assert partitions.at(500) == [("orders/0", 460, 549, 540)]


def test_what_was_read_long_ago_is_forgotten() -> None:
    partitions = Partitions()
    for number in range(KEPT + 3):
        partitions.take(number, number, records=1)
    assert partitions.at(2) == []
    assert partitions.at(3) == [("orders/0", 3, 3, 3)]


def test_of_many_partitions_those_that_came_to_it_last_are_told() -> None:
    partitions = Partitions()
    for number in range(100):
        partitions.take(100, number, partition=f"orders/{number}")
    assert [one[0] for one in partitions.at(100, most=2)] == ["orders/63", "orders/62"]


class Reading(StatefulBatchLogic[LaneItem, Routed, bytes]):
    """As much of a prepare step as brings partitions on: each item by an hour."""

    def __init__(self, newest_us: dict[PartitionKey, int]) -> None:
        self._newest_us = newest_us

    def on_batch(self, values: list[LaneItem]) -> tuple[list[Routed], bool]:
        for batch in (batch for item in values for batch in item.batches):
            key = batch.feed, batch.partition
            self._newest_us[key] = self._newest_us.get(key, MONDAY_US) + HOUR_US
        return [], StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        return b"state"


def read_and_decided(alert: AlertChange) -> Kept:
    """Return what a flow tells that reads six records of a topic and changes an alert."""
    tracing, out = kept()
    newest_us: dict[PartitionKey, int] = {}
    settings = Settings(feeds={"orders": ComponentSettings(type="kafka")})
    traces = FlowTraces(tracing, settings, newest_us, lambda: MONDAY_US + 3 * HOUR_US)
    logic = traces.watched(lambda _: Reading(newest_us))(None)
    for first in (7, 10):
        batch = RawBatch("orders", "orders-eu/3", range(first, first + 3), [b""] * 3)
        logic.on_batch([LaneItem([batch], {}, MONDAY_US)])
    assert logic.snapshot() == b"state"
    traces.decided([("mood#3", Outcome([alert], []))])
    return out


def test_what_was_read_is_told_with_topic_partition_and_offsets_and_again_with_the_same_ids() -> None:
    alert = change(at_us=MONDAY_US + 90 * MINUTE_US, starts_at_us=MONDAY_US, rule="mood")
    out, again = read_and_decided(alert), read_and_decided(alert)
    read = named(out, "receive orders")
    assert (read.about["messaging.system"], read.about["messaging.destination.name"]) == ("kafka", "orders-eu")
    assert (read.about["messaging.destination.partition.id"], read.about["messaging.kafka.offset"]) == ("3", 12)
    assert (read.about["makegood.offset.first"], read.about["messaging.batch.message_count"]) == (10, 3)
    assert (read.start_us, read.end_us) == (alert.at_us, MONDAY_US + 3 * HOUR_US)
    assert out.names() == ["receive orders", "decide mood"]
    assert [span.place for span in again.spans] == [span.place for span in out.spans]


def test_a_decision_is_told_with_its_window() -> None:
    tracing, out = kept()
    seen = finding(2, service="checkout")
    traces = FlowTraces(tracing, Settings(), {}, lambda: seen.end_us + 9)
    alert = change(at_us=seen.end_us, starts_at_us=seen.end_us, service="checkout", rule="mood")
    traces.decided([("mood", Outcome([alert], [finding(1, service="checkout"), finding(2, service="app"), seen]))])
    stored: list[AlertChange] = []
    traces.storing(stored.extend)([alert])
    assert stored == [alert]
    assert out.names() == ["decide mood", "store"]
    decided = out.spans[0]
    assert (decided.start_us, decided.end_us) == (seen.end_us, seen.end_us + 9)
    assert decided.about["makegood.window.events"] == 12
    assert decided.about["makegood.window.start"] == "2026-03-02T01:00:00.000000Z"
