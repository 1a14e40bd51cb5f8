"""Alertmanager: posts our alerts to an existing one, so that it can stay in charge of routing, grouping and silences.

Source: https://prometheus.io/docs/alerting/latest/alerts_api/ and
https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml.

An Alertmanager resolves an alert by itself when its ``endsAt`` has passed, or, without one, ``resolve_timeout`` after
it last heard of it. Prometheus sends every alert again each minute; we send a change once. So while an alert fires,
its ``endsAt`` is put where no clock gets to (``hold``): only our own message that it has ended ends it.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from alerts.model import rfc3339
from config.secret import SecretMissingError, SecretRef
from detectors.contract import AlertChange
from sinks.addresses import AddressedSettings
from sinks.checking import Checked, each_checked
from sinks.contract import CHANNELS, DeliveryError, Failure, Message, Reason, Receipt, permanent
from sinks.http import http_for
from sinks.http_answer import HttpAnswer
from sinks.json_api import check_url, encode, exchange, header_secret, json_object, raise_if, refusal, unreadable

Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/@?#]+(/[^\s/?#]+)*/?$")]
NEVER = "9999-12-31T00:00:00Z"
"""``endsAt`` of an alert that only we end. Alertmanager shows nobody an end that has not come."""
CLOCK_SKEW_US = 60_000_000
"""An end that Alertmanager's clock has not reached yet would lose to NEVER; ends are this far before our own clock."""
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")


class AlertmanagerSettings(AddressedSettings):
    """Settings of an Alertmanager channel. Its ``title`` and ``text`` are not used: Alertmanager has its own templates.

    Attributes:
        urls: of the Alertmanager, or of all members of its cluster: each alert goes to every one, as from Prometheus.
        hold: True: an alert fires until we say that it has ended. False: ``endsAt`` is left out, Alertmanager's
            ``resolve_timeout`` (5 minutes unless set) ends it, and every alert must be repeated before that.
        generator_url: the alerts' ``generatorURL``, where Alertmanager's link "source" leads.
        labels: added to every alert; they do not replace its own.
        username, password: for basic authentication.
        bearer_token: for the header ``Authorization``, in place of them.
        verify_tls: whether certificates are checked.
    """

    keeps_state: ClassVar[bool] = True

    type: Literal["alertmanager"]
    urls: tuple[Address, ...] = Field(min_length=1, max_length=32)
    hold: bool = True
    generator_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    labels: dict[str, str] = Field(default={})
    username: str | None = Field(default=None, min_length=1, pattern=r"^[^:]*$")
    password: SecretRef | None = None
    bearer_token: SecretRef | None = None
    verify_tls: bool = True

    def model_post_init(self, context: object, /) -> None:
        """Check that addresses differ and can be used, and that a login is whole and one."""
        for url in self.urls:
            check_url("urls", url, self.allow_private_addresses)
        names = [address_name(url) for url in self.urls]
        if len(set(names)) < len(names):
            msg = "an address stands in `urls` twice"
            raise ValueError(msg)
        if (self.username is None) != (self.password is None):
            msg = "a login needs both `username` and `password`, or neither"
            raise ValueError(msg)
        if self.password is not None and self.bearer_token is not None:
            msg = "give `username` and `password`, or `bearer_token`, not both"
            raise ValueError(msg)


@CHANNELS.register("alertmanager", AlertmanagerSettings)
class AlertmanagerChannel:
    """Posts to all addresses at once; each is a recipient, and gets its own receipt."""

    def __init__(self, name: str, settings: AlertmanagerSettings) -> None:
        self.name = name
        self._urls = {address_name(url): url.rstrip("/") for url in settings.urls}
        self.recipients: tuple[str, ...] = tuple(self._urls)
        self._settings = settings
        self._http = http_for(settings, verify_tls=settings.verify_tls)

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Post the alerts to each of ``recipients``."""
        content = encode(posted(message, self._settings))
        headers, auth = self._login()

        def deliver(recipient: str) -> Receipt:
            try:
                answer = exchange(
                    self._http,
                    "POST",
                    self._urls[recipient] + "/api/v2/alerts",
                    timeout_s=timeout_s,
                    headers=headers,
                    content=content,
                    auth=auth,
                )
                raise_if(judge(answer))
            except DeliveryError as error:
                return Receipt(recipient=recipient, outcome="failed", failure=error.failure)
            return Receipt(recipient=recipient, outcome="delivered")

        # One after the other, a member that swallows what it is sent would use up the time of the others.
        with ThreadPoolExecutor(len(recipients), thread_name_prefix="alertmanager") as pool:
            return list(pool.map(deliver, recipients))

    def check(self, timeout_s: float) -> list[Checked]:
        """Ask each address whether it is healthy (``/-/healthy``)."""
        headers, auth = self._login()

        def ask(recipient: str, share_s: float) -> str:
            url = self._urls[recipient] + "/-/healthy"
            answer = exchange(self._http, "GET", url, timeout_s=share_s, headers=headers, auth=auth)
            raise_if(refusal(answer, f"Alertmanager: HTTP {answer.status_code} for its health"))
            return "it is healthy"

        return each_checked(self.recipients, timeout_s, ask)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _login(self) -> tuple[dict[str, str], tuple[str, str] | None]:
        """Return headers and basic authentication."""
        settings = self._settings
        if settings.bearer_token is not None:
            return {"Authorization": f"Bearer {header_secret(settings.bearer_token)}"}, None
        if settings.username is None or settings.password is None:
            return {}, None
        try:
            return {}, (settings.username, settings.password.resolve().get_secret_value())
        except SecretMissingError as error:
            raise permanent(Reason.AUTH, str(error)) from error


def address_name(url: str) -> str:
    """Return how an address is called in records.

    >>> address_name("https://am.example.com:9093/prefix/")
    'am.example.com:9093/prefix'
    """
    parts = urlsplit(url)
    return parts.netloc + parts.path.rstrip("/")


def posted(message: Message, settings: AlertmanagerSettings) -> list[dict[str, Any]]:
    """Return the body: a list of alerts."""
    return [_alert(one, message, settings) for one in message.notification.alerts]


def _alert(alert: AlertChange, message: Message, settings: AlertmanagerSettings) -> dict[str, Any]:
    annotations = {**_named(alert.annotations), "makegood_key": message.key}
    if message.notes:
        annotations["makegood_notes"] = "\n".join(message.notes)
    made: dict[str, Any] = {
        "labels": {**_named(settings.labels), **_named(alert.labels)},
        "annotations": annotations,
        "startsAt": rfc3339(alert.starts_at_us),
    }
    if alert.status == "resolved":
        ended_us = alert.at_us if alert.ends_at_us is None else alert.ends_at_us
        ended_us = min(ended_us, message.notification.accepted_us - CLOCK_SKEW_US)
        made["endsAt"] = rfc3339(ended_us)
        made["startsAt"] = rfc3339(min(alert.starts_at_us, ended_us))  # Alertmanager refuses an end before the start
    elif settings.hold:
        made["endsAt"] = NEVER
    if settings.generator_url is not None:
        made["generatorURL"] = settings.generator_url
    return made


def _named(values: dict[str, str]) -> dict[str, str]:
    """Return values under names that Alertmanager takes: letters, digits, underscores, no digit first; none empty."""
    named: dict[str, str] = {}
    for name, value in sorted(values.items()):
        safe = _NOT_IN_NAMES.sub("_", name)
        if value:
            named.setdefault(f"_{safe}" if safe[:1].isdigit() else safe or "_", value)
    return named


def judge(answer: HttpAnswer) -> Failure | None:
    """Return what Alertmanager's answer means: None for taken.

    200 with an empty body: taken; 400 refused; 500 for now; the rest, from proxies, as in HTTP.
    """
    failure = refusal(answer, f"Alertmanager: HTTP {answer.status_code}")
    if failure is not None:
        return failure
    if not answer.content.strip():
        return None
    said = json_object(answer)
    if said is None:
        return unreadable("Alertmanager", answer)
    if said.get("status") == "error" or said.get("error"):
        detail = f"Alertmanager: HTTP {answer.status_code} with an error inside"
        return Failure(reason=Reason.REJECTED, permanent=True, detail=detail)
    return None
