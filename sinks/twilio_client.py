"""Makes one request by Twilio's own client. Only channels over Twilio import it: the client is slow to load."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from sinks.contract import DeliveryError, Failure, Reason, Receipt, transient
from sinks.http import BoundedHttp
from sinks.http_status import http_date_us, http_failure, parse_retry_after
from sinks.twilio_errors import ERRORS
from sinks.twilio_settings import TwilioSettings
from sinks.twilio_status import failure_of, outcome_of

TWILIO = "https://api.twilio.com"
_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")


class TwilioApi:
    """Twilio's API with the settings of one channel.

    Args:
        http: makes the requests.
        settings: of the account.
    """

    def __init__(self, http: BoundedHttp, settings: TwilioSettings) -> None:
        self._http = http
        self._settings = settings

    def send_message(self, fields: Mapping[str, Any], timeout_s: float) -> str:
        """Send a message and return Twilio's id of it.

        Args:
            fields: of the message, by their names in Twilio's client.
            timeout_s: for all of it, in seconds.

        Raises:
            DeliveryError: when it was not taken, or nobody knows.
        """
        return self._make(lambda client: client.messages.create(**fields), timeout_s)

    def call(self, fields: Mapping[str, Any], timeout_s: float) -> str:
        """Begin a call and return Twilio's id of it. Arguments and errors are as for a message."""
        return self._make(lambda client: client.calls.create(**fields), timeout_s)

    def result(self, recipient: str, sid: str, timeout_s: float) -> Receipt:
        """Ask what became of a message (``SM...``) or a call (``CA...``): see ``sinks.checking.ReportsLater``."""

        def fetch(client: Client) -> Any:
            return client.calls(sid).fetch() if sid.startswith("CA") else client.messages(sid).fetch()

        found = self._ask(fetch, timeout_s)
        outcome = outcome_of(str(found.status))
        failure = _in_vain(found) if outcome == "failed" else None
        return Receipt(recipient=recipient, outcome=outcome, provider_id=sid, failure=failure)

    def check(self, timeout_s: float) -> str:
        """Ask Twilio about the account: sends nothing. Return what it said.

        Raises:
            DeliveryError: when it does not answer, does not know us, or has closed the account.
        """
        account = self._ask(lambda client: client.api.accounts(self._settings.account_sid).fetch(), timeout_s)
        if account.status != "active":
            detail = f"the Twilio account is {account.status}"
            raise DeliveryError(Failure(reason=Reason.AUTH, permanent=True, detail=detail))
        return "the account is active"

    def _make(self, make: Callable[[Client], Any], timeout_s: float) -> str:
        made = self._ask(make, timeout_s)
        if outcome_of(str(made.status)) == "failed":
            raise DeliveryError(_in_vain(made))
        if not isinstance(made.sid, str) or _SID.fullmatch(made.sid) is None:
            raise transient(Reason.SERVER_ERROR, "Twilio's answer could not be read", ambiguous=True)
        return made.sid

    def _ask(self, ask: Callable[[Client], Any], timeout_s: float) -> Any:
        settings = self._settings
        token = settings.token()
        carrier = _Carrier(self._http, settings.base_url, timeout_s)
        user = settings.api_key_sid or settings.account_sid
        client = Client(user, token, settings.account_sid, http_client=carrier, environment={})
        try:
            return ask(client)
        except TwilioException as error:
            raise DeliveryError(_failure(error, carrier.headers)) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            # What Twilio's client raises for a body that is none of Twilio's.
            raise transient(Reason.SERVER_ERROR, "Twilio's answer could not be read", ambiguous=True) from error


def _in_vain(made: Any) -> Failure:
    """Return why a message or call did not arrive."""
    code = getattr(made, "error_code", None)
    return failure_of(str(made.status), int(code) if code else None)


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
        """Send one request.

        Raises:
            DeliveryError: when there is no answer.
        """
        url = uri.replace(TWILIO, self._base_url, 1)
        answer = self._http.request(
            method,
            url,
            params=params,
            data=data,
            headers=headers,
            auth=auth,
            timeout_s=self._timeout_s,
        )
        self.headers = answer.headers
        return Response(answer.status_code, answer.text, answer.headers)


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
