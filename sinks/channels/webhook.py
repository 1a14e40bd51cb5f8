"""Webhook: posts Alertmanager's webhook JSON to an address."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field

from config.secret import SecretMissingError, SecretRef
from sinks.addresses import AddressedSettings, AddressRefusedError, AddressRule
from sinks.checking import Checked
from sinks.contract import CHANNELS, Message, Reason, Receipt, permanent
from sinks.http import http_for
from sinks.http_status import answer_failure
from sinks.json_api import header_secret, raise_if
from sinks.payload import encoded, webhook_payload


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

    keeps_state: ClassVar[bool] = True

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
        self._http = http_for(settings, verify_tls=settings.verify_tls)

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Post once."""
        body = encoded(webhook_payload(message))
        # The answer's body is nobody's business, however long it is.
        answer = self._http.request(
            "POST",
            self._url(),
            content=body,
            headers=self._headers(message.key, body),
            timeout_s=timeout_s,
            read_body=False,
        )
        raise_if(answer_failure(answer, f"HTTP {answer.status_code}"))
        return [Receipt(recipient=name, outcome="delivered") for name in recipients]

    def check(self, timeout_s: float) -> list[Checked]:
        """Connect, with TLS, and send nothing. The secrets are read."""
        url = self._url()
        self._headers("", b"")
        return [Checked(subject=self.recipients[0], said=self._http.reach(url, timeout_s))]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _url(self) -> str:
        if self._settings.url_secret is not None:
            return header_secret(self._settings.url_secret)
        return self._settings.url or ""

    def _headers(self, key: str, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "Makegood", "Idempotency-Key": key}
        if self._settings.bearer_token is not None:
            headers["Authorization"] = f"Bearer {header_secret(self._settings.bearer_token)}"
        if self._settings.signing_secret is not None:
            secret = _secret(self._settings.signing_secret).encode()
            headers["X-Makegood-Signature"] = f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
        return headers


def _secret(ref: SecretRef) -> str:
    try:
        return ref.resolve().get_secret_value()
    except SecretMissingError as error:
        raise permanent(Reason.AUTH, str(error)) from error
