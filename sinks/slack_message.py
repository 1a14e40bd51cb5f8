"""A notification as a message of Slack: the title as text, the rest as blocks beside a bar of its colour.

Sources: https://docs.slack.dev/messaging/formatting-message-text (escaping), and for limits
https://docs.slack.dev/reference/block-kit/blocks and https://docs.slack.dev/reference/methods/chat.postMessage.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from config.tidying import tidy
from sinks.chat import Tone, body_of, pieces, tone
from sinks.contract import Message
from sinks.json_api import units

TEXT_LIMIT = 40_000
"""Of a message's ``text``; Slack cuts what is longer."""
SECTION_LIMIT = 3_000
"""Of the text of one section block."""
CONTEXT_LIMIT = 2_000
"""Of what we put into a context block; its elements are text objects, which take 3000."""
TITLE_LIMIT = 300
"""Of the title, our own: it is shown in notifications of phones."""

COLOURS: Mapping[Tone, str] = {
    "critical": "#b00020",
    "warning": "#b26a00",
    "info": "#0b57d0",
    "other": "#444444",
    "resolved": "#1e7d32",
}
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MORE = "…"


def content(message: Message, max_chars: int) -> dict[str, Any]:
    """Return ``text`` and ``attachments`` of the message.

    Args:
        message: what to tell.
        max_chars: a longer body is cut; the title, the notes and the key are not counted.
    """
    title = escaped(" ".join(message.title.split()) or message.key, TITLE_LIMIT)
    blocks: list[dict[str, Any]] = []
    sections = packed(_cut(_atoms(body_of(message)), max_chars), SECTION_LIMIT)
    blocks += [{"type": "section", "text": _mrkdwn(section)} for section in sections]
    if message.notes:
        notes = escaped("\n".join(message.notes), CONTEXT_LIMIT)
        blocks.append({"type": "context", "elements": [_mrkdwn(notes)]})
    about = f"{message.notification.receiver} · {message.key}"
    blocks.append({"type": "context", "elements": [_mrkdwn(escaped(about, CONTEXT_LIMIT))]})
    colour = COLOURS[tone(message.notification)]
    return {
        # Beside an attachment the text is shown above it; it is also what phones and screen readers say.
        "text": f"*{title}*",
        "attachments": [{"color": colour, "fallback": title, "blocks": blocks}],
    }


def escaped(text: str, limit: int) -> str:
    """Return ``text`` as mrkdwn within ``limit``, counted in UTF-16; no escape, link or character is cut in half.

    Nothing in it mentions anybody: ``<!channel>`` is shown as it stands. Addresses become links to themselves.

    >>> escaped("<!here> & all", 100)
    '&lt;!here&gt; &amp; all'
    >>> escaped("a & b", 5)
    'a …'
    """
    return "".join(_cut(_atoms(tidy(text)), limit))


def packed(atoms: Iterable[str], limit: int) -> list[str]:
    r"""Return texts of at most ``limit`` each, broken at the ends of lines where there are any.

    >>> packed(["a", "b", "\n", "c", "d"], 4)
    ['ab', 'cd']
    """
    packs: list[str] = []
    current: list[str] = []
    used = 0
    for atom in atoms:
        current.append(atom)
        used += units(atom)
        if used > limit:
            breaks = [place for place, one in enumerate(current[:-1]) if one == "\n"]
            end = breaks[-1] if breaks else len(current) - 1
            packs.append("".join(current[:end]))
            current = current[end:]
            used = sum(map(units, current))
    packs.append("".join(current))
    return [pack.strip("\n") for pack in packs if pack.strip()]


def _atoms(text: str) -> Iterator[str]:
    """Yield what must not be cut in half: characters, escaped, and links."""
    for piece in pieces(text):
        shown = "".join(_ESCAPES.get(char, char) for char in piece.text)
        yield f"<{shown}>" if piece.is_link else shown


def _cut(atoms: Iterable[str], limit: int) -> list[str]:
    kept: list[str] = []
    used = 0
    for atom in atoms:
        kept.append(atom)
        used += units(atom)
        if used > limit:
            while kept and used > limit - 1:
                used -= units(kept.pop())
            return [*kept, _MORE]
    return kept


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: Slack makes links and mentions of nothing that is not marked as one.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
