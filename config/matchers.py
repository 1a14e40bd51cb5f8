"""Label matchers as Alertmanager writes them: ``severity="critical"``, ``team!=web``, ``service=~"pay.*"``."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, cast

from pydantic import AfterValidator

Operator = Literal["=", "!=", "=~", "!~"]
_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"]*?))\s*', re.DOTALL)


class Matcher(NamedTuple):
    """One condition on one label. A missing label counts as empty; regular expressions match the whole value."""

    label: str
    operator: Operator
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether ``labels`` satisfies the condition."""
        found = labels.get(self.label, "")
        if self.operator == "=":
            return found == self.value
        if self.operator == "!=":
            return found != self.value
        hit = re.fullmatch(self.value, found) is not None
        return hit if self.operator == "=~" else not hit


@lru_cache(maxsize=4096)
def parse_matcher(text: str) -> Matcher:
    """Return the matcher that ``text`` writes.

    Raises:
        ValueError: when ``text`` is no matcher, or its regular expression cannot be compiled.

    >>> parse_matcher('service=~"pay.*"').matches({"service": "payments"})
    True
    """
    found = _MATCHER.fullmatch(text)
    if found is None:
        msg = f'{text!r} is not a matcher: write label, one of = != =~ !~, and a value, like severity="critical"'
        raise ValueError(msg)
    label, operator, quoted, bare = found.groups()
    value = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted) if operator in {"=", "!="} else quoted
    if operator in {"=~", "!~"}:
        try:
            re.compile(value)
        except re.error as error:
            msg = f"{text!r}: the regular expression cannot be compiled: {error}"
            raise ValueError(msg) from error
    return Matcher(label, cast("Operator", operator), value)


def matches_all(matchers: tuple[Matcher, ...] | list[Matcher], labels: Mapping[str, str]) -> bool:
    """Return whether ``labels`` satisfies every matcher (so: True when there is none)."""
    return all(matcher.matches(labels) for matcher in matchers)


def _checked(text: str) -> str:
    parse_matcher(text)
    return text


MatcherText = Annotated[str, AfterValidator(_checked)]
"""A settings field that holds a matcher as text, checked when the settings are read."""
