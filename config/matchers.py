r"""Label matchers as Alertmanager writes them: ``severity="critical"``, ``team!=web``, ``service=~"pay.*"``.

Regular expressions are RE2's, as Go has them: they take time in proportion to the text, whatever somebody writes into a
silence. What Python's own have beyond these, back references and look-around, is refused. ``\d``, ``\w``, ``\s`` and
``\b`` are about ASCII, and ``.`` is not a line break.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import re2
from pydantic import AfterValidator

from config.matcher_syntax import Operator, Written, read, written

_MOST_KNOWN = 10_000
_OPTIONS: Any = re2.Options()
_OPTIONS.log_errors = False


class _Expression:
    """A regular expression over whole values, which remembers its answers: there are few different values."""

    __slots__ = ("_known", "_search")

    def __init__(self, source: str) -> None:
        # As Alertmanager does it, so that what it takes and what it refuses are the same.
        self._search = re2.compile(f"^(?:{source})$", options=_OPTIONS).search
        self._known: dict[str, bool] = {}

    def __call__(self, value: str) -> bool:
        hit = self._known.get(value)
        if hit is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            hit = self._known[value] = self._search(value.encode("utf-8", "replace")) is not None
        return hit


@lru_cache(maxsize=4096)
def _expression(source: str) -> _Expression:
    return _Expression(source)


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
        return _expression(self.value)(found) is (self.operator == "=~")

    def __str__(self) -> str:
        """Return the matcher as Alertmanager writes it; :func:`parse_matcher` reads it back."""
        return written(self.label, self.operator, self.value)


@lru_cache(maxsize=4096)
def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Return the matchers that ``text`` writes: some, separated by commas, in braces or not.

    Raises:
        ValueError: when ``text`` is no list of matchers, or a regular expression cannot be compiled.

    >>> [str(matcher) for matcher in parse_matchers('{severity="critical", service=~pay.*}')]
    ['severity="critical"', 'service=~"pay.*"']
    """
    return tuple(_checked(matcher, text) for matcher in read(text))


@lru_cache(maxsize=4096)
def parse_matcher(text: str) -> Matcher:
    """Return the one matcher that ``text`` writes.

    Raises:
        ValueError: when ``text`` is not one matcher, or its regular expression cannot be compiled.

    >>> parse_matcher('service=~"pay.*"').matches({"service": "payments"})
    True
    """
    found = parse_matchers(text)
    if len(found) != 1:
        msg = f'{text!r} holds {len(found) or "no"} matchers, expected one, like severity="critical"'
        raise ValueError(msg)
    return found[0]


def _checked(matcher: Written, text: str) -> Matcher:
    if not matcher.label:
        msg = f"{text!r}: a label has a name, expected one before {matcher.operator}"
        raise ValueError(msg)
    if matcher.operator in {"=~", "!~"}:
        try:
            _expression(matcher.value)
        except (re2.error, UnicodeEncodeError) as error:
            told = error.args[0].decode("utf-8", "replace") if isinstance(error, re2.error) else "it is no text"
            told = told.replace("^(?:", "").removesuffix(")$")
            msg = f"{text!r}: the regular expression cannot be compiled: {told}"
            raise ValueError(msg) from error
    return Matcher(*matcher)


def matchers_of(texts: Iterable[str]) -> tuple[Matcher, ...]:
    """Return the matchers that several texts write.

    Raises:
        ValueError: when one of them is no list of matchers.
    """
    return tuple(matcher for text in texts for matcher in parse_matchers(text))


def matches_all(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Return whether ``labels`` satisfies every matcher (so: True when there is none)."""
    return all(matcher.matches(labels) for matcher in matchers)


def condition(matchers: Iterable[Matcher]) -> Callable[[Mapping[str, str]], bool]:
    """Return a function that answers as :func:`matches_all` does, for those who ask often."""
    equal: list[tuple[str, str]] = []
    others: list[tuple[str, str | _Expression, bool]] = []
    for label, operator, value in matchers:
        if operator == "=":
            equal.append((label, value))
        else:
            others.append((label, value if operator == "!=" else _expression(value), operator == "=~"))

    def test(labels: Mapping[str, str]) -> bool:
        get = labels.get
        for label, value in equal:
            if get(label, "") != value:
                return False
        for label, what, wanted in others:
            found = get(label, "")
            if (found == what if isinstance(what, str) else what(found)) is not wanted:
                return False
        return True

    return test


def _one(text: str) -> str:
    parse_matcher(text)
    return text


def _some(texts: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    for text in texts:
        matchers = parse_matchers(text)
        if not matchers:
            msg = f'{text!r} holds no matcher: write one, like severity="critical", or leave it out'
            raise ValueError(msg)
        found += [text] if len(matchers) == 1 else map(str, matchers)
    return tuple(found)


MatcherText = Annotated[str, AfterValidator(_one)]
"""A settings field that holds one matcher as text, checked when the settings are read."""
MatcherTexts = Annotated[tuple[str, ...], AfterValidator(_some)]
"""A settings field that holds matchers as texts. A text may hold several; once read, each holds one."""
