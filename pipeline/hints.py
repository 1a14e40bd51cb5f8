"""What a record has in place of a field that the mapping names: most often the name is misspelt."""

import difflib
import re
from functools import lru_cache

import msgspec

from pipeline.letters import DeadLetter
from pipeline.reasons import Reason, shortened

_QUOTED = re.compile(r"'([^']+)'")
_BRACES = re.compile(r"\{([^{}]+)\}")
_FIRST = re.compile(r"""\[["'](?P<quoted>[^"']+)["']\]|(?P<plain>[^.\[\]]+)""")
_TOP: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SHOWN = 12


def with_hint(letter: DeadLetter) -> str:
    """Return a letter's detail, with the fields that its record does have where the one wanted is not among them."""
    if letter.reason is not Reason.MISSING_FIELD or letter.mapped:
        return letter.detail
    wanted = tuple(_wanted(letter.detail))
    if not wanted:
        return letter.detail
    try:
        columns = tuple(_TOP.decode(letter.raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return letter.detail
    return shortened(letter.detail + _hint(wanted, columns))


def _wanted(detail: str) -> list[str]:
    """Return the first names of the paths that a detail names."""
    paths = []
    for quoted in _QUOTED.findall(detail):
        paths += _BRACES.findall(quoted) or [quoted]
    found = (_FIRST.match(path) for path in paths)
    return [match["quoted"] or match["plain"] for match in found if match is not None and not match[0].startswith("@")]


@lru_cache(maxsize=1_024)
def _hint(wanted: tuple[str, ...], columns: tuple[str, ...]) -> str:
    missing = [name for name in wanted if name not in columns]
    if not missing or not columns:
        return ""
    folded = {column.casefold(): column for column in reversed(columns)}
    for name in missing:
        close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
        if close:
            return f"; the record has no {name!r}. Did you mean {folded[close[0]]!r}?"
    shown = ", ".join(columns[:_SHOWN]) + (", ..." if len(columns) > _SHOWN else "")
    return f"; the record has no {missing[0]!r}. It has: {shown}"
