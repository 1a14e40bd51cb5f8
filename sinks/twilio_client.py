"""Sends one message by Twilio's own client. Only a channel that sends SMS imports it: the client is slow to load."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from sinks.contract import DeliveryError, Failure, Reason, transient
from sinks.http import BoundedHttp, exchange_failed
from sinks.http_status import http_date_us, http_failure, parse_retry_after
from sinks.twilio_errors import ERRORS

if TYPE_CHECKING:
    from sinks.channels.sms_twilio import SmsTwilioSettings

TWILIO = "https://api.twilio.com"


def send_one(
    http: BoundedHttp, settings: "SmsTwilioSettings", token: str, recipient: str, text: str, timeout_s: float
) -> str:
    """Send one message; return Twilio's id of it.

    Raises:
        DeliveryError: when it was not taken, or nobody knows.
    """
    carrier = _Carrier(http, settings.base_url, timeout_s)
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
        url = uri.replace(TWILIO, self._base_url, 1)
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
