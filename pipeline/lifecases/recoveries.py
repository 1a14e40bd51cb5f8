"""Cases of ``stalled_recovery``: what moves a recovery, and when it stands still."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from detectors.contract import Context
from detectors.events import Event
from detectors.lives.recovery_state import WITHOUT_CONTACT, Recovery
from detectors.stalled_recovery import StalledRecovery, StalledRecoverySettings
from pipeline.lifecases import common, living
from pipeline.lifecases.common import Calendars, EventSettings, LifeCase

_WAIT = "max_customer_wait"
_WAIT_UNITS = ("business_days", "calendar_days", "hours", "minutes")
_UNOWNED = ("max_unowned", "unowned_limit", "owner_limit")
_KNOWN = {
    "progress", "not_progress", "contact", "delivers",
    *common.with_units("idle_limit", *_UNOWNED), *(f"{_WAIT}_{unit}" for unit in _WAIT_UNITS),
}  # fmt: skip
_STEPS = {
    "recovery_opened": ("opened", "opened"),
    "opened": ("opened", "opened"),
    "recovery_reopened": ("reopened", ""),
    "reopened": ("reopened", ""),
    "recovery_closed": ("closed", "closed"),
    "closed": ("closed", "closed"),
    "resolved": ("resolved", "closed"),
    "recovery_cancelled": ("cancelled", ""),
    "cancelled": ("cancelled", ""),
    "waiting_customer": ("paused", "waiting_customer"),
    "waiting_for_customer": ("paused", "waiting_customer"),
    "resumed": ("resumed", ""),
    "customer_message": ("customer_message", ""),
}
"""What a type of the file is as a step of a case and as the label ``recovery``; others are their own label."""


def run(case: LifeCase, calendars: Calendars) -> dict[str, Any]:
    """Return whether the recovery stands still at the moment of knowledge, since when and why, or when it would.

    Raises:
        UnknownPartError: for a part that is not known.
        ValueError: for a value that cannot be used.
    """
    common.check_known(case.promise, _KNOWN)
    as_of_us = common.as_of_us(case)
    if as_of_us is None:
        as_of_us = max((event.known_us for event in case.events), default=0)
    detector = StalledRecovery("stalled_recovery", _settings(case), Context(calendars=dict(calendars)))
    events = [_event(case.name, event) for event in case.events]
    zone = ZoneInfo(case.zone)
    computed: dict[str, Any] = {"as_of": common.instant(as_of_us, zone), "stalled": False, "state": "none"}
    for lived in living.lives(detector.life, detector.key, events, as_of_us):
        computed |= _of(lived.state, zone)
        if lived.quarantined:
            computed["quarantined"] = sorted(lived.quarantined)
    return computed


def _of(state: Recovery, zone: ZoneInfo) -> dict[str, Any]:
    flag = state.outcome == WITHOUT_CONTACT and not state.is_open
    found: dict[str, Any] = {"stalled": bool(state.holding), "flag": flag}
    if not state.is_open:
        return {**found, "state": state.outcome or "none"}
    waits = state.waiting_us is not None
    if state.holding:
        reason, since_us = min(state.holding.items(), key=lambda entry: entry[1])
        found |= {"state": "stalled", "reason": reason, "reasons": list(state.holding)}
        found["stalled_at"] = common.instant(since_us, zone)
    else:
        found["state"] = "waiting" if waits else "open"
        if state.dues:
            reason, due_us = min(state.dues.items(), key=lambda entry: entry[1])
            found |= {"stalls_at": common.instant(due_us, zone), "would_be": reason}
    return found


def _settings(case: LifeCase) -> StalledRecoverySettings:
    promise: Mapping[str, Any] = case.promise
    idle_us = common.duration_us(promise, "idle_limit")
    unowned_us = next((us for name in _UNOWNED if (us := common.duration_us(promise, name)) is not None), None)
    wait: dict[str, Any] = {_WAIT: None}
    for unit in _WAIT_UNITS:
        if promise.get(f"{_WAIT}_{unit}") is not None:
            wait = {_WAIT: promise[f"{_WAIT}_{unit}"], f"{_WAIT}_unit": unit}
    lists = {name: promise[name] for name in ("progress", "contact", "delivers") if name in promise}
    return StalledRecoverySettings.model_validate(
        {
            **lists,
            **wait,
            **({} if idle_us is None else {"idle_limit": idle_us / common.HOUR_US}),
            "unowned_limit": None if unowned_us is None else unowned_us / common.HOUR_US,
            "begins": [{"at": "marked"}],
            "calendar": case.calendar,
            "contact_after_close": 0,
            "remember": common.YEARS,
            "case_retention": common.YEARS,
            "flag_for": common.YEARS,
        }
    )


def _event(case_id: str, event: EventSettings) -> Event:
    """Return a step of the recovery's case. A type that the file does not list as progress is none."""
    step, mark = _STEPS.get(event.type, ("updated", event.type))
    more: dict[str, Any] = {}
    if event.type in {"owner_changed", "assigned", "owner_removed"}:
        step = "assigned"
        taken = event.type == "owner_removed" or ("owner" in event.more and event.more["owner"] is None)
        more["to"] = None if taken else event.text("owner", "to") or "somebody"
    elif event.type == "auto_reply":
        step = "auto_reply"
    elif event.type == "internal_note":
        step = "internal_note"
    due_us = event.moment_us("due", "due_at", "by", "promised_for", "deadline")
    if due_us is not None:
        more["deadline"] = datetime.fromisoformat(common.instant(due_us))
    reason = event.text("reason")
    if reason:
        more["reason"] = reason
    labels = {"recovery": mark} if mark else {}
    return common.case_event(event, step, case_id, customer=event.text("customer"), labels=labels, **more)
