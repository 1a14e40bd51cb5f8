"""The share of promises that were broken: detectors/sla_breach_rate.py."""

from typing import Any

import pytest
from pydantic import ValidationError

from detectors.events import ConclusionData, Event
from tests.detectors.sampling import HOUR_US, START_US, make
from tests.support.windows import closed, hourly, vectors, window_detector


def concluded(step: str, number: int, time_us: int = START_US, **data: Any) -> Event:
    told = ConclusionData(case_id=f"c{number}", promise="reply", kind="first_reply", **data)
    return make(f"promise.{step}", number, time_us, told)


def test_each_promise_counts_once_met_or_broken() -> None:
    of = window_detector("sla_breach_rate", group_by=["queue"])
    events = [concluded("met", 1), concluded("broken", 2), concluded("broken", 3, queue="care"), concluded("met", 4)]
    assert vectors(of, *events) == [[3, 1], [1, 1]]


def test_it_can_be_grouped_by_promise_and_priority() -> None:
    of = window_detector("sla_breach_rate", group_by=["promise", "priority", "queue"])
    labels = {"promise": "reply", "priority": "high"}
    found = closed(of, [concluded("met", 1, queue="care", labels=labels)], START_US + HOUR_US).findings
    assert [finding.group for finding in found] == [{"promise": "reply", "priority": "high", "queue": "care"}]


def test_the_alert_says_how_many_of_how_many() -> None:
    of = window_detector("sla_breach_rate", group_by=["queue"], baseline={"rhythm": "none"})
    rows = [{"care": [40, 4]} for _ in range(48)] + [{"care": [40, 24]}]
    (fired,) = hourly(of, rows, START_US).changes
    assert fired.annotations["summary"].startswith("care: 60 % broken of 40 promises, normally 10 % (p = ")
    assert fired.annotations["events"] == "24"
    assert "40 promises. 60 % broken of 40 promises, expected 10 %" in fired.annotations["description"]
    assert fired.labels == {
        "alertname": "SlaBreachRate", "detector": "sla_breach_rate", "severity": "warning", "queue": "care",
        "rule": "mine",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_count": 0}, "min_count\n.*greater than or equal to 2"),
        ({"min_count": 1}, "greater than or equal to 2"),
        ({"event_types": ["promise.met"]}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        window_detector("sla_breach_rate", **settings)
