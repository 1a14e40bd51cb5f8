"""What an alert is about, and which feed it is evidence of: pure functions of the change and the settings."""

from collections.abc import Mapping, Sequence

import msgspec

from config.base import ComponentSettings
from config.incidents import IncidentSettings
from detectors.contract import AlertChange

CUSTOMER = "customer"
SILENCE = "feed_silence"
"""The detector whose alerts say that nothing can be seen."""
UNDONE = frozenset({"retracted", "moved"})
"""Steps by which an episode turns out never to have been."""
_ONE_OF_MANY = ("case_id", "response")
"""Labels of alerts about one case or answer whose customer is not known."""
_FEEDS = {
    "sla_breach": "crm",
    "sla_breach_rate": "crm",
    "resolution_lag": "crm",
    "repeat_contact": "crm",
    "stalled_recovery": "crm",
    "negative_survey": "survey",
    "survey_drop": "survey",
    "residual_dissatisfaction": "crm, social, survey",
    "sentiment_drop": "crm, social, survey",
    "social_spike": "social",
    "transaction_failure": "transaction",
}


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What an alert is about.

    Attributes:
        one: of an alert about one customer (or case, or nothing that has a label): ``customer=42``; else empty.
        customer: whom it is about, where that is known.
        wide: the other labels that bring alerts together, most specific first.
    """

    one: str
    customer: str
    wide: tuple[tuple[str, str], ...]


def scope_of(change: AlertChange, by: Sequence[str]) -> Scope:
    """Return what an alert is about. The customer is also looked for in the annotations."""
    labels = change.labels
    wide = tuple((name, labels[name]) for name in by if name != CUSTOMER and labels.get(name))
    customer = labels.get(CUSTOMER) or change.annotations.get(CUSTOMER, "")
    one = f"{CUSTOMER}={customer}" if customer and CUSTOMER in by else ""
    if not one:
        one = next((f"{name}={labels[name]}" for name in _ONE_OF_MANY if labels.get(name)), "")
    if not one and not wide:
        silent = is_silence(change)
        one = f"silent={feed_of(change, {})}" if silent else f"alert={change.fingerprint}"
    return Scope(one=one, customer=customer, wide=wide)


def is_silence(change: AlertChange) -> bool:
    """Return whether the alert says that a feed is silent."""
    return change.labels.get("detector") == SILENCE


def feed_of(change: AlertChange, feeds: Mapping[str, str]) -> str:
    """Return which feed an alert is evidence of: by its label ``feed`` or ``source``, else by its detector.

    Args:
        change: of the alert.
        feeds: what the evidence of detectors is called, by type or entry; see :func:`feeds_by_detector`.
    """
    labels = change.labels
    named = labels.get("feed") or labels.get("source")
    if named:
        return named
    detector = labels.get("detector", "")
    found = feeds.get(labels.get("rule", "")) or feeds.get(detector) or _FEEDS.get(detector)
    if found:
        return found
    if detector != SILENCE:
        return detector or "other"
    group = [f"{name}={value}" for name, value in sorted(labels.items()) if name not in _NOT_THE_GROUP]
    return ", ".join(group) or "all feeds"


_NOT_THE_GROUP = frozenset({"alertname", "detector", "severity", "rule"})


def feeds_by_detector(detectors: Mapping[str, ComponentSettings], settings: IncidentSettings) -> dict[str, str]:
    """Return what the evidence of each entry of ``detectors:`` is called, where it is not what its type always reads.

    >>> feeds_by_detector({}, IncidentSettings(feeds={"mood": "social"}))
    {'mood': 'social'}
    """
    found: dict[str, str] = {}
    for name, entry in detectors.items():
        types = getattr(entry, "event_types", ())
        families = sorted({str(type_).split(".", 1)[0] for type_ in types})
        if families and entry.type != SILENCE:
            found[name] = ", ".join(families)
    return {**found, **settings.feeds}
