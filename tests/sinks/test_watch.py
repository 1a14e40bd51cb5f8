"""What watches over delivery, put together."""

from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from alerts.pushing import Given, Pushes
from alerts.store import AlertStore
from config.drills import DrillSettings
from sinks.audit.report import load_report
from sinks.drill.report import load_drills
from sinks.watch import Drills, drill_times
from sinks.watch_metrics import WatchMetrics
from tests.support.alerts import change
from tests.support.auditing import Audited

HOUR_US = 3_600_000_000


def test_a_drill_that_reaches_nobody_is_raised_and_taken_back(store: AlertStore, tmp_path: Path) -> None:
    rig = Audited(store, tmp_path, drills=DrillSettings.model_validate({"every": "1w", "receivers": ["ops"]}))
    drills = Drills(store, rig.settings, rig.notifier._channels, rig.clock)
    drills.run(rig.clock(), lambda: None)
    (record,) = store.list_alerts()
    assert (record.current.labels["alertname"], record.current.labels["receiver"]) == ("DrillFailed", "ops")
    assert "ops is its only tier" in record.current.annotations["description"]
    drills.run(rig.clock(), lambda: None)
    assert len(store.list_alerts()) == 1
    result = load_drills(store)["ops"]
    rig.clock.forward(60)
    drills.keep(msgspec.structs.replace(result, reached=True), rig.clock())
    assert [record.current.status for record in store.list_alerts()] == ["resolved"]


def test_drills_take_place_as_the_settings_say() -> None:
    assert drill_times(DrillSettings()) is None
    weekly = drill_times(DrillSettings.model_validate({"every": "1w"}))
    assert weekly is not None
    assert weekly(5) == 5 + 7 * 24 * HOUR_US
    rule = {"rrule": "FREQ=MONTHLY;BYDAY=1TU", "start": "2026-01-06T10:00", "zone": "Europe/Berlin"}
    monthly = drill_times(DrillSettings.model_validate(rule))
    assert monthly is not None
    first_us = monthly(1_767_225_600_000_000)  # 2026-01-01T00:00Z
    assert first_us == 1_767_690_000_000_000  # 2026-01-06T09:00Z
    assert monthly(first_us) == 1_770_109_200_000_000  # 2026-02-03T09:00Z


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": "1w", "rrule": "FREQ=WEEKLY", "start": "2026-01-06"},
        {"rrule": "FREQ=WEEKLY"},
        {"start": "2026-01-06"},
        {"rrule": "FREQ=NEVER", "start": "2026-01-06"},
    ],
)
def test_a_plan_of_drills_that_makes_no_sense_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"every|rrule|start|FREQ"):
        DrillSettings.model_validate(wrong)


def test_the_notifier_audits_when_it_is_due_and_every_notifier_shows_the_result(
    store: AlertStore, tmp_path: Path
) -> None:
    rig = Audited(store, tmp_path)
    chores = rig.notifier._chores
    chores.run_due(rig.clock())
    rig.apply(change("A", service="shop"))
    rig.pass_time(300)
    assert "audit" in chores.run_due(rig.clock())
    report = load_report(store)
    assert report is not None
    assert report.well
    registry = CollectorRegistry()
    metrics = WatchMetrics(["ops"], [], registry)
    assert registry.get_sample_value("makegood_audit_last_run_timestamp_seconds") == 0
    metrics.refresh(store)
    assert registry.get_sample_value("makegood_audit_success_ratio") == 1
    assert registry.get_sample_value("makegood_audit_last_run_timestamp_seconds") == report.at_us / 1_000_000


def test_the_notifier_ends_alerts_of_others_that_nobody_sends_any_more(store: AlertStore, tmp_path: Path) -> None:
    rig = Audited(store, tmp_path)
    chores = rig.notifier._chores
    chores.run_due(rig.clock())
    Pushes(store, 300_000_000).put([Given(labels={"alertname": "Up", "service": "shop"})], rig.clock())
    for seconds, firing in ((290, 1), (11, 0)):
        rig.pass_time(seconds)
        assert "pushed" in chores.run_due(rig.clock())
        assert store.counts()["firing"] == firing
