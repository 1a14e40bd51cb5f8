"""The bot of Slack against a fake Slack."""

from typing import Any

from sinks.channels.slack import SlackChannel, SlackSettings
from sinks.contract import Failure, Message, Receipt
from tests.support.messages import message
from tests.support.patience import PATIENCE_S


def bot(url: str, to: tuple[str, ...] = ("C0ALERTS",), **more: Any) -> SlackChannel:
    entry = {"type": "slack", "token": {"env": "MG_TEST_SLACK"}, "to": to, "base_url": url, **more}
    return SlackChannel("chat", SlackSettings.model_validate(entry))


def send(url: str, told: Message | None = None, timeout_s: float = PATIENCE_S, **more: Any) -> list[Receipt]:
    channel = bot(url, **more)
    try:
        return channel.send(told or message(), channel.recipients, timeout_s)
    finally:
        channel.close()


def failure(receipts: list[Receipt]) -> Failure:
    assert receipts[0].outcome == "failed"
    assert receipts[0].failure is not None
    return receipts[0].failure
