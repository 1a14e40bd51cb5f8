"""What goes to Opsgenie's Alert API, and what its answers mean.

Source: https://docs.opsgenie.com/docs/alert-api, for codes https://docs.opsgenie.com/docs/response.
"""

from collections.abc import Sequence
from typing import Any

from alerts.model import rfc3339
from detectors.contract import AlertChange
from sinks.contract import Failure, Message, Reason
from sinks.http_answer import HttpAnswer
from sinks.json_api import cut, json_object, name_within, named_fields, refusal, text_within, units, unreadable

FROM = {"source": "Makegood", "user": "Makegood"}
_FIELDS = frozenset({
    "message", "alias", "description", "responders", "visibleTo", "actions", "tags", "details", "entity", "source",
    "priority", "user", "note",
})  # fmt: skip
_MAX_DETAILS = 8000


def alias(message: Message) -> str:
    """Return the alert's alias: the same for all notifications of a thread."""
    return name_within(message.notification.thread_key, 512)


def closed(message: Message) -> dict[str, Any]:
    """Return the body that closes an alert; why is in the note."""
    return {**FROM, "note": cut(f"{message.title}\n\n{text_within(message, 20_000)}", 25_000)}


def details(message: Message) -> dict[str, str]:
    """Return Opsgenie's "extra properties": what the alerts are, as far as 8000 characters go."""
    notification = message.notification
    wanted = {"key": message.key, "receiver": notification.receiver}
    wanted |= {f"label.{name}": value for name, value in notification.alerts[0].labels.items()}
    wanted["startsAt"] = rfc3339(min(one.starts_at_us for one in notification.alerts))
    wanted["fingerprints"] = _fingerprints(notification.alerts)
    room, kept = _MAX_DETAILS, {}
    for name, value in wanted.items():
        short = cut(value, 1000)
        room -= units(name) + units(short)
        if room >= 0:
            kept[name] = short
    return kept


def judge(answer: HttpAnswer) -> Failure | None:
    """Return what Opsgenie's answer to a create or close means: None for accepted.

    202 accepted; 400 and 422 refused; 401, 402, 403 key or plan; 429 too many, for the time of
    ``X-RateLimit-Period-In-Sec``; the rest as in HTTP.
    """
    said = json_object(answer)
    about = ""
    if said is not None and answer.status_code in {400, 422}:
        about = named_fields(said.get("errors", ""), _FIELDS)
    failure = refusal(
        answer,
        f"Opsgenie: HTTP {answer.status_code}{about}",
        retry_after=answer.headers.get("X-RateLimit-Period-In-Sec") if answer.status_code == 429 else None,
    )
    if failure is not None:
        return failure
    if said is None or not isinstance(said.get("requestId"), str) or not said["requestId"]:
        return unreadable("Opsgenie", answer)
    if said.get("errors") or said.get("code"):
        detail = f"Opsgenie: HTTP {answer.status_code} with an error inside"
        return Failure(reason=Reason.REJECTED, permanent=True, detail=detail)
    return None


def _fingerprints(alerts: Sequence[AlertChange]) -> str:
    return " ".join(one.fingerprint for one in alerts)
