"""What chat channels share: how grave a notification is, its text without the notes, and the links in a text."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from config.tidying import tidy
from sinks.contract import Message, Notification

Tone = Literal["critical", "warning", "info", "other", "resolved"]

_GRAVEST_FIRST: tuple[Tone, ...] = ("critical", "warning", "info")
_LINK = re.compile(r"https?://[^\s<>|\"']*[^\s<>|\"'.,;:!?)\]]", re.IGNORECASE)
_LONGEST_LINK = 1_000
"""Longer ones are shown as text: a link cannot be cut."""


class Piece(NamedTuple):
    """A part of a text: a link, or one character."""

    text: str
    is_link: bool


def tone(notification: Notification) -> Tone:
    """Return the gravest severity among the alerts that fire; ``resolved`` when none does."""
    firing = {alert.labels.get("severity", "") for alert in notification.alerts if alert.status == "firing"}
    if not firing:
        return "resolved"
    return next((severity for severity in _GRAVEST_FIRST if severity in firing), "other")


def body_of(message: Message) -> str:
    """Return the message's text without the notes at its end, which chat channels show apart and never cut off."""
    text = message.text
    if message.notes:
        text = text.removesuffix("\n".join(message.notes))
    return tidy(text).strip()


def pieces(text: str) -> Iterator[Piece]:
    """Yield the links of ``text``, whole, and what is between them, character by character.

    >>> [piece.text for piece in pieces("a https://x.y/z.") if piece.is_link]
    ['https://x.y/z']
    """
    end = 0
    for found in _LINK.finditer(text):
        if len(found[0]) > _LONGEST_LINK:
            continue
        yield from (Piece(char, is_link=False) for char in text[end : found.start()])
        yield Piece(found[0], is_link=True)
        end = found.end()
    yield from (Piece(char, is_link=False) for char in text[end:])
