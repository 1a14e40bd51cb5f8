"""SMS by Twilio. Its 201 means accepted, not delivered; its status callback or ``GET`` says more later.

Source: https://www.twilio.com/docs/messaging/api/message-resource. Twilio's message API has no idempotency key of its
own; ours is in the text (``ref``), shortened.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from config.durations import US_PER_SECOND, DurationUs
from config.tidying import tidy
from sinks.checking import Checked
from sinks.contract import CHANNELS, Message, Receipt
from sinks.http import http_for
from sinks.one_by_one import one_by_one
from sinks.render import short_form
from sinks.twilio_settings import TwilioSettings


class SmsTwilioSettings(TwilioSettings):
    """Settings of an SMS channel.

    Attributes:
        sender: number or sender id to send from. messaging_service_sid: instead of it. Exactly one of the two.
        max_chars: a longer text is cut; Twilio takes 1600 characters at most, and bills by parts of about 150.
        receipt_within: how long after Twilio has accepted a message its receipt is waited for; then the next tier is
            used. None: accepted is enough, for networks that send no receipts.
    """

    tells_code: ClassVar[bool] = True

    type: Literal["sms_twilio"]
    sender: str | None = Field(default=None, min_length=1)
    messaging_service_sid: str | None = Field(default=None, pattern=r"^MG[0-9a-fA-F]{32}$")
    max_chars: int = Field(default=480, ge=70, le=1600)
    receipt_within: DurationUs | None = Field(default=120 * US_PER_SECOND, ge=US_PER_SECOND, le=86_400 * US_PER_SECOND)

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
        from sinks.twilio_client import TwilioApi  # noqa: PLC0415 - slow to load

        self._http = http_for(settings)
        self._api = TwilioApi(self._http, settings)

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Send to each of ``recipients``, until one failure shows that the others would fail too."""
        self._settings.token()
        sender = (
            {"from_": self._settings.sender}
            if self._settings.sender
            else {"messaging_service_sid": self._settings.messaging_service_sid}
        )
        answered = bool(message.answer_url) and self._settings.reports_to_us()
        text = sms_text(message, self._settings.max_chars, answered=answered)

        if message.report_url:
            sender["status_callback"] = message.report_url

        def send_one(recipient: str, left_s: float) -> Receipt:
            sid = self._api.send_message({"to": recipient, "body": text, **sender}, left_s)
            return Receipt(recipient=recipient, outcome="accepted", provider_id=sid)

        return one_by_one(recipients, timeout_s, send_one)

    def result(self, recipient: str, provider_id: str, timeout_s: float) -> Receipt:
        """Ask Twilio what became of it: see ``sinks.checking.ReportsLater``."""
        return self._api.result(recipient, provider_id, timeout_s)

    def check(self, timeout_s: float) -> list[Checked]:
        """Ask Twilio about the account; sends nothing."""
        return [Checked(subject=self._settings.account_sid, said=self._api.check(timeout_s))]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def sms_text(message: Message, max_chars: int, *, answered: bool = False) -> str:
    """Return title, text, links and notes within ``max_chars``, the key's beginning as reference, and how to answer.

    What is cut is the text: not that it may have reached you already, nor the link that acknowledges.

    Args:
        message: to be sent.
        max_chars: how long it may be.
        answered: whether a reply would be heard.
    """
    return tidy(short_form(message, max_chars, end=_end(message, max_chars, answered=answered)))


def _end(message: Message, max_chars: int, *, answered: bool) -> str:
    """Return the last lines: of several ways to say it the longest that leaves half of the message to what it says."""
    ref, notification = f"ref {message.key[:15]}", message.notification
    if notification.status != "firing" or notification.kind == "test":
        return ref
    code = f" {message.code}" if message.code else ""  # without one a reply is about what was told last
    if not answered:
        return f"{ref}, code{code}" if code else ref
    ways = [
        f"{ref}\nReply ACK{code} to take it on, or HELP.",
        f"{ref}\nReply ACK{code}",
        f"Reply ACK{code}",
    ]
    return next((way for way in ways if len(way) <= max_chars // 2), ways[-1])
