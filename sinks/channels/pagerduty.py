"""PagerDuty by its Events API v2. Its 202 means accepted: whom PagerDuty then wakes, it does not tell.

Source: https://developer.pagerduty.com/docs/send-alert-event, and for codes and limits
https://developer.pagerduty.com/docs/events-api-v2-overview. All notifications of a thread have one ``dedup_key``: a
repeat changes the open incident and wakes nobody twice. There is no harmless request to check a routing key by.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field

from alerts.model import rfc3339, to_json
from config.secret import SecretMissingError, SecretRef
from detectors.contract import AlertChange
from sinks.addresses import AddressedSettings
from sinks.checking import Checked
from sinks.contract import CHANNELS, Failure, Message, Reason, Receipt, permanent
from sinks.http import http_for
from sinks.http_answer import HttpAnswer
from sinks.json_api import (
    check_url,
    cut,
    encode,
    exchange,
    json_object,
    name_within,
    named_fields,
    raise_if,
    refusal,
    unreadable,
)
from sinks.points import host_in

MAX_EVENT_BYTES = 512_000
"""PagerDuty takes 512 KB; the smaller of what that can mean."""
_HOSTS = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}
_FIELDS = frozenset({
    "routing_key", "dedup_key", "event_action", "summary", "source", "severity", "timestamp", "component", "group",
    "class", "custom_details", "links", "images", "client", "client_url",
})  # fmt: skip
_MAX_LINKS = 20
_MAX_NAME = 1024
PagerDutySeverity = Literal["critical", "error", "warning", "info"]
_BY_URGENCY: tuple[PagerDutySeverity, ...] = ("critical", "error", "warning", "info")


class PagerDutySettings(AddressedSettings):
    """Settings of a PagerDuty channel.

    Attributes:
        routing_key: where the integration key (32 characters) of an "Events API v2" integration is kept.
        region: service region of the account.
        base_url: in place of the region's address, for tests and proxies.
        source: PagerDuty's field "source".
        component_label, group_label: labels whose values become PagerDuty's "component" and "group". An alert without
            one has no such field.
        severities: PagerDuty's severity by the alert's label ``severity``.
        default_severity: for severities that are not listed, and alerts without one.
        client_url: where PagerDuty's link "view in Makegood" leads.
    """

    keeps_state: ClassVar[bool] = True

    type: Literal["pagerduty"]
    routing_key: SecretRef
    region: Literal["us", "eu"] = "us"
    base_url: str | None = Field(default=None, pattern=r"^https?://[^\s/@?#]+$")
    source: str = Field(default="makegood", min_length=1, max_length=_MAX_NAME)
    component_label: str = "service"
    group_label: str = "region"
    severities: dict[str, PagerDutySeverity] = Field(
        default={"critical": "critical", "error": "error", "warning": "warning", "info": "info"}
    )
    default_severity: PagerDutySeverity = "error"
    client_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")

    def model_post_init(self, context: object, /) -> None:
        """Check that something would be sent to ``base_url``."""
        if self.base_url is not None:
            check_url("base_url", self.base_url, self.allow_private_addresses)

    def points_of_failure(self) -> frozenset[str]:
        """Return the host."""
        return frozenset({host_in(self.base_url or _HOSTS[self.region])})


@CHANNELS.register("pagerduty", PagerDutySettings)
class PagerDutyChannel:
    """One event for each message: ``trigger`` as long as an alert fires, then ``resolve``."""

    def __init__(self, name: str, settings: PagerDutySettings) -> None:
        self.name = name
        self._url = (settings.base_url or _HOSTS[settings.region]) + "/v2/enqueue"
        self.recipients: tuple[str, ...] = (urlsplit(self._url).hostname or name,)
        self._settings = settings
        self._http = http_for(settings)

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Send one event."""
        content = fitted({**event(message, self._settings), "routing_key": self._key()})
        answer = exchange(self._http, "POST", self._url, timeout_s=timeout_s, content=content)
        raise_if(judge(answer))
        said = (json_object(answer) or {}).get("dedup_key")
        incident = said if isinstance(said, str) else incident_key(message)
        return [Receipt(recipient=name, outcome="accepted", provider_id=incident) for name in recipients]

    def check(self, timeout_s: float) -> list[Checked]:
        """Connect, with TLS, and send nothing: whether a routing key is good, PagerDuty says only to an event."""
        self._key()
        return [Checked(subject=self.recipients[0], said=self._http.reach(self._url, timeout_s))]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _key(self) -> str:
        try:
            return self._settings.routing_key.resolve().get_secret_value()
        except SecretMissingError as error:
            raise permanent(Reason.AUTH, str(error)) from error


def incident_key(message: Message) -> str:
    """Return the ``dedup_key``: the same for all notifications of a thread."""
    return name_within(message.notification.thread_key, 255)


def event(message: Message, settings: PagerDutySettings) -> dict[str, Any]:
    """Return the event without its routing key.

    The payload goes with a ``resolve`` as well: it is what the incident's log then shows of the reason.
    """
    notification = message.notification
    first = notification.alerts[0]
    telling = [one for one in notification.alerts if one.status == "firing"] or list(notification.alerts)
    payload: dict[str, Any] = {
        "summary": cut(message.title, 1024),
        "source": settings.source,
        "severity": _severity(telling, settings),
        "timestamp": rfc3339(max(one.at_us for one in notification.alerts)),
        "custom_details": {
            "text": message.text,
            "alerts": [to_json(one) for one in notification.alerts],
            "receiver": notification.receiver,
            "key": message.key,
            "notes": [cut(note, _MAX_NAME) for note in message.notes],
        },
    }
    for field, label in (
        ("component", settings.component_label),
        ("group", settings.group_label),
        ("class", "alertname"),
    ):
        if first.labels.get(label):
            payload[field] = cut(first.labels[label], _MAX_NAME)
    made: dict[str, Any] = {
        "event_action": "trigger" if notification.status == "firing" else "resolve",
        "dedup_key": incident_key(message),
        "payload": payload,
        "client": "Makegood",
    }
    if settings.client_url is not None:
        made["client_url"] = settings.client_url
    links = _links(notification.alerts)
    if links:
        made["links"] = links
    return made


def fitted(made: dict[str, Any]) -> bytes:
    """Return the event's JSON within :data:`MAX_EVENT_BYTES`: alerts are left out from the end, then text is cut.

    ``custom_details.alerts_left_out`` says how many were.
    """
    content = encode(made)
    details = dict(made["payload"]["custom_details"])
    number = len(details["alerts"])
    while len(content) > MAX_EVENT_BYTES:
        if details["alerts"]:
            details["alerts"] = details["alerts"][: len(details["alerts"]) // 2]
            details["alerts_left_out"] = number - len(details["alerts"])
        elif details["text"]:
            half = len(details["text"]) // 2
            details["text"] = cut(details["text"], half) if half else ""
        else:
            raise permanent(Reason.REJECTED, f"the event is longer than {MAX_EVENT_BYTES} bytes without its text")
        content = encode({**made, "payload": {**made["payload"], "custom_details": details}})
    return content


def judge(answer: HttpAnswer) -> Failure | None:
    """Return what PagerDuty's answer means: None for accepted.

    202 accepted; 400 refused, with ``errors``; 429 too many; 5xx and the rest as in HTTP.
    """
    said = json_object(answer)
    about = named_fields(said, _FIELDS) if said is not None else ""
    failure = refusal(answer, f"PagerDuty: HTTP {answer.status_code}{about}")
    if failure is not None:
        if answer.status_code == 400 and "routing_key" in about:
            return Failure(reason=Reason.AUTH, permanent=True, detail="PagerDuty refused the routing key: HTTP 400")
        return failure
    if said is None or not isinstance(said.get("status"), str):
        return unreadable("PagerDuty", answer)
    if said["status"] != "success":
        detail = f"PagerDuty: HTTP {answer.status_code} with an error inside{about}"
        return Failure(reason=Reason.REJECTED, permanent=True, detail=detail)
    return None


def _severity(alerts: Sequence[AlertChange], settings: PagerDutySettings) -> PagerDutySeverity:
    found = {settings.severities.get(alert.labels.get("severity", ""), settings.default_severity) for alert in alerts}
    return next(severity for severity in _BY_URGENCY if severity in found)


def _links(alerts: Sequence[AlertChange]) -> list[dict[str, str]]:
    """Return the web addresses among the annotations, under their names, each once."""
    found: dict[str, str] = {}
    for alert in alerts:
        for name, value in sorted(alert.annotations.items()):
            if name.endswith("_url") and value.startswith(("https://", "http://")) and len(value) <= 2048:
                found.setdefault(value, name.removesuffix("_url").replace("_", " "))
    return [{"href": href, "text": text} for href, text in list(found.items())[:_MAX_LINKS]]
