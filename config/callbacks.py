"""Settings of where far sides report, and people answer, over HTTP."""

from pydantic import Field

from config.base import SettingsModel
from config.links import BaseUrl

_ADDRESS = r"^(\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):\d{1,5}$"


class CallbackSettings(SettingsModel):
    """Where the notifier is told what became of messages, and what people answer: text messages, calls, links.

    What is served: ``/twilio/...`` for Twilio, and ``/act/...`` for links in messages. Several notifiers on one machine
    share the address.

    Attributes:
        listen: as ``HOST:PORT``; port 0 takes a free one. ``127.0.0.1`` is reached from this machine only: put a proxy
            with TLS before it.
        public_url: how the outside reaches it, without a query, like ``https://alerts.example.com``; what comes after
            it must arrive here unchanged. Twilio's signatures are checked against it.
        max_body_bytes: of one request.
    """

    listen: str = Field(default="127.0.0.1:9466", pattern=_ADDRESS)
    public_url: BaseUrl
    max_body_bytes: int = Field(default=65_536, ge=4_096, le=1_048_576)
