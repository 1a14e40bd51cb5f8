from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.urgency import NAMES, Urgency, number, urgency
from config.urgency import RANKS, UrgencySettings
from detectors.contract import AlertChange, alert_change

DEFAULT = UrgencySettings()


def alert(
    severity: str = "warning", *, labels: dict[str, str] | None = None, step: str = "firing", **said: object
) -> AlertChange:
    return alert_change(
        step=step,
        at_us=1,
        status="resolved" if step == "resolved" else "firing",
        labels={"alertname": "X", "detector": "d", "severity": severity, **(labels or {})},
        annotations={name: str(value) for name, value in said.items()},
        starts_at_us=0,
        ends_at_us=1 if step == "resolved" else None,
    )


@pytest.mark.parametrize(
    ("change", "name", "why"),
    [
        (alert("info"), "low", "info"),
        (alert("warning"), "normal", "warning"),
        (alert("critical"), "high", "critical"),
        (alert("page"), "normal", "page"),
        (alert("critical", tier="Gold"), "urgent", "critical, Gold customer"),
        (alert("critical", labels={"tier": "gold"}), "urgent", "critical, gold customer"),
        (alert("warning", customer="anna", customer_value="12000"), "high", "warning, customer worth 12,000"),
        (alert("warning", customers=50), "high", "warning, 50 customers affected"),
        (alert("warning", customers=2500, tier="gold"), "urgent", "warning, 2,500 customers affected"),
        (alert("critical", revenue_at_risk="18,400"), "urgent", "critical, 18,400 at risk"),
        (alert("critical", customers="many", revenue_at_risk="nan"), "high", "critical"),
        (alert("critical", step="resolved", tier="gold"), "low", "resolved"),
    ],
)
def test_severity_says_where_it_begins_and_the_strongest_reason_raises_it(
    change: AlertChange, name: str, why: str
) -> None:
    found = urgency(change, DEFAULT)
    assert (found.name, found.why) == (name, why)
    assert found.rank == RANKS[found.name]


def test_customers_and_money_are_added_up_within_a_detector_and_the_largest_detector_counts() -> None:
    pay_north = alert(customers=200, revenue_at_risk=1000, labels={"detector": "pay", "region": "north"})
    pay_south = alert(customers=300, revenue_at_risk=500, labels={"detector": "pay", "region": "south"})
    mood = alert(customers=400, labels={"detector": "mood"})
    found = urgency([pay_north, pay_south, mood], UrgencySettings(currency="EUR"))
    assert (found.customers, found.revenue_at_risk, found.currency) == (500, 1500.0, "EUR")


def test_customers_of_cases_are_counted_once_and_their_values_are_what_is_at_risk() -> None:
    cases = [alert(customer="anna", customer_value=700), alert(customer="anna", customer_value=700)]
    found = urgency([*cases, alert(customer="bo", customer_value=300)], DEFAULT)
    assert (found.customers, found.revenue_at_risk) == (2, 1000.0)


def test_what_has_resolved_does_not_count_while_something_fires() -> None:
    found = urgency([alert("info"), alert("critical", step="resolved", customers=9999)], DEFAULT)
    assert found == Urgency(rank=3, name="low", why="info")


def test_no_numbers_are_no_numbers() -> None:
    found = urgency(alert(), DEFAULT)
    assert (found.customers, found.events, found.revenue_at_risk) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "value"), [("1,200.5", 1200.5), ("-1", None), ("inf", None), ("1e99", None), ("", None)]
)
def test_a_number_is_read_or_left_out(text: str, value: float | None) -> None:
    assert number(alert(events=text), "events") == value


def test_less_severe_alerts_cannot_begin_more_urgent() -> None:
    with pytest.raises(ValidationError, match="turn them round"):
        UrgencySettings(by_severity={"critical": "low", "warning": "high"})


TIERS = ["bronze", "silver", "gold", "diamond"]
amounts = st.none() | st.floats(0, 1e7) | st.integers(0, 10_000)
alerts = st.builds(
    lambda severity, tier, resolved, said: alert(
        severity,
        step="resolved" if resolved else "firing",
        tier=tier,
        **{name: value for name, value in said.items() if value is not None},
    ),
    st.sampled_from(["info", "warning", "critical"]),
    st.sampled_from(["", *TIERS]),
    st.booleans(),
    st.fixed_dictionaries(
        dict.fromkeys(("customer_value", "customers", "events", "revenue_at_risk"), amounts)
        | {"customer": st.sampled_from([None, "anna", "bo"])}
    ),
)
steps = st.lists(st.fixed_dictionaries({"at_least": st.integers(1, 10_000), "raises": st.integers(0, 3)}), max_size=3)


@st.composite
def settings(draw: st.DrawFn) -> UrgencySettings:
    begins = sorted(draw(st.lists(st.sampled_from(range(4)), min_size=3, max_size=3)))
    raises = sorted(draw(st.lists(st.integers(0, 3), min_size=4, max_size=4)))
    lists: dict[str, Any] = {f"by_{name}": tuple(draw(steps)) for name in ("value", "customers", "events", "revenue")}
    return UrgencySettings(
        by_severity={name: NAMES[rank] for name, rank in zip(("critical", "warning", "info"), begins, strict=True)},
        by_tier=dict(zip(TIERS, raises, strict=True)),
        **lists,
    )


def _risen(change: AlertChange, what: str) -> AlertChange:
    said, severity = dict(change.annotations), change.labels["severity"]
    if what == "severity":
        severity = {"info": "warning"}.get(severity, "critical")
    elif what == "tier":
        tier = said.get("tier", "")
        said["tier"] = TIERS[min(TIERS.index(tier) + 1 if tier else 0, 3)]
    else:
        said[what] = str((number(change, what) or 0.0) * 2 + 1000)
    return alert(severity, labels=None, step="resolved" if change.status == "resolved" else "firing", **said)


RISES = ["severity", "tier", "customer_value", "customers", "events", "revenue_at_risk"]


@given(st.lists(alerts, min_size=1, max_size=4), st.data(), settings(), st.sampled_from(RISES))
def test_never_less_urgent_when_severity_tier_value_or_reach_rise(
    group: list[AlertChange], data: st.DataObject, how: UrgencySettings, what: str
) -> None:
    place = data.draw(st.integers(0, len(group) - 1))
    risen = [*group[:place], _risen(group[place], what), *group[place + 1 :]]
    assert urgency(risen, how).rank <= urgency(group, how).rank


@given(st.lists(alerts, min_size=1, max_size=4), alerts, settings(), st.randoms())
def test_never_less_urgent_with_one_more_alert_and_the_order_does_not_matter(
    group: list[AlertChange], more: AlertChange, how: UrgencySettings, random: Any
) -> None:
    before = urgency(group, how)
    assert urgency([*group, more], how).rank <= before.rank
    shuffled = list(group)
    random.shuffle(shuffled)
    after = urgency(shuffled, how)
    assert (after.rank, after.customers, after.revenue_at_risk) == (
        before.rank,
        before.customers,
        before.revenue_at_risk,
    )
