"""Slack by an incoming webhook: posts to the one channel that the webhook was made for.

It says nothing about the message but ``ok``, so that none can be updated or answered later: the bot (``slack``) can.
Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from config.secret import SecretRef
from sinks.addresses import AddressedSettings
from sinks.checking import Checked
from sinks.contract import CHANNELS, DeliveryError, Message, Receipt
from sinks.http import http_for
from sinks.json_api import encode, exchange, header_secret, unreadable
from sinks.slack_errors import WEBHOOK_DOCS, WEBHOOK_ERRORS, slack_error
from sinks.slack_message import content


class SlackWebhookSettings(AddressedSettings):
    """Settings of an incoming webhook of Slack.

    Attributes:
        url_secret: where its address is kept. Who has the address can post, so it is a secret.
        max_chars: a longer text is cut.
    """

    tells_code: ClassVar[bool] = True

    type: Literal["slack_webhook"]
    url_secret: SecretRef
    max_chars: int = Field(default=6_000, ge=200, le=12_000)

    def points_of_failure(self) -> frozenset[str]:
        """Return the host, and Slack itself, which bots need too."""
        return super().points_of_failure() | {"Slack"}


@CHANNELS.register("slack_webhook", SlackWebhookSettings)
class SlackWebhookChannel:
    """Posts once, and believes nothing but ``ok``."""

    def __init__(self, name: str, settings: SlackWebhookSettings) -> None:
        self.name = name
        self.recipients: tuple[str, ...] = (name,)
        self._settings = settings
        self._http = http_for(settings)

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Post once."""
        payload = {**content(message, self._settings.max_chars), "unfurl_links": False, "unfurl_media": False}
        url = header_secret(self._settings.url_secret)
        answer = exchange(self._http, "POST", url, timeout_s=timeout_s, content=encode(payload))
        said = answer.text.strip()
        error = slack_error(answer, said, WEBHOOK_ERRORS, WEBHOOK_DOCS)
        if error is not None:
            raise error
        if said != "ok":
            raise DeliveryError(unreadable("Slack", answer))
        return [Receipt(recipient=name, outcome="delivered") for name in recipients]

    def check(self, timeout_s: float) -> list[Checked]:
        """Connect, with TLS, and send nothing: every request that is taken posts."""
        url = header_secret(self._settings.url_secret)
        return [Checked(subject=self.name, said=self._http.reach(url, timeout_s))]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
