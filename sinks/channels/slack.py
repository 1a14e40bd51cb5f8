"""Slack by a bot: posts to channels, keeps the first message of an alert up to date, and tells changes in its thread.

Sources: https://docs.slack.dev/reference/methods/chat.postMessage and
https://docs.slack.dev/reference/methods/chat.update. The bot needs the scope ``chat:write``, and to be a member of the
channel (or ``chat:write.public`` for public ones).
"""

import re
import time
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import structlog
from pydantic import Field, StringConstraints

from config.secret import SecretRef
from sinks.addresses import AddressedSettings
from sinks.checking import Checked
from sinks.contract import CHANNELS, DeliveryError, Message, Receipt
from sinks.http import http_for
from sinks.json_api import encode, exchange, header_secret, json_object, unreadable
from sinks.one_by_one import one_by_one
from sinks.slack_errors import ERRORS, NO_THREAD, SlackError, slack_error, undocumented
from sinks.slack_message import content

SlackChannelName = Annotated[str, StringConstraints(pattern=r"^(#[^\s#,<>&]{1,80}|[CDGUW][A-Z0-9]{2,})$")]

_log = structlog.get_logger("makegood.notifier")
_OURS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:makegood:slack")
_PLACE = re.compile(r"([CDG][A-Z0-9]+):(\d+\.\d+)")


class SlackSettings(AddressedSettings):
    """Settings of a bot of Slack.

    Attributes:
        token: where the bot's token (``xoxb-...``) is kept.
        to: channels, by id (``C0123ABC``) or, for public ones, by name (``#alerts``); ids outlive a renaming.
        broadcast: which changes that are told in a thread are shown in the channel too.
        max_chars: a longer text is cut.
        base_url: of Slack's API; another one for tests and proxies.
    """

    tells_code: ClassVar[bool] = True

    type: Literal["slack"]
    token: SecretRef
    to: tuple[SlackChannelName, ...] = Field(min_length=1)
    broadcast: Literal["firing", "always", "never"] = "firing"
    max_chars: int = Field(default=6_000, ge=200, le=12_000)
    base_url: str = Field(default="https://slack.com", pattern=r"^https?://[^\s/]+$")

    def points_of_failure(self) -> frozenset[str]:
        """Return the host, and Slack itself, which webhooks need too."""
        return super().points_of_failure() | {"Slack"}


def _is_id(said: dict[str, Any], name: str) -> bool:
    return re.fullmatch(r"[A-Z][A-Z0-9]{1,20}", str(said.get(name))) is not None


class _Place(NamedTuple):
    """Where a message is: the channel's id and the message's time, which is its name there."""

    channel: str
    ts: str


@CHANNELS.register("slack", SlackSettings)
class SlackChannel:
    """One message for each channel; what the same alert does later goes into the thread of the first one."""

    def __init__(self, name: str, settings: SlackSettings) -> None:
        self.name = name
        self.recipients: tuple[str, ...] = settings.to
        self._settings = settings
        self._http = http_for(settings)

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Post to each of ``recipients``, until one failure shows that the others would fail too."""
        end_s = time.monotonic() + timeout_s
        token = header_secret(self._settings.token)
        shown = content(message, self._settings.max_chars)
        threads: list[_Place] = []

        def send_one(recipient: str, left_s: float) -> Receipt:
            found = _PLACE.fullmatch(message.earlier.get(recipient, ""))
            if found is None:
                return self._post(token, message, shown, recipient, recipient, left_s)
            return self._tell(token, message, shown, recipient, _Place(found[1], found[2]), left_s, threads)

        receipts = one_by_one(recipients, timeout_s, send_one)
        # First everybody is told. From here on nothing may fail any more, or they would be told twice.
        for first in threads:
            self._update(token, shown, first, end_s - time.monotonic())
        return receipts

    def check(self, timeout_s: float) -> list[Checked]:
        """Ask Slack whether the token is good (``auth.test``). Posts nothing, and does not look at the channels."""
        said = self._call(header_secret(self._settings.token), "auth.test", {}, timeout_s)
        ids = [f"{what} {said[name]}" for what, name in (("team", "team_id"), ("bot", "user_id")) if _is_id(said, name)]
        return [Checked(subject="slack", said=", ".join(["the token is good", *ids]))]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _tell(
        self,
        token: str,
        message: Message,
        shown: dict[str, Any],
        recipient: str,
        first: _Place,
        left_s: float,
        threads: list[_Place],
    ) -> Receipt:
        """Post into the thread of ``first``, and note it in ``threads``; or outside, when the thread takes nothing."""
        end_s = time.monotonic() + left_s
        loud = self._settings.broadcast
        broadcast = loud == "always" or (loud == "firing" and message.notification.status == "firing")
        threaded = {**shown, "thread_ts": first.ts, "reply_broadcast": broadcast}
        try:
            receipt = self._post(token, message, threaded, recipient, first.channel, left_s)
        except SlackError as error:
            if error.code not in NO_THREAD:
                raise
            return self._post(token, message, shown, recipient, recipient, max(0.001, end_s - time.monotonic()))
        threads.append(first)
        return receipt

    def _post(
        self, token: str, message: Message, shown: dict[str, Any], recipient: str, channel: str, left_s: float
    ) -> Receipt:
        # One id for each message that we want to see once: Slack takes a repetition of an id for the same message.
        where = f"{message.key}/{recipient}/{shown.get('thread_ts', '')}"
        payload = {
            **shown,
            "channel": channel,
            "client_msg_id": str(uuid.uuid5(_OURS, where)),
            "parse": "none",
            "unfurl_links": False,
            "unfurl_media": False,
        }
        said = self._call(token, "chat.postMessage", payload, left_s)
        place = _PLACE.fullmatch(f"{said.get('channel')}:{said.get('ts')}")
        return Receipt(recipient=recipient, outcome="delivered", provider_id="" if place is None else place[0])

    def _update(self, token: str, shown: dict[str, Any], first: _Place, left_s: float) -> None:
        """Have the first message show what is the case now. When that fails, the thread alone tells it."""
        payload = {**shown, "channel": first.channel, "ts": first.ts, "parse": "none"}
        why = "no time was left"
        if left_s > 0:
            try:
                self._call(token, "chat.update", payload, left_s)
            except DeliveryError as error:
                why = str(error)
            else:
                return
        _log.warning("slack_message_not_updated", channel=self.name, message=f"{first.channel}:{first.ts}", detail=why)

    def _call(self, token: str, method: str, payload: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        answer = exchange(
            self._http,
            "POST",
            f"{self._settings.base_url}/api/{method}",
            timeout_s=timeout_s,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"},
            content=encode(payload),
        )
        said = json_object(answer) or {}
        docs = f"https://docs.slack.dev/reference/methods/{method}#errors"
        error = slack_error(answer, said.get("error"), ERRORS, docs)
        if error is not None:
            raise error
        if said.get("ok") is True:
            return said
        if said.get("ok") is False:
            raise undocumented(said.get("error"), answer, docs)
        raise DeliveryError(unreadable("Slack", answer))
