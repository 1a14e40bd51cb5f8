"""Failures, refunds, latency and volume of payments: detectors/transaction_failure.py."""

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from detectors.contract import Outcome
from detectors.events import Event, TransactionData
from detectors.transaction_failure import FAILED, REFUNDED, TIMED
from tests.detectors.sampling import START_US, make
from tests.support.windows import hourly, vectors, window_detector

MICRO = 1_000_000


def step(name: str, latency_ms: float | None = None) -> Event:
    return make(f"transaction.{name}", 1, START_US, TransactionData(order_id="o", latency_ms=latency_ms))


@pytest.mark.parametrize(
    ("name", "vector"),
    [
        ("payment", [1, 1, 0, 0, 0, 0, 0]),
        ("declined", [1, 1, 1, 0, 0, 0, 0]),
        ("failed", [1, 1, 1, 0, 0, 0, 0]),
        ("refunded", [1, 0, 0, 1, 0, 0, 0]),
        ("returned", [1, 0, 0, 1, 0, 0, 0]),
    ],
)
def test_steps_are_counted_as_what_they_are(name: str, vector: list[int]) -> None:
    assert vectors(window_detector("transaction_failure"), step(name)) == [vector]


def test_other_steps_are_none_of_its_business() -> None:
    assert window_detector("transaction_failure").event_types == {
        "transaction.payment", "transaction.declined", "transaction.failed", "transaction.refunded",
        "transaction.returned",
    }  # fmt: skip


def test_latency_is_summed_as_logarithms_in_exact_integers() -> None:
    log = math.log(250.0)
    found = vectors(window_detector("transaction_failure"), step("payment", 250.0), step("failed", 1.0))
    assert found == [[2, 2, 1, 0, 2, round(log * MICRO), round(log * log * MICRO)]]


@pytest.mark.parametrize("latency_ms", [None, 0.0, -5.0, math.nan, math.inf])
def test_what_is_no_latency_is_not_counted_as_one(latency_ms: float | None) -> None:
    assert vectors(window_detector("transaction_failure"), step("payment", latency_ms)) == [[1, 1, 0, 0, 0, 0, 0]]


def test_the_time_that_a_refund_took_is_not_that_of_a_payment() -> None:
    assert vectors(window_detector("transaction_failure"), step("refunded", 9e6))[0][4] == 0


def payments(rng: np.random.Generator, tried: int, failing: float, refunds: float, log_ms: float) -> list[int]:
    failed, refunded = int(rng.binomial(tried, failing)), int(rng.poisson(refunds * tried))
    logs = rng.normal(log_ms, 0.5, size=tried)
    sums = [round(float(logs.sum()) * MICRO), round(float((logs * logs).sum()) * MICRO)]
    return [tried + refunded, tried, failed, refunded, tried, *sums]


def after_two_days(last: dict[str, list[Any]], **settings: Any) -> Outcome:
    """Four vendors for two days, then one window: by vendor, what is given to ``payments``."""
    rng = np.random.default_rng(6)
    of = window_detector("transaction_failure", group_by=["vendor"], baseline={"rhythm": "none"}, **settings)
    usual = (0.03, 0.03, 5.5)
    rows = [{f"v{n}": payments(rng, int(rng.poisson(80)), *usual) for n in range(4)} for _ in range(192)]
    now = {f"v{n}": payments(np.random.default_rng(2), *last.get(f"v{n}", [80, *usual])) for n in range(4)}
    outcome = hourly(of, [*rows, now], START_US)
    end_us = START_US + 193 * of.settings.window
    return Outcome(
        [change for change in outcome.changes if change.at_us == end_us],
        [finding for finding in outcome.findings if finding.end_us == end_us],
    )


@pytest.mark.parametrize(
    ("now", "feature", "said"),
    [
        ([80, 0.4, 0.03, 5.5], "failures", " failed of 80 payments, normally 3"),
        ([80, 0.03, 0.4, 5.5], "refunds", " refunds for 80 payments, normally "),
        ([80, 0.03, 0.03, 6.5], "latency", "payments take "),
    ],
)
def test_the_alert_tells_the_worst_feature_first(now: list[Any], feature: str, said: str) -> None:
    outcome = after_two_days({"v1": now})
    (fired,) = outcome.changes
    assert fired.labels["vendor"] == "v1"
    assert said in fired.annotations["summary"]
    details = next(finding.details for finding in outcome.findings if finding.verdict == "fires")
    names = ("failures", "refunds", "latency", "volume")
    assert min(names, key=lambda name: float(details[f"{name}_p_value"])) == feature
    (vector,) = (one.evidence.vector for one in outcome.findings if one.verdict == "fires" and one.evidence)
    affected = {"failures": FAILED, "refunds": REFUNDED, "latency": TIMED}[feature]
    assert fired.annotations["events"] == str(vector[affected])


def test_fewer_customers_of_one_vendor_are_harmless_and_fewer_who_fail_are_not() -> None:
    fewer = after_two_days({"v1": [30, 0.03, 0.03, 5.5]})
    assert fewer.changes == []
    assert {finding.verdict for finding in fewer.findings} == {"quiet", "harmless"}
    failing = after_two_days({"v1": [30, 0.3, 0.03, 5.5]})
    assert [change.labels["vendor"] for change in failing.changes] == ["v1"]


def test_on_a_holiday_the_volume_of_no_vendor_is_unusual() -> None:
    outcome = after_two_days({f"v{n}": [25, 0.03, 0.03, 5.5] for n in range(4)})
    assert {finding.verdict for finding in outcome.findings} == {"quiet"}
    assert min(float(finding.details["volume_p_value"]) for finding in outcome.findings) > 0.01


def test_only_the_features_that_are_asked_for_are_looked_at() -> None:
    outcome = after_two_days({"v1": [80, 0.4, 0.4, 5.5]}, features=["latency", "volume"])
    assert outcome.changes == []
    assert "failures" not in outcome.findings[0].details


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"features": []}, "features\n.*at least 1"),
        ({"features": ["volume"]}, "fewer payments alone are never an alert"),
        ({"features": ["failures", "failures"]}, "features: a feature is named twice"),
        ({"features": ["chargebacks"]}, "features"),
        ({"min_expected": -1}, "min_expected"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        window_detector("transaction_failure", **settings)
