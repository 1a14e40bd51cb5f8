"""SMS by Twilio. Its 201 means accepted, not delivered; its status callback or ``GET`` says more later.

Source: https://www.twilio.com/docs/messaging/api/message-resource. Twilio's message API has no idempotency key of its
own; ours is in the text (``ref``), shortened.
"""

import time
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

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
)
from sinks.http import BoundedHttp
from sinks.quiet import quiet_httpx

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
    base_url: str = Field(default="https://api.twilio.com", pattern=r"^https?://[^\s/]+$")

    def model_post_init(self, context: object, /) -> None:
        """Check that there is one sender."""
        if (self.sender is None) == (self.messaging_service_sid is None):
            msg = "an SMS has exactly one of `sender` and `messaging_service_sid`"
            raise ValueError(msg)


@CHANNELS.register("sms_twilio", SmsTwilioSettings)
class SmsTwilioChannel:
    """One message for each recipient."""

    def __init__(self, name: str, settings: SmsTwilioSettings) -> None:
        self.name = name
        self.recipients: tuple[str, ...] = settings.to
        self._settings = settings
        quiet_httpx()
        self._http = BoundedHttp()
        from sinks.twilio_client import send_one  # noqa: PLC0415 - slow to load

        self._send_one = send_one

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
                provider_id = self._send_one(self._http, self._settings, token, recipient, text, left_s)
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
