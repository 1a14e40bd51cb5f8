"""SMS by Twilio. Its 201 means accepted, not delivered; its status callback or ``GET`` says more later.

Source: https://www.twilio.com/docs/messaging/api/message-resource. Twilio's message API has no idempotency key of its
own; ours is in the text (``ref``), shortened.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import httpx
from pydantic import Field, StringConstraints
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from config.secret import SecretMissingError, SecretRef
from sinks.contract import (
    CHANNELS,
    ChannelSettings,
    DeliveryError,
    Failure,
    Message,
    Reason,
    Receipt,
    permanent,
    transient,
)
from sinks.http import BoundedHttp, exchange_failed
from sinks.http_status import http_date_us, http_failure, parse_retry_after
from sinks.quiet import quiet_httpx
from sinks.twilio_errors import ERRORS

_TWILIO = "https://api.twilio.com"
PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+[1-9]\d{6,14}$")]

_ALL_ALIKE = {Reason.AUTH, Reason.UNREACHABLE, Reason.TIMEOUT, Reason.RATE_LIMITED, Reason.SERVER_ERROR}
"""Failures that the next recipient would meet too; trying would only cost time."""


class SmsTwilioSettings(ChannelSettings):
    """Settings of an SMS channel.

    Attributes:
        account_sid: of the Twilio account. api_key_sid: None: ``auth_token`` is the account's; else the key's secret.
        auth_token: where the token is kept.
        sender: number or sender id to send from. messaging_service_sid: instead of it. Exactly one of the two.
        to: numbers in E.164 form.
        max_chars: a longer text is cut; Twilio takes 1600 characters at most, and bills by parts of about 150.
        base_url: of Twilio's API; another one for tests and proxies.
    """

    type: Literal["sms_twilio"]
    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$")
    api_key_sid: str | None = Field(default=None, pattern=r"^SK[0-9a-fA-F]{32}$")
    auth_token: SecretRef
    sender: str | None = Field(default=None, min_length=1)
    messaging_service_sid: str | None = Field(default=None, pattern=r"^MG[0-9a-fA-F]{32}$")
    to: tuple[PhoneNumber, ...] = Field(min_length=1)
    max_chars: int = Field(default=480, ge=70, le=1600)
    base_url: str = Field(default=_TWILIO, pattern=r"^https?://[^\s/]+$")

    def model_post_init(self, context: object, /) -> None:
        """Check that there is one sender."""
        if (self.sender is None) == (self.messaging_service_sid is None):
            msg = "an SMS has exactly one of `sender` and `messaging_service_sid`"
            raise ValueError(msg)


class _Carrier(HttpClient):  # type: ignore[misc]
    """Carries the requests of Twilio's client, within a timeout, to the address of the settings; never logs them."""

    def __init__(self, http: BoundedHttp, base_url: str, timeout_s: float) -> None:
        super().__init__(logger=None, is_async=False, timeout=timeout_s)
        self._http = http
        self._base_url = base_url
        self._timeout_s = timeout_s
        self.headers: Mapping[str, str] = {}

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Send one request. Errors are httpx's."""
        url = uri.replace(_TWILIO, self._base_url, 1)
        answer = self._http.request(
            method,
            url,
            params=_flat(params),
            data=_flat(data),
            headers=headers,
            auth=auth,
            timeout_s=self._timeout_s,
        )
        self.headers = answer.headers
        return Response(answer.status_code, answer.text, answer.headers)


def _flat(values: dict[str, object] | None) -> dict[str, Any] | None:
    return None if values is None else dict(values)


@CHANNELS.register("sms_twilio", SmsTwilioSettings)
class SmsTwilioChannel:
    """One message for each recipient."""

    def __init__(self, name: str, settings: SmsTwilioSettings) -> None:
        self.name = name
        self.recipients: tuple[str, ...] = settings.to
        self._settings = settings
        quiet_httpx()
        self._http = BoundedHttp()

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Send to each of ``recipients``, until one failure shows that the others would fail too."""
        try:
            token = self._settings.auth_token.resolve().get_secret_value()
        except SecretMissingError as error:
            raise permanent(Reason.AUTH, str(error)) from error
        end_s = time.monotonic() + timeout_s
        text = sms_text(message, self._settings.max_chars)
        receipts: list[Receipt] = []
        hopeless: Failure | None = None
        for recipient in recipients:
            left_s = end_s - time.monotonic()
            if hopeless is None and left_s <= 0:
                hopeless = Failure(reason=Reason.TIMEOUT, permanent=False, detail="no time was left")
            if hopeless is not None:
                receipts.append(Receipt(recipient=recipient, outcome="failed", failure=hopeless))
                continue
            try:
                provider_id = self._send_one(token, recipient, text, left_s)
            except DeliveryError as error:
                receipts.append(Receipt(recipient=recipient, outcome="failed", failure=error.failure))
                if error.failure.reason in _ALL_ALIKE:
                    hopeless = Failure(
                        reason=error.failure.reason,
                        permanent=error.failure.permanent,
                        detail=error.failure.detail,
                        retry_after_us=error.failure.retry_after_us,
                    )
            else:
                receipts.append(Receipt(recipient=recipient, outcome="accepted", provider_id=provider_id))
        return receipts

    def close(self) -> None:
        """Nothing to release."""

    def _send_one(self, token: str, recipient: str, text: str, timeout_s: float) -> str:
        settings = self._settings
        carrier = _Carrier(self._http, settings.base_url, timeout_s)
        user = settings.api_key_sid or settings.account_sid
        client = Client(user, token, settings.account_sid, http_client=carrier, environment={})
        sender = (
            {"from_": settings.sender} if settings.sender else {"messaging_service_sid": settings.messaging_service_sid}
        )
        try:
            made = client.messages.create(to=recipient, body=text, **sender)
        except httpx.HTTPError as error:
            raise exchange_failed(error, f"{timeout_s:.1f} s") from error
        except TwilioException as error:
            raise DeliveryError(_failure(error, carrier.headers)) from error
        except (ValueError, KeyError, TypeError) as error:  # what Twilio's client raises for a body that is none
            raise transient(Reason.SERVER_ERROR, "Twilio's answer could not be read", ambiguous=True) from error
        if made.status in {"failed", "undelivered"}:
            code = int(made.error_code or 30008)
            reason, is_permanent = ERRORS.get(code, (Reason.REJECTED, True))
            detail = f"Twilio took it as {made.status}, error {code}"
            raise DeliveryError(Failure(reason=reason, permanent=is_permanent, detail=detail))
        return str(made.sid)


def _failure(error: TwilioException, headers: Mapping[str, str]) -> Failure:
    """Return what Twilio's error means. Its own words stay out: they can repeat what we sent."""
    status = int(getattr(error, "status", 0) or 0)
    code = int(getattr(error, "code", 0) or 0)
    if not isinstance(error, TwilioRestException) and status == 0:
        return Failure(
            reason=Reason.SERVER_ERROR, permanent=False, detail="Twilio's answer could not be read", ambiguous=True
        )
    detail = f"Twilio error {code}, HTTP {status} (https://www.twilio.com/docs/api/errors/{code})"
    retry_after = headers.get("Retry-After")
    now_us = http_date_us(headers.get("Date", ""))
    if code in ERRORS:
        reason, is_permanent = ERRORS[code]
        wait_us = None if retry_after is None or is_permanent else parse_retry_after(retry_after, now_us)
        return Failure(reason=reason, permanent=is_permanent, detail=detail, retry_after_us=wait_us)
    found = http_failure(status, detail, retry_after=retry_after, now_us=now_us)
    if found is not None:
        return found
    # A 2xx that is not the message it should be: it may have been sent.
    return Failure(reason=Reason.SERVER_ERROR, permanent=False, detail=detail, ambiguous=True)


def sms_text(message: Message, max_chars: int) -> str:
    """Return title, notes and text, cut to ``max_chars`` from the end, with the key's beginning as reference.

    The notes come before the text, so that "it may have reached you already" is not what is cut.
    """
    reference = f"\nref {message.key[:15]}"
    text = message.text
    for note in message.notes:
        text = text.replace(note, "")
    whole = "\n".join(part for part in (message.title, *message.notes, text.strip()) if part)
    room = max_chars - len(reference)
    return (whole if len(whole) <= room else whole[: room - 1] + "…") + reference
