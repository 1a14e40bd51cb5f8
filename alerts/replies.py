"""Replies that people send from a phone: one grammar for text messages and chats. No I/O, no state.

======================  =======================================================================
``ack``                 take it on. Also ``acknowledge``, ``ok``, ``yes``, ``mine``, ``on it``
``ack 30m``             ... for so long: ``2h``, ``1h30m``, ``45 minutes``; a bare number is minutes
``unack``               give it back. Also ``unacknowledge``, ``release``
``resolve``             it is over. Also ``resolved``, ``fixed``, ``done``, ``close``
``comment TEXT``        say something. Also ``note``
``help``                which words there are. Also ``?``
======================  =======================================================================

Which alert is meant stands anywhere among the first words: its short code (``ack K7F 30m``), an incident (``INC-7``), a
fingerprint of at least eight digits, or the key of a notification. Without one it is whatever the person was told last,
which the caller knows. What follows is kept as text (``ack on my way``). Case and punctuation do not matter.
"""

import re
from typing import Literal

import msgspec

from alerts.codes import is_code
from alerts.response_model import TEXT_MAX, Kind
from config.durations import US_PER_SECOND

MINUTE_US = 60 * US_PER_SECOND
LONGEST_US = 7 * 86_400 * US_PER_SECOND
"""Longest time for which a reply takes an alert on: who types more has mistyped."""
HOW = "Reply ACK, ACK 30m, UNACK, RESOLVE or COMMENT and a text; put the alert's code after the first word."
_UNITS_US = {"s": US_PER_SECOND, "m": MINUTE_US, "h": 60 * MINUTE_US, "d": 1440 * MINUTE_US}
_UNIT = r"(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)"
_DURATION = re.compile(
    rf"(?:for\s+)?((?:\d{{1,5}}\s*{_UNIT}\s*)+)\b|(?:for\s+)?(\d{{1,5}})\b(?!\s*[:.]\d)", re.IGNORECASE
)
_PART = re.compile(rf"(\d+)\s*({_UNIT})", re.IGNORECASE)
_VERBS: dict[str, Kind | Literal["help"]] = {
    **dict.fromkeys(["ack", "acked", "acknowledge", "acknowledged", "ok", "okay", "yes", "mine"], "acknowledge"),
    **dict.fromkeys(["taking it", "take it", "got it", "on it"], "acknowledge"),
    **dict.fromkeys(["unack", "un-ack", "unacknowledge", "release", "nack"], "unacknowledge"),
    **dict.fromkeys(["resolve", "resolved", "fixed", "done", "close", "closed"], "resolve"),
    **dict.fromkeys(["comment", "note"], "comment"),
    **dict.fromkeys(["help", "info", "how", "?"], "help"),
}
_VERB = re.compile("|".join(re.escape(verb) for verb in sorted(_VERBS, key=len, reverse=True)), re.IGNORECASE)
_CODE = r"(?:the\s+)?(?:alert\s+)?#?([a-z][a-z0-9]{2,5})(?![\w-])"
_NAMED = r"#?(inc[\s-]?\d{1,12}|mg-[0-9a-f]{6,32}|[0-9a-f]{8,16})(?![\w-])"
_TARGET = re.compile(f"(?:{_NAMED}|{_CODE})", re.IGNORECASE)
_FILLER = re.compile(r"[\s\"'\u2018-\u201d`*_.,;:!<>()\[\]{}-]*")
_UNTIL = re.compile(r"(until|till|til|at)\b|\d{1,2}\s*[:.]\s*\d\d\b|\d{1,2}\s*[ap]\.?m\b", re.IGNORECASE)
_LOOSE = frozenset(["ok", "okay", "yes", "mine", "fixed", "done", "close", "closed", "got it", "take it", "release"])
"""Words that also begin sentences ("done nothing yet"): they count only where nothing else is said."""
_POLITE = re.compile(r"(thanks|thank you|thx|ty|please|pls|cheers)?\W*", re.IGNORECASE)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What was understood.

    Attributes:
        kind: of the response; ``help``: which words there are was asked.
        target: what was named, in its usual case; empty: what the person was told last.
        lasts_us: of ``acknowledge``: for how long; None: until the episode ends.
        text: what else was said.
    """

    kind: Kind | Literal["help"]
    target: str = ""
    lasts_us: int | None = None
    text: str = ""


class Misunderstood(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was done. ``why``: in words for the person, with what to write instead."""

    why: str


def parse(message: str) -> Reply | Misunderstood:
    """Return what a message asks for.

    >>> parse("Ack k7f 30m")
    Reply(kind='acknowledge', target='K7F', lasts_us=1800000000, text='')
    >>> parse("comment the till is back").text
    'the till is back'
    """
    rest = _skip(message[: 2 * TEXT_MAX])
    target, rest = _take_target(rest)
    verb = _VERB.match(rest)
    if verb is None or rest[verb.end() : verb.end() + 1].isalnum():
        shown = " ".join(message.split())[:40]
        return Misunderstood(why=f"Not understood: {shown!r}. {HOW}" if shown else f"Nothing was written. {HOW}")
    kind = _VERBS[verb[0].lower()]
    rest = _skip(rest[verb.end() :])
    if kind == "help":
        return Reply(kind="help")
    lasts_us: int | None = None
    for _ in range(2):  # in either order
        if not target:
            target, rest = _take_target(rest)
        if kind == "acknowledge" and lasts_us is None:
            if _UNTIL.match(rest):
                return Misunderstood(why="Say for how long, not until when: ACK 30m, ACK 2h.")
            lasts_us, rest = _take_duration(rest)
    text = rest.strip()[:TEXT_MAX]
    why = _doubt(kind, verb[0].lower(), lasts_us, text)
    return Misunderstood(why=why) if why else Reply(kind=kind, target=target, lasts_us=lasts_us, text=text)


def _doubt(kind: str, verb: str, lasts_us: int | None, text: str) -> str:
    """Return why nothing should be done; empty when there is no doubt."""
    if lasts_us is not None and not 0 < lasts_us <= LONGEST_US:
        return "That time cannot be: say between a second and 7 days, like ACK 30m."
    if verb in _LOOSE and not _POLITE.fullmatch(text):
        return f"Not sure what is meant: nothing was done. {HOW}"
    if kind == "comment" and not text:
        return "The comment is empty: COMMENT and what there is to say."
    return ""


def _skip(text: str) -> str:
    """Leave out space and punctuation at the beginning."""
    return _FILLER.sub("", text, count=1)


def _take_target(text: str) -> tuple[str, str]:
    found = _TARGET.match(text)
    if found is None:
        return "", text
    named, code = found.groups()
    rest = _skip(text[found.end() :])
    if named is not None:
        digits = re.fullmatch(r"inc[\s-]?(\d+)", named, re.IGNORECASE)
        return (f"INC-{int(digits[1])}" if digits else named.lower()), rest
    return (code.upper(), rest) if is_code(code) else ("", text)


def _take_duration(text: str) -> tuple[int | None, str]:
    found = _DURATION.match(text)
    if found is None:
        return None, text
    rest = _skip(text[found.end() :])
    written, minutes = found.groups()
    if written is None:
        return int(minutes) * MINUTE_US, rest
    return sum(int(number) * _UNITS_US[unit[0].lower()] for number, unit in _PART.findall(written)), rest
