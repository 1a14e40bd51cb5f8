"""Cases of ``repeat_contact``: contacts of customers, and which of them are repeats of which."""

import re
from typing import Any, NamedTuple

from detectors.contract import Context, Finding
from detectors.events import Event
from detectors.repeat_contact import RepeatContact, RepeatContactSettings
from pipeline.lifecases import common, living
from pipeline.lifecases.common import Calendars, EventSettings, LifeCase

_KNOWN = {"same", "anchor", "ignore", "window_by_issue", *common.with_units("window", "window_by_issue")}
_TRANSFER = re.compile(r"transfer_within_(\d+)_min")
_OUTBOUND = {"outbound", "out", "outgoing"}
_RESOLVED = {"resolved", "resolution", "contact_resolved", "case_resolved", "closed", "case_closed"}
_ENDED = {"ended", "contact_ended", "end"}


class _Repeat(NamedTuple):
    contact: str
    of: str
    gap_us: int
    chain_length: int


def run(case: LifeCase, calendars: Calendars) -> dict[str, Any]:
    """Return which contacts are repeats, of which, since when that is known, and what the last one is.

    Raises:
        UnknownPartError: for a part that is not known.
        ValueError: for a value that cannot be used.
    """
    del calendars
    common.check_known(case.promise, _KNOWN)
    detector = RepeatContact("repeat_contact", _settings(case.promise), Context())
    events = _events(case)
    as_of_us = common.as_of_us(case)
    found, repeats = _seen(detector, events, as_of_us)
    computed: dict[str, Any] = {"repeat": bool(repeats), "chain_length": 1}
    if repeats:
        last = repeats[-1]
        computed |= {
            "contact": last.contact,
            "of": last.of,
            "gap_seconds": common.seconds(last.gap_us),
            "known_at": common.instant(_known_us(detector, events, last)),
            "chain_length": max(repeat.chain_length for repeat in repeats),
        }
    computed["repeats"] = [{"contact": repeat.contact, "of": repeat.of} for repeat in repeats]
    classes = _classes(case, found, as_of_us)
    last_id = max(case.events, key=lambda event: (event.at_us, event.sequence, event.id)).id
    if classes.get(last_id, "repeat") != "repeat":
        computed["classified_as"] = computed["state"] = classes[last_id]
    computed["classes"] = classes
    computed["undetermined"] = [contact for contact, name in classes.items() if name == "undetermined"]
    return computed


def _settings(promise: dict[str, Any]) -> RepeatContactSettings:
    window_us = common.duration_us(promise, "window")
    by_issue = promise.get("window_by_issue") or {}
    for unit, unit_us in (("hours", common.HOUR_US), ("days", 24 * common.HOUR_US)):
        by_issue |= {
            name: round(number * unit_us) for name, number in promise.get(f"window_by_issue_{unit}", {}).items()
        }
    transfer_us = next(
        (int(match[1]) * 60_000_000 for name in promise.get("ignore", ()) if (match := _TRANSFER.fullmatch(str(name)))),
        900_000_000 if "ignore" not in promise else 0,
    )
    return RepeatContactSettings.model_validate(
        {
            **({} if window_us is None else {"window": window_us}),
            "window_by_issue": by_issue,
            "issue": ["labels.same"],
            "transfer_within": transfer_us,
            "case_retention": common.YEARS,
            "thanks_from": None,
        }
    )


def _events(case: LifeCase) -> list[Event]:
    same = [str(name) for name in case.promise.get("same", ("customer", "issue"))]
    ignored = case.promise.get("ignore")
    cases: dict[str, str] = {}
    opened: set[str] = set()
    found: list[Event] = []
    # A case begins with its earliest contact, whenever that became known.
    for event in sorted(case.events, key=lambda event: (event.at_us, event.sequence, event.id)):
        of = event.text("contact", "of")
        case_id = event.text("case", "case_id") or cases.get(of) or f"contact {of or event.id}"
        cases[event.id] = case_id
        customer = event.text("customer", "subject") if "customer" in same else "anybody"
        about: dict[str, Any] = {"customer": customer, "channel": event.text("channel") or None}
        if event.type in _RESOLVED:
            found.append(common.case_event(event, "resolved", case_id, **about))
        elif event.type in _ENDED:
            found.append(common.case_event(event, "agent_reply", case_id, **about))
        elif _is_auto(event):
            found.append(common.case_event(event, "auto_reply", case_id, **about))
        elif event.type == "reopened":
            found.append(common.case_event(event, "reopened", case_id, **about))
        else:
            labels = {"same": _same(event, same), "transferred_from": event.text("transferred_from")}
            if _is_outbound(event) and (ignored is None or "outbound" in ignored):
                labels["direction"] = "outbound"
            step = "customer_message" if case_id in opened else "opened"
            opened.add(case_id)
            labels = {name: value for name, value in labels.items() if value}
            found.append(common.case_event(event, step, case_id, **about, labels=labels))
            found += _end(event, case_id, about)
    return found


def _end(event: EventSettings, case_id: str, about: dict[str, Any]) -> list[Event]:
    """Return what ends a contact, where its line says so: its resolution, or the last word."""
    ended_us = event.moment_us("resolved_at", "ended_at", "end_at", "end")
    spent_us = common.duration_us(event.more, "duration")
    if ended_us is None and spent_us is not None:
        ended_us = event.at_us + spent_us
    if event.more.get("resolved") or event.more.get("resolved_at"):
        at_us = event.at_us if ended_us is None else ended_us
        return [common.case_event(event, "resolved", case_id, at_us=at_us, **about)]
    return [] if ended_us is None else [common.case_event(event, "agent_reply", case_id, at_us=ended_us, **about)]


def _same(event: EventSettings, same: list[str]) -> str:
    """Return what must be the same, apart from the customer; empty where a part is not known."""
    values = [event.text(name, f"{name}_id") for name in same if name != "customer"]
    return "" if "" in values else "|".join(values) or "anything"


def _said(event: EventSettings) -> set[str]:
    """Return the words in which a line may say who began the contact."""
    return {event.text(name).casefold() for name in ("direction", "kind", "class", "origin")}


def _is_outbound(event: EventSettings) -> bool:
    began = bool(_said(event) & _OUTBOUND) or event.type.startswith("outbound")
    return began or event.more.get("inbound") is False or bool(event.more.get("outbound"))


def _is_auto(event: EventSettings) -> bool:
    began = "auto_reply" in event.type or bool(_said(event) & {"auto", "auto_reply", "automatic"})
    return began or bool(event.more.get("auto_reply")) or bool(event.more.get("auto"))


def _seen(
    detector: RepeatContact, events: list[Event], knowledge_us: int | None
) -> tuple[list[Finding], list[_Repeat]]:
    found = [
        finding
        for lived in living.lives(detector.life, detector.key, events, knowledge_us)
        for finding in lived.script.findings
    ]
    repeats = [
        _Repeat(finding.group["contact"], finding.group["of"], finding.end_us - finding.start_us, finding.count)
        for finding in sorted(found, key=lambda finding: finding.end_us)
        if finding.verdict == "repeat"
    ]
    return found, repeats


def _known_us(detector: RepeatContact, events: list[Event], wanted: _Repeat) -> int:
    """Return the earliest moment whose knowledge makes the repeat."""
    moments = sorted({living.known_us(event) for event in events})
    for moment_us in moments:
        _, repeats = _seen(detector, events, moment_us)
        if any((repeat.contact, repeat.of) == (wanted.contact, wanted.of) for repeat in repeats):
            return moment_us
    return moments[-1]


def _classes(case: LifeCase, found: list[Finding], as_of_us: int | None) -> dict[str, str]:
    """Return what each contact is; one whose window is open at ``as_of`` is undetermined."""
    told = {finding.group["contact"]: finding.verdict for finding in found if finding.verdict != "no_repeat"}
    over = {finding.group["contact"] for finding in found if finding.verdict == "no_repeat"}
    came_back = {finding.group.get("of", "") for finding in found if finding.verdict == "repeat"}
    classes: dict[str, str] = {}
    for event in case.events:
        if _is_auto(event):
            classes[event.id] = "auto_reply"
        elif event.id in told:
            classes[event.id] = told[event.id]
        elif event.type not in _RESOLVED | _ENDED and as_of_us is not None and event.known_us <= as_of_us:
            settled = event.id in over or event.id in came_back
            classes[event.id] = "first_contact" if settled else "undetermined"
    return classes
