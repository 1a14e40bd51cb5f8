"""How urgent a notification is, out of severity, whom it is about, and how far it reaches.

Alerts say how far they reach in annotations (or labels) of these names; all are numbers, all may be absent:

===================  ==========================================================
``customer``         whom it is about
``tier``             that customer's tier
``customer_value``   that customer's lifetime value
``customers``        how many customers are affected
``events``           how many events (payments, posts, cases) are affected
``revenue_at_risk``  money that may be lost
===================  ==========================================================

Numbers of several alerts are added up within one detector, because its groups do not overlap; of several detectors the
largest counts, because they see the same customers. So what is told is "at least".
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from config.urgency import RANKS, UrgencyName, UrgencySettings, UrgencyStep
from detectors.contract import AlertChange

NAMES: tuple[UrgencyName, ...] = ("urgent", "high", "normal", "low")
_MAX = 1e15
"""Larger numbers in annotations are mistakes."""


class Urgency(msgspec.Struct, frozen=True, kw_only=True):
    """How urgent something is, and why.

    Attributes:
        rank: 0 (first) to 3. name: the same as a word.
        why: in words, for people.
        customers, events: how many are affected at least; None where nothing is known.
        revenue_at_risk: money, in ``currency`` (empty: not said); None where nothing is known.
    """

    rank: int
    name: UrgencyName
    why: str
    customers: int | None = None
    events: int | None = None
    revenue_at_risk: float | None = None
    currency: str = ""


def urgency(changes: AlertChange | Sequence[AlertChange], settings: UrgencySettings) -> Urgency:
    """Return how urgent a notification about ``changes`` is. Where none of them fires any more it is ``low``."""
    alerts = [changes] if isinstance(changes, AlertChange) else list(changes)
    firing = [alert for alert in alerts if alert.status == "firing"]
    counted = firing or alerts
    customers, events, revenue = _customers(counted), _total(counted, "events"), _revenue(counted)
    if firing:
        rank, why = _ranked(firing, settings, customers, events, revenue)
    else:
        rank, why = RANKS["low"], "resolved"
    return Urgency(
        rank=rank,
        name=NAMES[rank],
        why=why,
        customers=None if customers is None else math.floor(customers),
        events=None if events is None else math.floor(events),
        revenue_at_risk=revenue,
        currency=settings.currency,
    )


def _ranked(
    firing: Sequence[AlertChange],
    settings: UrgencySettings,
    customers: float | None,
    events: float | None,
    revenue: float | None,
) -> tuple[int, str]:
    reach = [
        (_raise(settings.by_customers, customers), f"{_number(customers)} customers affected"),
        (_raise(settings.by_events, events), f"{_number(events)} events affected"),
        (_raise(settings.by_revenue, revenue), f"{_number(revenue)} {settings.currency}".rstrip() + " at risk"),
    ]
    tiers = {name.casefold(): steps for name, steps in settings.by_tier.items()}
    best: tuple[int, str] | None = None
    for alert in firing:
        severity = alert.labels.get("severity", "")
        begins = RANKS[settings.by_severity.get(severity, settings.other_severity)]
        tier, value = told(alert, "tier"), number(alert, "customer_value")
        reasons = [
            (tiers.get(tier.casefold(), 0), f"{tier} customer"),
            (_raise(settings.by_value, value), f"customer worth {_number(value)} {settings.currency}".rstrip()),
            *reach,
        ]
        raised = max(steps for steps, _words in reasons)
        because = next((f", {words}" for steps, words in reasons if steps == raised and steps), "")
        found = (max(0, begins - raised), f"{severity or 'no severity'}{because}")
        if best is None or found[0] < best[0]:
            best = found
    return (RANKS["low"], "") if best is None else best


def told(alert: AlertChange, name: str) -> str:
    """Return what an alert says under a name: in an annotation, else in a label; empty where it does not."""
    return (alert.annotations.get(name) or alert.labels.get(name, "")).strip()


def number(alert: AlertChange, name: str) -> float | None:
    """Return a number that an alert says, at least 0; None where it says none that makes sense.

    A comma is taken for one between thousands, as our own words write it.
    """
    text = told(alert, name)
    if not text:
        return None
    text = text.replace(",", "")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= _MAX else None


def _customers(alerts: Iterable[AlertChange]) -> float | None:
    alerts = list(alerts)
    named = {told(alert, "customer") for alert in alerts} - {""}
    return _largest([_total(alerts, "customers"), float(len(named)) if named else None])


def _revenue(alerts: Iterable[AlertChange]) -> float | None:
    alerts = list(alerts)
    values: dict[str, float] = {}
    for alert in alerts:
        who, value = told(alert, "customer"), number(alert, "customer_value")
        if who and value is not None:
            values[who] = max(value, values.get(who, 0.0))
    return _largest([_total(alerts, "revenue_at_risk"), math.fsum(values.values()) if values else None])


def _total(alerts: Iterable[AlertChange], name: str) -> float | None:
    """Return the sum within each detector, of these the largest."""
    sums: dict[str, list[float]] = {}
    for alert in alerts:
        value = number(alert, name)
        if value is not None:
            sums.setdefault(alert.labels.get("detector", ""), []).append(value)
    return max(map(math.fsum, sums.values())) if sums else None


def _largest(found: Iterable[float | None]) -> float | None:
    return max((value for value in found if value is not None), default=None)


def _raise(steps: Iterable[UrgencyStep], value: float | None) -> int:
    return 0 if value is None else max((step.raises for step in steps if value >= step.at_least), default=0)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
