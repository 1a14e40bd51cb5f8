"""What people read about a promise: one line that says what is wrong, and the time segments that prove it."""

from datetime import datetime
from functools import lru_cache
from itertools import islice

from detectors.promises.entries import Entry, Proof
from detectors.promises.instance import Instance
from detectors.promises.openhours import OpenHours
from detectors.promises.settings import TIME_UNITS_US

_SHOWN = 6
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MINUTE_US = 60_000_000
_TITLES = {"first_reply": "First reply", "next_reply": "Next reply", "handoff": "Handoff"}


def span(amount_us: int) -> str:
    """Return an amount of time as people write it.

    >>> span(14_400_000_000), span(-90_000_000), span(1_500_000)
    ('4 h 00', '-1 min 30 s', '1.5 s')
    """
    if amount_us < 0:
        return f"-{span(-amount_us)}"
    minutes, rest_us = divmod(amount_us, _MINUTE_US)
    seconds = f"{rest_us / 1_000_000:g} s" if rest_us else ""
    if not minutes:
        return seconds or "0 min"
    text = f"{minutes // 60} h {minutes % 60:02d}" if minutes >= 60 else f"{minutes} min"
    return f"{text} {seconds}" if seconds and minutes < 60 else text


@lru_cache(4_096)
def moment(hours: OpenHours, at_us: int) -> str:
    """Return an instant in the calendar's zone: ``Mon 2 Feb 2026 14:00 GMT``."""
    local = hours.local(at_us)
    return f"{_day(local)} {local.year} {_clock(local)} {local.tzname()}"


@lru_cache(4_096)
def instant(hours: OpenHours, at_us: int) -> str:
    """Return an instant as RFC 3339, in the calendar's zone."""
    return hours.local(at_us).isoformat()


def _clock(local: datetime) -> str:
    text = f"{local.hour:02d}:{local.minute:02d}"
    return text if not local.second and not local.microsecond else f"{text}:{local.second:02d}"


def _day(local: datetime) -> str:
    return f"{_WEEKDAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}"


def segments(proof: Proof) -> str:
    """Return the stretches of time that were spent: ``Mon 2 Feb 10:00-12:00, 13:00-15:00``."""
    stretches = (
        (hours, from_us, to_us)
        for start, end, hours in proof.segments
        for from_us, to_us in hours.open_between(start, end)
    )
    shown = list(islice(stretches, _SHOWN + 1))
    parts = []
    last = ""
    for hours, from_us, to_us in shown[:_SHOWN]:
        start, end = hours.local(from_us), hours.local(to_us)
        day = _day(start)
        text = _clock(start) if day == last else f"{day} {_clock(start)}"
        last = day
        ends = _day(end)
        parts.append(f"{text}-{_clock(end)}" if ends == day else f"{text} - {ends} {_clock(end)}")
        last = ends if ends != day else day
    if len(shown) > _SHOWN:
        parts.append("and more")
    return ", ".join(parts) or "no open time"


def target_text(instance: Instance, proof: Proof) -> str:
    """Return the target: ``4 h 00``, ``3 business days``."""
    if proof.target is None:
        return ""
    unit = instance.spec.settings.unit or ""
    if unit in TIME_UNITS_US:
        return span(proof.target)
    if unit == "absolute":
        return f"by {moment(proof.hours, proof.target)}"
    name = unit.replace("_", " ")
    return f"{proof.target} {name.removesuffix('s') if proof.target == 1 else name}"


def whose(instance: Instance, proof: Proof) -> str:
    """Return what makes the case important: ``high priority, gold customer worth 12,000``."""
    parts = [f"{proof.priority} priority"] if proof.priority else []
    who = instance.who
    worth = f" worth {who.value:,.0f}" if who.value is not None else ""
    if who.tier or worth:
        parts.append(f"{who.tier} customer{worth}".strip())
    return f" ({', '.join(parts)})" if parts else ""


def title(instance: Instance) -> str:
    """Return the promise's name as words."""
    name = instance.spec.name
    return _TITLES.get(name, name.replace("_", " ").replace("-", " ").capitalize())


def summary(entry: Entry, key: str, confidence: str, reason: str) -> str:
    """Return one line that says what happened to which promise."""
    instance, proof = entry.instance, entry.proof
    due = "" if proof.due_us is None else f", due {moment(proof.hours, proof.due_us)}"
    about = f"{title(instance)} promise"
    subject = f"{instance.spec.family} {key}{whose(instance, proof)}"
    if entry.kind == "risk":
        if entry.what == "end":
            return f"{about} no longer at risk: {subject}: {reason}"
        return f"{about} at risk ({entry.fraction:.0%} used): {subject}{due}"
    if entry.what == "end":
        return f"{about} was broken: {subject}{due}: {reason}"
    doubt = " probably" if confidence == "suspected" else ""
    return f"{about}{doubt} broken: {subject}{due}"


def description(entry: Entry) -> str:
    """Return the time that was spent, and where, in the zone of the calendar."""
    proof, instance = entry.proof, entry.instance
    if entry.what == "end":
        return f"{span(proof.elapsed_us)} used. Promised: {target_text(instance, proof)}."
    spent = f"{span(proof.elapsed_us)} used: {segments(proof)} ({proof.hours.zone.key}, calendar {proof.hours.name})."
    promised = f" Promised: {target_text(instance, proof)}, from {moment(proof.hours, instance.started_us)}."
    notes = ""
    if proof.due_us is not None and not proof.hours.lists_holidays_of(proof.due_us):
        notes = f" Calendar {proof.hours.name} lists no holidays for {proof.hours.local(proof.due_us).year}."
    return spent + promised + notes


def why_ended(entry: Entry) -> str:
    """Return why an alert ended: ``fulfilled 2 h 10 late``, ``cancelled``, ``breached``, ..."""
    if entry.kind == "breach" and entry.reason == "fulfilled" and entry.proof.due_us is not None:
        return f"fulfilled {span(entry.at_us - entry.proof.due_us)} late"
    return entry.reason
