"""The standard words: a first line that says how urgent it is, what, where and how far; then what a person needs."""

from collections import Counter
from collections.abc import Mapping, Sequence

from config.words import WordsSettings
from detectors.contract import AlertChange
from sinks.contract import Notification
from sinks.words.people import clock_text, count_text, cut, duration_text, money_text
from sinks.words.variables import firing_first, runbook_of, state_of

_HIDDEN_LABELS = {"alertname", "severity"}
_PLACES = ("service", "region", "queue", "customer", "source")
_HEADLINE_CHARS = 300
_LISTED_EVIDENCE = 10
ACTIONS = {"acknowledge": "Acknowledge", "resolve": "Resolve"}
"""Links that the text names, in this order."""


def standard_title(notification: Notification) -> str:
    """Return the first line: ``[URGENT, critical] checkout: 41 % of payments fail (3 alerts; 312 customers)``."""
    alerts = firing_first(notification.alerts)
    first = alerts[0]
    total = len(alerts) + notification.truncated
    head = f"[{_tag(notification, first)}]"
    if notification.kind == "digest":
        said = count_text(notification.absorbed, "notification") if notification.absorbed else "several notifications"
        head, what = f"{head[:-1]}, digest]", f"{said} about {count_text(total, 'alert')}: {_counted(notification)}"
        details = []
    else:
        what = first.annotations.get("summary") or first.labels.get("alertname", "alert")
        what = cut(" ".join(what.split()), _HEADLINE_CHARS)
        if total > 1:
            where = _where(notification.group_labels)
            unsaid = where and not all(value.casefold() in what.casefold() for value in where)
            what = f"{' in '.join(where)}: {what}" if unsaid else what
        details = [_firing_text(notification, alerts)] if total > 1 else []
    if notification.kind == "repeat" and notification.status == "firing":
        since_us = notification.accepted_us - min(alert.starts_at_us for alert in alerts if alert.status == "firing")
        details.append(f"for {duration_text(max(0, since_us) / 1_000_000)}")
    details += _reach(notification)
    return f"{head} {what} ({'; '.join(details)})" if details else f"{head} {what}"


def standard_text(notification: Notification, links: Mapping[str, str], words: WordsSettings, code: str = "") -> str:
    """Return the text without the notes: why it comes, each alert, what was left out, incident, links, code."""
    alerts = firing_first(notification.alerts)
    shown = alerts[: words.max_alerts]
    blocks = [*_opening(notification), *(_paragraph(alert, words.zone) for alert in shown)]
    left_out = Counter(notification.left_out)
    left_out.update(_of_what(alert) for alert in alerts[words.max_alerts :])
    more = notification.truncated + len(alerts) - len(shown)
    if more:
        blocks.append(f"and {more:,} more{_listed(left_out, more)}")
    blocks += _incident(notification)
    known = [f"{text}: {links[name]}" for name, text in ACTIONS.items() if links.get(name)]
    if code:
        known.append(code_line(code))
    if known:
        blocks.append("\n".join(known))
    return "\n\n".join(blocks)


def code_line(code: str) -> str:
    """Return the line that says how to name what a message is about."""
    return f"Code {code}: makegood ack {code}"


def _tag(notification: Notification, first: AlertChange) -> str:
    severity, state, urgency = first.labels.get("severity", ""), state_of(first), notification.urgency
    if notification.kind == "test":
        return "TEST"
    if state != "firing":
        return f"{state.upper()}, {severity}" if urgency is not None and severity else state.upper()
    head = severity.upper() or "FIRING"
    if urgency is not None:
        head = f"{urgency.name.upper()}, {severity or 'firing'}"
    return {"escalation": f"{head}, escalated", "repeat": f"{head}, still firing"}.get(notification.kind, head)


def _where(labels: Mapping[str, str]) -> list[str]:
    named = [labels[name] for name in _PLACES if labels.get(name)]
    return named[:2]


def _firing_text(notification: Notification, alerts: Sequence[AlertChange]) -> str:
    total = len(alerts) + notification.truncated
    over = sum(alert.status != "firing" for alert in alerts)
    text = count_text(total, "alert")
    return f"{text}, {over:,} of them resolved" if over and notification.status == "firing" else text


def _reach(notification: Notification) -> list[str]:
    """Return how far it reaches, as one part: ``312 customers, 18,400 EUR at risk``."""
    urgency = notification.urgency
    if urgency is None:
        return []
    parts = []
    if urgency.customers is not None and urgency.customers > 1:
        parts.append(count_text(urgency.customers, "customer"))
    elif urgency.customers is None and urgency.events:
        parts.append(count_text(urgency.events, "event"))
    if urgency.revenue_at_risk:
        parts.append(f"{money_text(urgency.revenue_at_risk, urgency.currency)} at risk")
    return [", ".join(parts)] if parts else []


def _opening(notification: Notification) -> list[str]:
    lines = []
    if notification.kind == "test":
        lines.append("This is a test of the way to you. Nothing is wrong.")
    if notification.kind == "escalation":
        lines.append("Nobody has acknowledged this yet, so it comes to you.")
    if notification.kind == "digest":
        said = count_text(notification.absorbed, "notification") if notification.absorbed else "the notifications"
        lines.append(f"There was too much at once: this stands for {said}. None of them comes by itself.")
    if notification.urgency is not None and notification.status == "firing":
        lines.append(f"Urgency: {notification.urgency.name} ({notification.urgency.why})")
    return ["\n".join(lines)] if lines else []


def _counted(notification: Notification) -> str:
    counts = Counter(notification.left_out)
    counts.update(_of_what(alert) for alert in notification.alerts)
    return _largest(counts, len(notification.alerts) + notification.truncated)


def _listed(counts: Counter[str], total: int) -> str:
    return f": {_largest(counts, total)}" if counts else ""


def _largest(counts: Counter[str], total: int, shown: int = 5) -> str:
    """Return the largest counts: ``30 checkout, 7 billing``; what is not among them is ``other``."""
    largest = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:shown]
    rest = total - sum(count for _name, count in largest)
    parts = [f"{count:,} {name}" for name, count in largest]
    return ", ".join([*parts, f"{rest:,} other"] if rest > 0 else parts)


def _of_what(alert: AlertChange) -> str:
    return alert.labels.get("service") or alert.labels.get("alertname") or "other"


def _incident(notification: Notification) -> list[str]:
    incident = notification.incident
    if incident is None:
        return []
    counts = [count_text(incident.alerts, "alert")] if incident.alerts else []
    counts += [count_text(incident.customers, "customer")] if incident.customers else []
    count = f" ({', '.join(counts)})" if counts else ""
    lines = [f"Incident {incident.id}{f': {incident.title}' if incident.title else ''}{count}"]
    lines += [f"- {line}" for line in incident.evidence[:_LISTED_EVIDENCE]]
    if len(incident.evidence) > _LISTED_EVIDENCE:
        lines.append(f"- and {len(incident.evidence) - _LISTED_EVIDENCE} more")
    if incident.blind:
        lines.append(f"Not known, because silent: {', '.join(incident.blind)}")
    return ["\n".join(lines)]


def _paragraph(alert: AlertChange, zone: str) -> str:
    said = alert.annotations
    lines = [said.get("description") or said.get("summary", "")]
    if said.get("reason"):
        lines.append(f"Reason: {said['reason']}")
    if said.get("action") and alert.status == "firing":
        lines.append(f"Do: {said['action']}")
    lines.append(f"Since {clock_text(alert.starts_at_us, zone)}")
    if alert.ends_at_us is not None:
        lines.append(f"Until {clock_text(alert.ends_at_us, zone)}")
    labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()) if name not in _HIDDEN_LABELS)
    lines.append(f"{alert.labels.get('alertname', '')} {labels}".strip())
    runbook = runbook_of(alert)
    if runbook:
        lines.append(f"Runbook: {runbook}")
    return "\n".join(line for line in lines if line)
