"""Which alerts are right and which incidents are found: the rules of docs/reference/labels.md, one by one."""

import pytest

from config.matchers import parse_matcher
from pipeline.backtest.labels import Label, Labels
from pipeline.backtest.matching import Judge, Span, Truth
from tests.pipeline.backtest.made import HOUR_US, alert, label

SPAN = Span(0, 100 * HOUR_US, 100 * HOUR_US)


def judge(*labels: Label, complete: bool = True) -> Judge:
    return Judge(Labels(labels, complete), SPAN, HOUR_US, {"mood": "sentiment_drop"})


@pytest.mark.parametrize(
    ("starts", "ends", "right"),
    [
        (11, 12, True),
        (8.5, 9, True),
        (5, 11, True),
        (13, 14, True),
        (13.5, 14, False),
        (7, 8.9, False),
        (7, None, True),
    ],
)
def test_an_alert_is_right_when_it_overlaps_an_incident_give_or_take_the_grace(
    starts: float, ends: float | None, right: bool
) -> None:
    assert judge(label(10, 12)).truth(alert(starts, ends)) is (Truth.TRUE if right else Truth.FALSE)


def test_an_alert_is_about_the_time_since_its_first_window_began() -> None:
    late = alert(14, 15, about_us=13 * HOUR_US)
    assert judge(label(10, 12)).truth(late) is Truth.TRUE


@pytest.mark.parametrize(
    ("scope", "labels", "right"),
    [
        ({"service": "web"}, {"service": "web"}, True),
        ({"service": "web", "region": "north"}, {"service": "web"}, True),
        ({"service": "web", "region": "north"}, {"service": "web", "region": "south"}, False),
        ({"service": "app"}, {"service": "web"}, False),
        ({"vendor": "payfast"}, {"service": "web"}, True),
        ({}, {"service": "web"}, True),
    ],
)
def test_labels_that_both_have_must_agree(scope: dict[str, str], labels: dict[str, str], right: bool) -> None:
    held = judge(label(10, 12, labels=scope)).truth(alert(11, 12, labels=labels))
    assert held is (Truth.TRUE if right else Truth.FALSE)


def test_matchers_hold_on_the_labels_of_the_alert() -> None:
    only = label(10, 12, matchers=(parse_matcher('severity=~"critical|warning"'), parse_matcher("service!=web")))
    assert judge(only).truth(alert(11, 12)) is Truth.FALSE
    assert judge(only).truth(alert(11, 12, labels={"service": "app"})) is Truth.TRUE


def test_an_alert_of_another_detector_than_was_expected_is_right_all_the_same() -> None:
    assert judge(label(10, 12, detectors=("transaction_failure",))).truth(alert(11, 12)) is Truth.TRUE


def test_a_look_alike_makes_an_alert_false_unless_something_real_happened_too() -> None:
    benign = label(10, 12, benign=True)
    assert judge(benign, complete=False).truth(alert(11, 12)) is Truth.FALSE
    assert judge(benign, label(11, 12, 2)).truth(alert(11, 12)) is Truth.TRUE


def test_a_verdict_goes_before_everything_else() -> None:
    raised = alert(11, 12)
    noise = label(11, 11, 2, fingerprint=raised.fingerprint, benign=True)
    useful = label(11, 11, 3, fingerprint=raised.fingerprint)
    assert judge(label(10, 12), noise).truth(raised) is Truth.FALSE
    assert judge(label(10, 12, benign=True), useful).truth(raised) is Truth.TRUE
    assert judge(label(50, 51), noise).truth(alert(11, 12, labels={"service": "app"})) is Truth.FALSE


def test_where_not_everything_is_known_an_alert_about_nothing_is_unjudged() -> None:
    raised = alert(30, 31)
    assert judge(label(10, 12), complete=False).truth(raised) is Truth.UNJUDGED
    assert judge(label(10, 12)).truth(raised) is Truth.FALSE


def test_facts_about_cases_and_information_are_no_false_alarms() -> None:
    assert judge(label(10, 12)).truth(alert(30, 31, window=False)) is Truth.UNJUDGED
    information = alert(30, 31, labels={"severity": "info"})
    assert judge(label(10, 12)).truth(information) is Truth.UNJUDGED
    assert judge(label(30, 31, benign=True)).truth(information) is Truth.UNJUDGED


def test_an_incident_is_found_by_the_first_alert_that_is_told_within_the_grace_before_it_or_later() -> None:
    (found,) = judge(label(10, 12)).found(label(10, 12), [alert(12, 13), alert(10.5, 11), alert(3, 20)])
    assert (found.fired_at_us, found.late_us, found.already_open) == (10.5 * HOUR_US, HOUR_US // 2, False)


def test_an_incident_that_meets_an_open_alert_is_found_but_has_no_time_to_detect() -> None:
    (found,) = judge(label(10, 12)).found(label(10, 12), [alert(3, 20)])
    assert found.already_open


def test_an_alert_that_has_ended_before_an_incident_did_not_find_it_but_is_not_false() -> None:
    earlier = alert(3, 9.5)
    assert judge(label(10, 12)).found(label(10, 12), [earlier]) == []
    assert judge(label(10, 12)).truth(earlier) is Truth.TRUE


def test_an_incident_is_watched_when_a_detector_ought_to_find_it() -> None:
    mine, others, anyones = (label(10, 12, detectors=names) for names in (("mood",), ("survey_drop",), ()))
    assert [judge().is_watched(one) for one in (mine, others, anyones)] == [True, False, True]
    assert judge().is_watched(label(10, 12, fingerprint="ab"))


def test_an_alert_within_the_grace_before_an_incident_has_a_lead() -> None:
    (found,) = judge(label(10, 12)).found(label(10, 12), [alert(9.5, 11)])
    assert (found.early_us, found.late_us) == (HOUR_US // 2, 0)


def test_each_detector_that_finds_an_incident_is_named() -> None:
    found = judge(label(10, 12)).found(label(10, 12), [alert(11, 12), alert(10, 12, detector="sales"), alert(50)])
    assert sorted(hit.alert.detector for hit in found) == ["mood", "sales"]


def test_only_what_begins_in_the_span_is_judged() -> None:
    held = Judge(
        Labels((label(10, 12), label(60, 61, 2)), complete=True),
        Span(50 * HOUR_US, 100 * HOUR_US, 100 * HOUR_US),
        0,
        {},
    )
    assert [one.number for one in held.incidents] == [2]
