"""Figures out of alerts and labels made by hand: every one of them can be counted on fingers."""

from typing import Any

from config.base import ComponentSettings
from pipeline.assembly import settings_model
from pipeline.backtest.alerts import Alert
from pipeline.backtest.labels import Label, Labels
from pipeline.backtest.matching import Judge, Span
from pipeline.backtest.measure import Measure
from tests.pipeline.backtest.made import HOUR_US, alert, label

WEEKS = 2
SPAN = Span(0, WEEKS * 168 * HOUR_US, WEEKS * 168 * HOUR_US)
PROMISE = {"name": "reply", "kind": "first_reply", "target": 30, "unit": "minutes"}


def entries() -> dict[str, ComponentSettings]:
    given: dict[str, Any] = {
        "mood": {"type": "sentiment_drop", "window": "2h", "hop": "30m"},
        "cases": {"type": "sla_breach", "promises": [PROMISE]},
    }
    return dict(settings_model().model_validate({"detectors": given}).detectors)


def measure(alerts: list[Alert], *labels: Label, complete: bool = True) -> Measure:
    known = entries()
    watching = {name: entry.type for name, entry in known.items()}
    return Measure(known, alerts, lambda *_: (0, 0), SPAN, Judge(Labels(labels, complete), SPAN, HOUR_US, watching))


def breach(starts: float) -> Alert:
    labels = {"detector": "sla_breach", "rule": "cases", "case_id": f"c{starts}"}
    return alert(starts, starts + 1, detector="cases", type="sla_breach", window=False, labels=labels)


def test_right_and_wrong_alerts_are_counted_by_detector_and_together() -> None:
    alerts = [alert(10.5, 11), alert(40, 41), alert(60, 61), breach(10), breach(200)]
    found = measure(alerts, label(10, 12), label(60, 61, 2, benign=True), label(100, 101, 3))
    cases, mood = found.detectors()
    assert (mood.true, mood.false, mood.unjudged) == (1, 2, 0)
    assert (cases.true, cases.false, cases.unjudged) == (1, 0, 1)
    total = found.total()
    assert (total.alerts, total.true, total.false, total.unjudged) == (5, 2, 2, 1)
    assert total.precision is not None
    assert (total.precision.count, total.precision.of) == (2, 4)
    assert total.false_per_week is not None
    assert total.false_per_week.value == 1.0
    assert total.look_alikes_raised is not None
    assert (total.look_alikes_raised.count, total.look_alikes_raised.of) == (1, 1)


def test_recall_is_over_the_incidents_that_a_detector_ought_to_find() -> None:
    incidents = [
        label(10, 12, 1, detectors=("sentiment_drop",)),
        label(50, 52, 2, detectors=("cases",)),
        label(90, 92, 3),
        label(130, 132, 4, detectors=("survey_drop",)),
    ]
    found = measure([alert(11, 12), alert(51, 52), alert(131, 132), breach(91)], *incidents)
    cases, mood = found.detectors()
    recalls = [(one.recall.count, one.recall.of) for one in (cases, mood, found.total()) if one.recall is not None]
    # Somebody was told of the second one, though not by the detector that ought to have; nobody watches for the fourth.
    assert recalls == [(1, 2), (1, 2), (3, 3)]
    assert [one.watched for one in found.incidents()] == [True, True, True, False]
    assert [one.found_by for one in found.incidents()] == [["mood"], ["mood"], ["cases"], ["mood"]]


def test_delays_are_told_in_seconds_and_in_windows() -> None:
    labels = [label(at, at + 2, number) for number, at in enumerate((10, 50, 90, 130, 170), 1)]
    alerts = [alert(10.5, 11), alert(51, 52), alert(89.5, 91), alert(100, 200)]
    (_, mood), incidents = measure(alerts, *labels).detectors(), measure(alerts, *labels).incidents()
    delay, lead = mood.time_to_detect, mood.lead_time
    assert delay is not None
    assert lead is not None
    assert (delay.count, delay.median_s, delay.p90_s) == (3, 1800.0, 3600.0)
    assert (delay.median_windows, delay.p90_windows) == (1.0, 2.0)
    assert (lead.count, lead.median_s) == (1, 1800.0)
    assert mood.already_open == 2
    assert [one.late_s for one in incidents] == [1800.0, 3600.0, -1800.0, None, None]


def test_a_useful_alert_that_is_not_raised_any_more_was_missed() -> None:
    useful = alert(10, 11)
    verdict = label(10, 10, fingerprint=useful.fingerprint, detectors=("mood",))
    now, then = measure([], verdict, complete=False), measure([useful], verdict, complete=False)
    assert [one.recall.count for one in (then.total(), now.total()) if one.recall is not None] == [1, 0]
    assert [one.recall.of for one in then.detectors() if one.recall is not None] == [1]


def test_alerts_are_counted_by_group() -> None:
    alerts = [alert(1, 2), alert(5, 6), alert(7, 8, labels={"service": "app"}, group={"service": "app"})]
    mood = measure(alerts).detectors()[1]
    assert [(one.group, one.alerts) for one in mood.by_group] == [({"service": "web"}, 2), ({"service": "app"}, 1)]
    assert (mood.groups, mood.per_day) == (2, round(3 / 14, 4))
