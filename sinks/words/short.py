"""The short form: for channels that carry little (SMS, voice, the line that a phone shows)."""

from collections.abc import Sequence

from sinks.words.people import cut

_MIN_TITLE = 40


def short_text(
    title: str, body: str, *, notes: Sequence[str] = (), links: Sequence[str] = (), end: str = "", max_chars: int
) -> str:
    r"""Return a text of at most ``max_chars``: title, body, links, notes and ``end``, a line each.

    Notes, links and ``end`` are never cut off while there is room for them and for a beginning of the title: first the
    body is cut, then the title, then whole links go, then notes are cut from their end. Where ``max_chars`` is too
    small for a short title and ``end``, the whole is cut.

    >>> short_text("[HIGH] pay is slow", "Since 12:00, and more words.", notes=("Late.",), end="ref 1", max_chars=44)
    '[HIGH] pay is slow\nSince 12:00,…\nLate.\nref 1'
    """
    title, body = " ".join(title.split()), body.strip()
    kept_links, note = list(links), "\n".join(notes)
    least = min(len(title), _MIN_TITLE)
    while kept_links and _size(title[:least], *kept_links, note, end) > max_chars:
        kept_links.pop()
    room = max_chars - _size(title[:least], "", *kept_links, end)
    note = cut(note, room) if note and room > 1 else ""
    fixed = [*kept_links, note, end]
    title = cut(title, max(1, max_chars - _size(*fixed)))
    room = max_chars - _size(title, *fixed)
    body = cut(body, room) if body and room > 1 else ""
    return cut("\n".join(part for part in (title, body, *fixed) if part), max_chars)


def _size(*parts: str) -> int:
    """Return how long lines are together, with a line end between and after."""
    return sum(len(part) + 1 for part in parts if part)
