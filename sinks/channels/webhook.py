"""Webhook: posts Alertmanager's webhook JSON to an address."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlsplit

import httpx
from pydantic import Field

from config.secret import SecretMissingError, SecretRef
from sinks.addresses import AddressedSettings, AddressRefusedError, AddressRule
from sinks.contract import CHANNELS, DeliveryError, Message, Reason, Receipt, permanent
from sinks.http import BoundedHttp, exchange_failed
from sinks.http_status import http_date_us, http_failure
from sinks.payload import webhook_payload
from sinks.quiet import quiet_httpx


class WebhookSettings(AddressedSettings):
    """Settings of a webhook channel.

    Attributes:
        url: where to post; for an address without a secret in it.
        url_secret: where the address is kept, for one with a secret in it. Exactly one of the two is given.
        signing_secret: key of the signature in the header ``X-Makegood-Signature: sha256=<HMAC of the body,
            hexadecimal>``.
        bearer_token: for the header ``Authorization``.
        verify_tls: whether the far side's certificate is checked.
    """

    type: Literal["webhook"]
    url: str | None = Field(default=None, pattern=r"^https?://[^\s/]+")
    url_secret: SecretRef | None = None
    signing_secret: SecretRef | None = None
    bearer_token: SecretRef | None = None
    verify_tls: bool = True

    def model_post_init(self, context: object, /) -> None:
        """Check that there is one address, and that something would be sent there."""
        if (self.url is None) == (self.url_secret is None):
            msg = "a webhook has exactly one of `url` and `url_secret`"
            raise ValueError(msg)
        if self.url is None:
            return
        if "@" in urlsplit(self.url).netloc:
            msg = "`url` has a user name in it; keep an address with a name or password under `url_secret`"
            raise ValueError(msg)
        try:
            AddressRule(self.allow_private_addresses).check(self.url)
        except AddressRefusedError as error:
            msg = f"`url`: {error}"
            raise ValueError(msg) from error


@CHANNELS.register("webhook", WebhookSettings)
class WebhookChannel:
    """Posts, follows no redirect, and believes a 2xx."""

    def __init__(self, name: str, settings: WebhookSettings) -> None:
        self.name = name
        host = "" if settings.url is None else urlsplit(settings.url).hostname or ""
        self.recipients: tuple[str, ...] = (host or name,)
        self._settings = settings
        quiet_httpx()
        self._http = BoundedHttp(
            verify_tls=settings.verify_tls, addresses=AddressRule(settings.allow_private_addresses)
        )

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Post once."""
        body = json.dumps(webhook_payload(message), ensure_ascii=False, sort_keys=True).encode()
        try:
            url = self._url()
            headers = self._headers(message.key, body)
        except SecretMissingError as error:
            raise permanent(Reason.AUTH, str(error)) from error
        answer = _post(self._http, url, body, headers, timeout_s)
        failure = http_failure(
            answer.status_code,
            f"HTTP {answer.status_code} {answer.reason_phrase}".strip(),
            retry_after=answer.headers.get("Retry-After"),
            now_us=http_date_us(answer.headers.get("Date", "")),
        )
        if failure is not None:
            raise DeliveryError(failure)
        return [Receipt(recipient=name, outcome="delivered") for name in recipients]

    def close(self) -> None:
        """Nothing to release."""

    def _url(self) -> str:
        if self._settings.url_secret is not None:
            return self._settings.url_secret.resolve().get_secret_value()
        return self._settings.url or ""

    def _headers(self, key: str, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "Makegood", "Idempotency-Key": key}
        if self._settings.bearer_token is not None:
            headers["Authorization"] = f"Bearer {self._settings.bearer_token.resolve().get_secret_value()}"
        if self._settings.signing_secret is not None:
            secret = self._settings.signing_secret.resolve().get_secret_value().encode()
            headers["X-Makegood-Signature"] = f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
        return headers


def _post(http: BoundedHttp, url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> httpx.Response:
    """Post; turn what can go wrong into typed errors, whose texts repeat nothing of the address or headers."""
    try:
        # The body is nobody's business, however long it is.
        return http.request("POST", url, content=body, headers=headers, timeout_s=timeout_s, read_body=False)
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise permanent(Reason.BAD_RECIPIENT, "the address of the webhook cannot be used") from error
    except httpx.HTTPError as error:
        raise exchange_failed(error, f"{timeout_s:g} s") from error
