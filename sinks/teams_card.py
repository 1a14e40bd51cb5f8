"""A notification as an Adaptive Card of Microsoft Teams, within the size that Teams takes.

Sources: https://learn.microsoft.com/adaptive-cards/schema-explorer/text-run ("Markdown is not supported": what
customers wrote is shown as it stands, and is no disguised link), https://learn.microsoft.com/connectors/teams (the
limit).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from config.tidying import tidy
from sinks.chat import Piece, Tone, body_of, pieces, tone
from sinks.contract import Message
from sinks.json_api import cut, encode

LIMIT_BYTES = 28 * 1024
"""Of a message with all that Teams puts around it; "approximately 28 KB" in its documentation."""
TITLE_LIMIT = 300
NOTE_LIMIT = 400
NOTES_LIMIT = 6
_STYLES: Mapping[Tone, str] = {
    "critical": "attention",
    "warning": "warning",
    "info": "accent",
    "other": "emphasis",
    "resolved": "good",
}


def card_message(message: Message, max_bytes: int) -> dict[str, Any]:
    """Return the message for the workflow's webhook.

    Args:
        message: what to tell.
        max_bytes: of its JSON in UTF-8; the body is cut to fit, the title, the notes and the key are not.
    """
    title = cut(" ".join(tidy(message.title).split()) or message.key, TITLE_LIMIT)
    notes = [_line([_run(cut(tidy(note), NOTE_LIMIT), isSubtle=True)]) for note in _few(message.notes)]
    about = cut(tidy(f"{message.notification.receiver} · {message.key}"), NOTE_LIMIT)
    head = {
        "type": "Container",
        "style": _STYLES[tone(message.notification)],
        "bleed": True,
        "items": [_line([_run(title, size="Large", weight="Bolder")])],
    }
    foot = [*notes, _line([_run(about, size="Small", isSubtle=True)])]
    room = max_bytes - len(encode(_wrapped([head, *foot])))
    return _wrapped([head, *_within(body_of(message).split("\n"), room), *foot])


def _few(notes: Sequence[str]) -> Sequence[str]:
    left_out = len(notes) - NOTES_LIMIT
    return notes if left_out <= 0 else [*notes[:NOTES_LIMIT], f"... and {left_out} more of these notes."]


def _wrapped(body: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "msteams": {"width": "Full"},
                    "body": body,
                },
            }
        ],
    }


def _within(lines: Iterable[str], room: int) -> Iterator[dict[str, Any]]:
    """Yield the lines as elements that take ``room`` bytes at most, commas between them included."""
    apart = False  # the next line is about another alert
    begun = False
    for line in lines:
        if not line.strip():
            apart = begun
            continue
        parts = list(pieces(line))
        whole = _line(_runs(parts), separator=apart)
        apart, begun = False, True
        cost = _cost(whole)
        if cost <= room:
            room -= cost
            yield whole
            continue
        yield from _beginning(parts, room)
        return


def _beginning(parts: list[Piece], room: int) -> Iterator[dict[str, Any]]:
    """Yield as much of a line as fits with an ellipsis; nothing when nothing does."""

    def first(number: int) -> dict[str, Any]:
        return _line(_runs([*parts[:number], Piece("…", is_link=False)]))

    fits, fails = 0, len(parts)
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if _cost(first(middle)) <= room:
            fits = middle
        else:
            fails = middle
    if fits:
        yield first(fits)


def _cost(element: dict[str, Any]) -> int:
    return len(encode(element)) + len(", ")


def _runs(parts: Iterable[Piece]) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    for is_link, together in groupby(parts, lambda part: part.is_link):
        if is_link:
            runs += [_run(link, selectAction={"type": "Action.OpenUrl", "url": link}) for link, _ in together]
        else:
            runs.append(_run("".join(part.text for part in together)))
    return runs


def _run(text: str, **how: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **how}


def _line(runs: list[dict[str, Any]], *, separator: bool = False) -> dict[str, Any]:
    line = {"type": "RichTextBlock", "inlines": runs}
    return {**line, "separator": True} if separator else line
