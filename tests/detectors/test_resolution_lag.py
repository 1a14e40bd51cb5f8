"""How long cases take: detectors/resolution_lag.py."""

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from detectors.contract import Outcome
from detectors.events import ConclusionData, Event
from tests.detectors.sampling import HOUR_US, START_US, make
from tests.support.windows import hourly, vectors, window_detector

MICRO = 1_000_000


def resolved(elapsed_us: int, real_us: int) -> Event:
    told = ConclusionData(case_id="c", promise="p", kind="resolution", elapsed_us=elapsed_us, real_us=real_us)
    return make("case.resolved", 1, START_US, told)


@pytest.mark.parametrize(("measure", "hours"), [("business_time", 2), ("elapsed_time", 9)])
def test_times_are_summed_as_logarithms_in_exact_integers(measure: str, hours: int) -> None:
    of = window_detector("resolution_lag", measure=measure)
    log = math.log1p(hours * 3600.0)
    assert vectors(of, resolved(2 * HOUR_US, 9 * HOUR_US)) == [[1, round(log * MICRO), round(log * log * MICRO)]]


def test_a_case_that_took_no_time_or_less_took_none() -> None:
    of = window_detector("resolution_lag")
    assert vectors(of, resolved(0, 0), resolved(-5 * HOUR_US, 0)) == [[2, 0, 0]]


def after_three_days(last_hours: float) -> Outcome:
    rng = np.random.default_rng(8)

    def row(hours: float) -> dict[str, list[int]]:
        logs = rng.normal(math.log(hours * 3600.0), 1.0, size=30)
        return {"care": [30, round(float(logs.sum()) * MICRO), round(float((logs * logs).sum()) * MICRO)]}

    of = window_detector("resolution_lag", group_by=["queue"], baseline={"rhythm": "none"})
    return hourly(of, [row(3.0) for _ in range(72)] + [row(last_hours)], START_US)


def test_the_alert_says_how_long_cases_typically_take() -> None:
    fired = after_three_days(15.0).changes[-1]
    assert fired.labels["alertname"] == "ResolutionLag"
    assert fired.annotations["events"] == "30"
    summary = fired.annotations["summary"]
    assert summary.startswith("care: typically 1")
    assert " h to resolve 30 cases, normally " in summary


def test_quicker_than_ever_is_no_alert() -> None:
    outcome = after_three_days(0.2)
    assert [change for change in outcome.changes if change.at_us == START_US + 73 * HOUR_US] == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"measure": "wall_time"}, "measure"), ({"min_count": 1}, "min_count\n.*greater than or equal to 2")],
)
def test_settings_that_cannot_work_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        window_detector("resolution_lag", **settings)
