"""An incident as a draft of a post-mortem: what is known is filled in, what people must say is asked for."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from alerts.model import rfc3339
from config.tidying import tidy
from dashboards.console.moments import Record
from dashboards.freshness_model import ago

_SPECIAL = re.compile(r"([\\`*_{}\[\]|#~])")


def as_markdown(record: Record, now_us: int) -> str:
    """Return the draft. Texts of customers are escaped: no Markdown, no HTML of theirs comes to life."""
    return "\n".join(_lines(record, now_us)) + "\n"


def as_json(record: Record) -> dict[str, Any]:
    """Return the incident, its alerts and all moments as plain data, with times in RFC 3339."""
    incident = record.detail.incident
    plain: dict[str, Any] = msgspec.to_builtins(incident)
    for name in ("first_us", "last_us", "ended_us"):
        value = plain.pop(name)
        plain[name.removesuffix("_us")] = None if value is None else rfc3339(value)
    plain["blind"] = [
        {"feed": one.feed, "since": rfc3339(one.since_us), "until": _time(one.until_us), "says": one.says}
        for one in incident.blind
    ]
    return {
        "incident": {"name": incident.name, **plain},
        "lead": None if record.lead is None else record.lead.to,
        "together_with": [] if record.lead is None else list(record.lead.others),
        "moments": [{**one._asdict(), "at": rfc3339(one.at_us), "at_us": one.at_us} for one in record.instants],
        "alerts": [
            {
                "feed": one.lane,
                "priority": one.priority,
                "from": rfc3339(one.from_us),
                "to": _time(one.to_us),
                "summary": one.words,
                "fingerprint": one.fingerprint,
            }
            for one in record.spans
        ],
        "read_of_alerts": record.read,
    }


def escaped(text: str) -> str:
    r"""Return a text that Markdown shows as it is, on one line.

    >>> print(escaped("<b>5 *stars*</b>"))
    &lt;b&gt;5 \*stars\*&lt;/b&gt;
    """
    plain = _SPECIAL.sub(r"\\\1", " ".join(tidy(text).split()))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _lines(record: Record, now_us: int) -> Iterator[str]:
    incident = record.detail.incident
    yield f"# Post-mortem draft: {incident.name}, {escaped(incident.title)}"
    yield ""
    yield f"Written by Makegood at {_minute(now_us)}. Times are UTC. What stands in *[brackets]* is for people."
    yield ""
    yield "## Summary"
    yield ""
    yield "*[What happened, in two sentences that a customer would understand.]*"
    yield ""
    yield "| | |"
    yield "|---|---|"
    for name, value in _facts(record):
        yield f"| {name} | {escaped(value)} |"
    yield ""
    yield "## Impact"
    yield ""
    yield f"{incident.customers:,} customers are touched as far as alerts tell. *[Who noticed what, for how long?]*"
    yield ""
    yield "## What each feed showed"
    yield ""
    for line in incident.evidence_lines:
        yield f"- {escaped(line)}"
    for line in incident.blind_lines:
        yield f"- **Not known:** {escaped(line)}"
    yield ""
    yield "## Timeline"
    yield ""
    for one in record.instants:
        who = f"{escaped(one.who)} " if one.who else ""
        mark = " (event time)" if one.clock == "event" else ""
        yield f"- `{_minute(one.at_us)}`{mark} **{escaped(one.lane)}** {who}{escaped(one.words)}"
    if record.detail.incident.alerts > record.read:
        yield f"- *Who was told was read of {record.read} of {record.detail.incident.alerts} alerts.*"
    yield ""
    for title, ask in (
        ("Cause", "Why did it happen? Why was that possible?"),
        ("What went well", "What helped?"),
        ("What went badly", "What was missing, late or in the way? Which alerts were noise?"),
        ("What we change", "What, who, until when."),
    ):
        yield f"## {title}"
        yield ""
        yield f"*[{ask}]*"
        yield ""


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    incident = record.detail.incident
    yield "Status", incident.status
    yield "Worst severity", incident.severity
    if record.lead is not None:
        yield "Lead", record.lead.to
        if record.lead.others:
            yield "Together with", ", ".join(f"INC-{other}" for other in record.lead.others)
    yield "Began (event time)", _minute(incident.first_us)
    if incident.ended_us is not None:
        yield "Ended (event time)", _minute(incident.ended_us)
        yield "Lasted", ago(incident.ended_us - incident.first_us)
    yield "Alerts", f"{incident.alerts:,}, {incident.firing:,} of them still fire"
    if record.told_us is not None:
        yield "First told", _minute(record.told_us)
    if record.acknowledged_us is not None:
        yield "First acknowledged", _minute(record.acknowledged_us)
        if record.told_us is not None:
            yield "From told to acknowledged", ago(record.acknowledged_us - record.told_us)
    touched = {name: values for name, values in incident.touched.items() if values}
    for name, values in touched.items():
        yield f"Touched: {name}", ", ".join(values[:20]) + (f" and {len(values) - 20} more" if len(values) > 20 else "")


def _minute(at_us: int) -> str:
    return rfc3339(at_us)[:19].replace("T", " ") + "Z"


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)
