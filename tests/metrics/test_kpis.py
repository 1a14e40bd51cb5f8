"""The figures of service recovery: what is counted, and from what."""

from bisect import bisect_left

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from alerts.acknowledging import load_acknowledging
from alerts.responses import Responses, Said
from alerts.store import AlertStore
from config.metrics.labels import MOST_GROUPS
from config.metrics.notifier import ACKNOWLEDGED
from config.urgency import UrgencySettings
from pipeline.findings.latest import LatestWindows
from pipeline.health import FlowHealth
from pipeline.kpis import Kpis
from pipeline.metrics import FlowCollector
from pipeline.tallies import Tallies
from sinks.alert_figures import READ_EVERY_US, AlertFigures
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.exposition import conclusion
from tests.support.findings import finding

HOUR_US = 60 * MINUTE_US


def exposed(kpis: Kpis) -> CollectorRegistry:
    health = FlowHealth()
    health.attach(Tallies(), dict)
    health.watch_kpis(kpis)
    registry = CollectorRegistry()
    registry.register(FlowCollector(health, [], int))
    return registry


def test_detection_takes_from_event_time_until_the_store_has_the_alert() -> None:
    kpis = Kpis({"sla": "sla_breach"}, frozenset(), lambda: START_US + 90_000_000)
    fired = change(step="suspected")
    kpis.stored([
        msgspec.structs.replace(fired, labels={**fired.labels, "detector": "sla_breach"}),
        change(step="confirmed"),
        change(step="resolved"),
        change(severity="dreadful"),
    ])  # fmt: skip
    of = exposed(kpis).get_sample_value
    assert of("makegood_detection_delay_seconds_count", {"type": "sla_breach"}) == 1
    assert of("makegood_detection_delay_seconds_sum", {"type": "sla_breach"}) == 90
    assert of("makegood_detection_delay_seconds_bucket", {"type": "sla_breach", "le": "60.0"}) == 0
    assert of("makegood_detection_delay_seconds_bucket", {"type": "sla_breach", "le": "120.0"}) == 1
    assert of("makegood_alerts_fired_total", {"type": "sla_breach", "severity": "warning"}) == 1
    assert of("makegood_alerts_fired_total", {"type": "other", "severity": "other"}) == 1, "values of data are not kept"


def test_promises_are_counted_by_kind_and_service_and_resolutions_by_the_time_that_passed() -> None:
    kpis = Kpis({}, frozenset(), int)
    kpis.concluded([
        conclusion("promise.met", elapsed_us=4 * MINUTE_US),
        conclusion("promise.broken"),
        conclusion("promise.met", promise="resolution", service=None),
        conclusion("case.resolved", elapsed_us=1, real_us=HOUR_US),
    ])  # fmt: skip
    of = exposed(kpis).get_sample_value
    first_reply = {"kind": "first_reply", "service": "checkout"}
    assert of("makegood_promises_total", {**first_reply, "outcome": "met"}) == 1
    assert of("makegood_promises_total", {**first_reply, "outcome": "broken"}) == 1
    assert of("makegood_promises_total", {"kind": "resolution", "service": "", "outcome": "met"}) == 1
    assert of("makegood_promise_met_seconds_sum", first_reply) == 240
    assert of("makegood_case_resolution_seconds_sum", {"service": "checkout"}) == 3600


def test_a_group_is_shown_with_its_newest_window_and_not_at_all_when_it_is_no_longer_looked_at() -> None:
    kpis = Kpis({"mood": "sentiment_drop"}, frozenset({"mood"}), int)
    details: dict[str, float | str] = {"mean": -0.5, "negative_share": 0.75}
    bad = msgspec.structs.replace(finding(2, service="app", vendor="x"), value=0.75, details=details)
    kpis.latest.add([finding(1, service="app", vendor="x"), finding(1, service="shop"), bad])
    labels = {"detector": "mood", "type": "sentiment_drop", "service": "app", "region": "", "group": "vendor=x"}
    of = exposed(kpis).get_sample_value
    assert of("makegood_window_value", labels) == 0.75
    assert of("makegood_sentiment_mean", labels) == -0.5
    assert of("makegood_sentiment_negative_share", labels) == 0.75
    assert of("makegood_window_value", {**labels, "service": "shop", "group": ""}) is None
    kpis.latest.add([msgspec.structs.replace(finding(3, service="app", vendor="x"), value=None, p_value=None)])
    of = exposed(kpis).get_sample_value
    assert of("makegood_window_value", labels) is None, "too little to say is no figure"
    assert of("makegood_window_events", labels) == 12


def test_figures_of_sentiment_are_those_of_sentiment_alone() -> None:
    latest = LatestWindows({"answers": "survey_drop"})
    seen = finding(1, detector="answers", service="app")
    latest.add([msgspec.structs.replace(seen, details={"mean": 3.0})])
    told = {family.name: family.samples for family in latest.metrics()}
    assert told["makegood_window_value"]
    assert not told["makegood_sentiment_mean"]


def test_groups_beyond_the_most_are_left_out_and_counted_until_there_is_room() -> None:
    kpis = Kpis({"mood": "sentiment_drop"}, frozenset({"mood"}), int)
    kpis.latest.add([finding(1, service=f"s{number}") for number in range(MOST_GROUPS + 3)])
    of = exposed(kpis).get_sample_value
    assert of("makegood_series_left_out", {"what": "groups"}) == 3
    kpis.latest.add([finding(2, service=f"t{number}") for number in range(5)])
    registry = exposed(kpis)
    assert registry.get_sample_value("makegood_series_left_out", {"what": "groups"}) == 0
    shown = [
        sample for family in registry.collect() if family.name == "makegood_window_events" for sample in family.samples
    ]
    assert sorted(sample.labels["service"] for sample in shown) == [f"t{number}" for number in range(5)]


def test_the_newest_window_of_each_group_comes_with_the_most_unusual_first_and_those_of_before_stay() -> None:
    latest = LatestWindows({"mood": "sentiment_drop", "answers": "survey_drop"})
    latest.add([finding(1, service="a", p_value=0.01), finding(1, service="b"), finding(2, service="b", p_value=None)])
    latest.add([finding(2, detector="answers", service="a", p_value=0.001), finding(1, detector="cases")])
    told = [(one.detector, one.group["service"], one.p_value) for one in latest.newest()]
    assert told == [("answers", "a", 0.001), ("mood", "a", 0.01), ("mood", "b", None)]


def seconds(store: AlertStore) -> float:
    """Return the time by the clock of Redis, not before what it goes by: milliseconds."""
    whole, micros = store.client.time()
    return float(whole + micros // 1000 / 1000)


def said(id_: str) -> Said:
    return Said(id=id_, by="anna", via="cli", at_us=START_US)


def test_the_first_acknowledgement_of_an_episode_is_counted_once_whoever_gives_it(store: AlertStore) -> None:
    one, other = change(service="app"), change(service="shop")
    began_s = seconds(store)
    store.apply([one, other])
    responses = Responses(store)
    responses.acknowledge(one.fingerprint, said("1"))
    responses.acknowledge(one.fingerprint, said("1"))
    responses.unacknowledge(one.fingerprint, said("2"))
    responses.acknowledge(one.fingerprint, said("3"))
    assert sum(load_acknowledging(store).counts) == 1
    responses.comment(other.fingerprint, said("4"), "I see")
    assert sum(load_acknowledging(store).counts) == 1
    again = change(service="app", at_us=START_US + HOUR_US, starts_at_us=START_US + HOUR_US)
    store.apply([change(step="resolved", at_us=START_US + MINUTE_US, service="app"), again])
    responses.acknowledge(one.fingerprint, said("5"))
    found = load_acknowledging(store)
    assert sum(found.counts) == 2
    at_once_s = seconds(store) - began_s + 0.001
    assert sum(found.counts[: bisect_left(ACKNOWLEDGED.buckets, at_once_s) + 1]) == 2, "by the clock of Redis"
    assert len(found.counts) == len(ACKNOWLEDGED.buckets) + 1
    assert found.total_s <= 2 * at_once_s


@pytest.mark.parametrize(("waited_s", "bucket"), [(20, 1), (90_000, 12)])
def test_how_long_it_took_is_counted_by_the_clock_of_redis(store: AlertStore, waited_s: int, bucket: int) -> None:
    one = change()
    began_s = seconds(store)
    store.apply([one])
    key = store.keys.alert(one.fingerprint)
    since_ms = int(store.client.hget(key, "since").partition("-")[0])
    store.client.hset(key, "since", f"{since_ms - waited_s * 1000}-0")
    Responses(store).acknowledge(one.fingerprint, said("1"))
    longest_s = waited_s + seconds(store) - began_s + 0.001
    found = load_acknowledging(store)
    (counted,) = [index for index, count in enumerate(found.counts) if count]
    assert bucket <= counted <= bisect_left(ACKNOWLEDGED.buckets, longest_s)
    assert waited_s <= found.total_s <= longest_s


class Clock:
    def __init__(self) -> None:
        self.now_us = START_US

    def __call__(self) -> int:
        return self.now_us


def test_what_fires_is_shown_by_detector_service_and_whether_somebody_has_it_in_hand(store: AlertStore) -> None:
    clock = Clock()
    figures = AlertFigures(store, clock)
    registry = CollectorRegistry()
    registry.register(figures)
    of = registry.get_sample_value
    assert of("makegood_promises_in_danger", {"service": "", "state": "at_risk"}) == 0, "none is a figure too"
    at_risk = change("SlaAtRisk", service="app", severity="critical")
    at_risk = msgspec.structs.replace(at_risk, labels={**at_risk.labels, "detector": "sla_breach"})
    taken = change("SentimentDrop", service="shop")
    store.apply([at_risk, taken, change("Gone"), change("Gone", step="resolved", at_us=START_US + 1)])
    Responses(store).acknowledge(taken.fingerprint, said("1"))
    assert of("makegood_promises_in_danger", {"service": "app", "state": "at_risk"}) is None, "read a moment ago"
    clock.now_us += READ_EVERY_US
    assert of("makegood_promises_in_danger", {"service": "app", "state": "at_risk"}) == 1
    assert of("makegood_promises_in_danger", {"service": "app", "state": "broken"}) == 0
    assert of("makegood_alerts_firing", {"type": "sla_breach", "severity": "critical", "acknowledged": "no"}) == 1
    assert of("makegood_alerts_firing", {"type": "other", "severity": "warning", "acknowledged": "yes"}) == 1
    assert of("makegood_service_alerts_firing", {"service": "shop", "severity": "warning"}) == 1
    assert of("makegood_store_read_timestamp_seconds") == clock.now_us / 1_000_000
    assert of("makegood_time_to_acknowledge_seconds_count") == 1
    store.client.hset(store.keys.alert(at_risk.fingerprint), "since", f"{clock.now_us // 1000}-0")
    clock.now_us += 2 * READ_EVERY_US
    assert of("makegood_alerts_oldest_unacknowledged_seconds", {"severity": "critical"}) == 20
    assert of("makegood_alerts_oldest_unacknowledged_seconds", {"severity": "warning"}) == 0


def test_priorities_are_those_of_the_console_and_the_wall(store: AlertStore) -> None:
    """A critical alert is P1 only where it reaches many; one about a single customer says nothing of a service."""
    clock = Clock()
    settings = UrgencySettings.model_validate({"by_severity": {"critical": "high", "warning": "low"}})
    registry = CollectorRegistry()
    registry.register(AlertFigures(store, clock, settings))
    of = registry.get_sample_value
    assert of("makegood_alerts_open", {"priority": "P1", "acknowledged": "no"}) == 0, "none is a figure too"
    wide = change("Outage", service="pay", severity="critical", customers="5000")
    critical, mild = change("Outage", service="app", severity="critical"), change("Slow", service="app")
    one = change("Outage", service="shop", severity="critical", customers="5000", case_id="C-1")
    store.apply([wide, critical, mild, one])
    Responses(store).acknowledge(mild.fingerprint, said("1"))
    since_ms = clock.now_us // 1000 - 40_000
    store.client.hset(store.keys.alert(wide.fingerprint), "since", f"{since_ms}-0")
    clock.now_us += READ_EVERY_US
    figures = {
        (first, taken): of("makegood_alerts_open", {"priority": first, "acknowledged": taken})
        for first in ("P1", "P2", "P3")
        for taken in ("yes", "no")
    }
    assert figures == {
        ("P1", "no"): 2, ("P1", "yes"): 0, ("P2", "no"): 1, ("P2", "yes"): 0, ("P3", "no"): 0, ("P3", "yes"): 1
    }  # fmt: skip
    assert [of("makegood_service_urgency", {"service": name}) for name in ("pay", "app", "shop")] == [3, 2, 0]
    assert of("makegood_alerts_open_oldest_unacknowledged_seconds", {"priority": "P1"}) == 50
    assert of("makegood_alerts_open_oldest_unacknowledged_seconds", {"priority": "P3"}) == 0


def test_while_the_store_is_away_nothing_is_shown(store: AlertStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from alerts.connection import StoreUnavailableError  # noqa: PLC0415

    def away(**_: object) -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(store, "list_alerts", away)
    registry = CollectorRegistry()
    registry.register(AlertFigures(store, Clock()))
    assert list(registry.collect()) == []
