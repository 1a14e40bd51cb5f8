"""What label matchers say about each other: whether one follows from others, and whether some can never all hold.

Where this cannot be decided (two regular expressions that are not lists of texts), the answer is no.
"""

import re
from collections.abc import Iterable, Sequence
from typing import cast

from config.matcher_syntax import Operator
from config.matchers import Matcher

_LITERAL = re.compile(r"(?:[^\\.^$*+?()\[\]{}|]|\\[^A-Za-z0-9])*")
_OPPOSITE = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}


def opposite(matcher: Matcher) -> Matcher:
    """Return the matcher that holds exactly when this one does not.

    >>> str(opposite(Matcher("a", "=~", "x|y")))
    'a!~"x|y"'
    """
    return matcher._replace(operator=cast("Operator", _OPPOSITE[matcher.operator]))


def implied(matcher: Matcher, given: Sequence[Matcher]) -> bool:
    """Return whether everything that satisfies ``given`` surely satisfies ``matcher``.

    >>> implied(Matcher("a", "=~", "x|y"), [Matcher("a", "=", "x")])
    True
    """
    return impossible([*given, opposite(matcher)])


def impossible(matchers: Iterable[Matcher]) -> bool:
    """Return whether surely nothing satisfies all matchers.

    >>> impossible([Matcher("a", "=", "x"), Matcher("a", "!~", "x|y")])
    True
    """
    by_label: dict[str, list[Matcher]] = {}
    for matcher in matchers:
        by_label.setdefault(matcher.label, []).append(matcher)
    return any(_impossible(group) for group in by_label.values())


def _impossible(group: list[Matcher]) -> bool:
    """Say whether no value of one label satisfies all matchers of it."""
    if any(opposite(matcher) in group for matcher in group):
        return True
    if any(matcher.operator == "!~" and matcher.value == ".*" for matcher in group):
        return True
    only_empty = any(matcher.operator == "!~" and matcher.value == ".+" for matcher in group)
    for values in [[""]] if only_empty else [texts for matcher in group if (texts := _texts(matcher)) is not None]:
        if not any(all(matcher.matches({matcher.label: value}) for matcher in group) for value in values):
            return True
    return False


def _texts(matcher: Matcher) -> list[str] | None:
    """Return all values that satisfy a matcher; None where these are without number, or hard to say."""
    if matcher.operator == "=":
        return [matcher.value]
    if matcher.operator != "=~":
        return None
    inside = matcher.value
    if inside.startswith("(") and inside.endswith(")") and inside.count("(") == 1:
        inside = inside[1:-1].removeprefix("?:")
    texts = inside.split("|")
    if not all(_LITERAL.fullmatch(text) for text in texts):
        return None
    return [re.sub(r"\\(.)", r"\1", text) for text in texts]
