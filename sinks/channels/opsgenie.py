"""Opsgenie, and what it became in Jira Service Management, by the Alert API. Its 202 means accepted, not delivered.

Source: https://docs.opsgenie.com/docs/alert-api, for codes https://docs.opsgenie.com/docs/response, for rates
https://docs.opsgenie.com/docs/api-rate-limiting. All notifications of a thread have one ``alias``: Opsgenie counts
repeats on the open alert and wakes nobody twice.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs
from config.secret import SecretRef
from sinks.addresses import AddressedSettings
from sinks.checking import Checked
from sinks.contract import CHANNELS, Failure, Message, Reason, Receipt, permanent, transient
from sinks.http import http_for
from sinks.http_answer import HttpAnswer
from sinks.json_api import (
    check_url,
    cut,
    encode,
    exchange,
    header_secret,
    json_object,
    raise_if,
    refusal,
    text_within,
)
from sinks.opsgenie_alert import FROM, alias, closed, details, judge
from sinks.points import host_in
from sinks.receipts import ReportedSettings

_HOSTS = {"us": "https://api.opsgenie.com", "eu": "https://api.eu.opsgenie.com"}
_MAX_TAGS, _MAX_TAG = 20, 50
Priority = Literal["P1", "P2", "P3", "P4", "P5"]


class OpsgenieResponder(SettingsModel):
    """Whom Opsgenie is to notify. Without any, the integration's own team and rules decide.

    Attributes:
        type: of responder.
        id, name, username: exactly one; ``username`` for a user, ``name`` for the others.
    """

    type: Literal["team", "user", "escalation", "schedule"]
    id: str | None = Field(default=None, min_length=1)
    name: str | None = Field(default=None, min_length=1)
    username: str | None = Field(default=None, min_length=1)

    def model_post_init(self, context: object, /) -> None:
        """Check that it is named, once."""
        by = "username" if self.type == "user" else "name"
        given = [key for key in ("id", "name", "username") if getattr(self, key) is not None]
        if given not in (["id"], [by]):
            msg = f"a responder of type `{self.type}` has exactly one of `id` and `{by}`"
            raise ValueError(msg)


class OpsgenieSettings(ReportedSettings, AddressedSettings):
    """Settings of an Opsgenie channel.

    Attributes:
        api_key: where the key of an API integration is kept.
        region: of the account.
        base_url: in place of the region's address: ``https://api.atlassian.com/jsm/ops/integration`` for Jira Service
            Management; another one for tests and proxies.
        priorities: Opsgenie's priority by the alert's label ``severity``.
        default_priority: for severities that are not listed, and alerts without one.
        responders: whom to notify.
        tags: on every alert, beside its detector and severity.
        entity_label: label whose value becomes Opsgenie's "entity".
        receipt_within: how long after Opsgenie has accepted a request it may take until it has processed it; then the
            next tier is used. None: accepted is enough. It is asked, as it reports nothing by itself.
    """

    keeps_state: ClassVar[bool] = True

    type: Literal["opsgenie"]
    api_key: SecretRef
    region: Literal["us", "eu"] = "us"
    base_url: str | None = Field(default=None, pattern=r"^https?://[^\s/@?#]+(/[^\s/?#]+)*$")
    priorities: dict[str, Priority] = Field(default={"critical": "P1", "error": "P2", "warning": "P3", "info": "P5"})
    default_priority: Priority = "P3"
    responders: tuple[OpsgenieResponder, ...] = Field(default=(), max_length=50)
    tags: tuple[str, ...] = Field(default=(), max_length=_MAX_TAGS - 2)
    entity_label: str = "service"
    receipt_within: DurationUs | None = Field(default=60 * US_PER_SECOND, ge=US_PER_SECOND, le=86_400 * US_PER_SECOND)

    def reports_to_us(self) -> bool:
        """It sends no reports about requests."""
        return False

    def model_post_init(self, context: object, /) -> None:
        """Check that something would be sent to ``base_url``."""
        if self.base_url is not None:
            check_url("base_url", self.base_url, self.allow_private_addresses)

    def points_of_failure(self) -> frozenset[str]:
        """Return the host."""
        return frozenset({host_in(self.base_url or _HOSTS[self.region])})


@CHANNELS.register("opsgenie", OpsgenieSettings)
class OpsgenieChannel:
    """Creates an alert as long as one of ours fires, then closes it by its alias."""

    def __init__(self, name: str, settings: OpsgenieSettings) -> None:
        self.name = name
        self._base = (settings.base_url or _HOSTS[settings.region]) + "/v2/alerts"
        self.recipients: tuple[str, ...] = (urlsplit(self._base).hostname or name,)
        self._settings = settings
        self._http = http_for(settings)

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Create or close. The receipt's ``provider_id`` is for :meth:`result`."""
        if message.notification.status == "firing":
            path, body = "", created(message, self._settings)
        else:
            path, body = f"/{quote(alias(message), safe='')}/close?identifierType=alias", closed(message)
        answer = self._ask("POST", path, timeout_s, encode(body))
        raise_if(judge(answer))
        request_id = str((json_object(answer) or {})["requestId"])
        return [Receipt(recipient=name, outcome="accepted", provider_id=request_id) for name in recipients]

    def result(self, recipient: str, provider_id: str, timeout_s: float) -> Receipt:
        """Ask what became of a request: ``accepted`` as long as Opsgenie has not processed it.

        Closing what is not open (a person was faster, or it never opened) counts as delivered: nothing is left to do.

        Args:
            recipient: of the receipt of :meth:`send`.
            provider_id: of the same.
            timeout_s: for the answer, in seconds.

        Raises:
            DeliveryError: when Opsgenie does not say; that means nothing about the delivery itself.
        """
        answer = self._ask("GET", f"/requests/{quote(provider_id, safe='')}", timeout_s)
        if answer.status_code == 404:
            return Receipt(recipient=recipient, outcome="accepted", provider_id=provider_id)
        raise_if(refusal(answer, f"Opsgenie: HTTP {answer.status_code} for the status of a request"))
        said = (json_object(answer) or {}).get("data")
        if not isinstance(said, dict) or not isinstance(said.get("isSuccess"), bool):
            raise transient(Reason.SERVER_ERROR, "Opsgenie's status of a request could not be read")
        if said["isSuccess"] or said.get("action") == "Close":
            return Receipt(recipient=recipient, outcome="delivered", provider_id=provider_id)
        failure = Failure(
            reason=Reason.REJECTED, permanent=True, detail="Opsgenie took the request and then failed to process it"
        )
        return Receipt(recipient=recipient, outcome="failed", provider_id=provider_id, failure=failure)

    def check(self, timeout_s: float) -> list[Checked]:
        """Count the open alerts: proves address and key, changes nothing. The key needs the right to read."""
        answer = self._ask("GET", "/count?query=status%3Aopen", timeout_s)
        raise_if(refusal(answer, f"Opsgenie: HTTP {answer.status_code} for a count of alerts"))
        data = (json_object(answer) or {}).get("data")
        if not isinstance(data, dict) or not isinstance(data.get("count"), int):
            raise permanent(Reason.REJECTED, "what answers at the channel's address is not Opsgenie")
        return [Checked(subject=self.recipients[0], said=f"the key is good; {data['count']} open alerts")]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(self, method: str, path: str, timeout_s: float, content: bytes | None = None) -> HttpAnswer:
        headers = {"Authorization": f"GenieKey {header_secret(self._settings.api_key)}"}
        return exchange(self._http, method, self._base + path, timeout_s=timeout_s, headers=headers, content=content)


def created(message: Message, settings: OpsgenieSettings) -> dict[str, Any]:
    """Return the body that creates an alert, within all of Opsgenie's limits."""
    notification = message.notification
    first = notification.alerts[0]
    firing = [one for one in notification.alerts if one.status == "firing"]
    own = [f"{name}={first.labels[name]}" for name in ("detector", "severity") if first.labels.get(name)]
    made: dict[str, Any] = {
        "message": cut(message.title, 130),
        "alias": alias(message),
        "description": text_within(message, 15_000),
        "tags": [cut(tag, _MAX_TAG) for tag in (*settings.tags, *own)],
        "details": details(message),
        "priority": min(
            settings.priorities.get(one.labels.get("severity", ""), settings.default_priority) for one in firing
        ),
        **FROM,
    }
    if first.labels.get(settings.entity_label):
        made["entity"] = cut(first.labels[settings.entity_label], 512)
    if settings.responders:
        made["responders"] = [one.model_dump(exclude_none=True) for one in settings.responders]
    return made
