"""The query box: one grammar on every page.

``service=pay site=~"ams.*" p<=2 state:open age>10m owner:me incident:7 "free text"``

Matchers are Alertmanager's; ``p`` is the priority; ``age`` how long it is known to fire; ``state:`` open, acked,
silenced or standing; ``owner:`` a name, ``me`` or ``none``; ``incident:7,8`` of one of these; anything else is looked
for in sentence and labels. Parts stand beside each other, and all must hold.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from config.durations import parse_duration_us
from config.matchers import Matcher, condition, parse_matcher
from dashboards.console.table import PLACES, Place, Row

MOST = 1000
"""Longest query, in characters."""
_PART = re.compile(
    r"""\s*(?:
      (?P<matcher>[A-Za-z_][A-Za-z0-9_]*(?:=~|!~|!=|=)(?:"(?:[^"\\]|\\.)*"|[^\s"]*))
    | (?P<p>[pP](?:<=|>=|<|>|:)[1-3](?=\s|$))
    | (?P<age>age[<>]\S+)
    | (?P<word>(?:state|owner|incident):\S+)
    | "(?P<quoted>(?:[^"\\]|\\.)*)"
    | (?P<free>[^\s"]+)
    )""",
    re.VERBOSE,
)
_PLAIN = re.compile(r"^[A-Za-z0-9_.:/@+-]+$")
Test = Callable[[Row], bool]


class QueryError(ValueError):
    """A query that means nothing: says which part, and what was expected."""


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked for.

    Attributes:
        text: as it was written. matchers: those of labels, as texts.
        places: of ``state:``; empty: not said.
        tests: what else must hold.
    """

    text: str
    matchers: tuple[str, ...]
    places: tuple[Place, ...]
    tests: tuple[Test, ...]

    def takes(self, row: Row) -> bool:
        """Return whether an alert is asked for, whatever its state."""
        return all(test(row) for test in self.tests)


def parse(text: str, me: str, now_us: int) -> Query:
    """Return what a query asks for.

    Args:
        text: as it was written.
        me: who asks, for ``owner:me``.
        now_us: from which ages are counted, microseconds UTC.

    Raises:
        QueryError: for a part that means nothing.
    """
    if len(text) > MOST:
        msg = f"the query has {len(text)} characters, expected at most {MOST}"
        raise QueryError(msg)
    matchers: list[Matcher] = []
    places: list[Place] = []
    tests: list[Test] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _PART.match(text, at)
        if found is None:
            msg = f'{text[at:].strip()!r} cannot be read: close the quotes, or write "text" around it'
            raise QueryError(msg)
        at = found.end()
        if found["matcher"] is not None:
            matchers.append(_matcher(found["matcher"]))
        elif found["word"] is not None and found["word"].startswith("state:"):
            places.append(_place(found["word"][6:]))
        else:
            tests.append(_test(found, me, now_us))
    if matchers:
        fits = condition(matchers)
        tests.insert(0, lambda row: fits(row.alert.labels))
    return Query(text.strip(), tuple(map(str, matchers)), tuple(dict.fromkeys(places)), tuple(tests))


def written(labels: Mapping[str, str]) -> str:
    """Return a query for alerts with these labels.

    >>> written({"service": "pay", "region": "north west"})
    'service=pay region="north west"'
    """
    return " ".join(f"{name}={_quoted(value)}" for name, value in labels.items())


def _quoted(value: str) -> str:
    return value if _PLAIN.match(value) else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _matcher(text: str) -> Matcher:
    try:
        return parse_matcher(text)
    except ValueError as error:
        raise QueryError(str(error)) from error


def _place(text: str) -> Place:
    found = next((place for place in PLACES if place == text), None)
    if found is None:
        msg = f"state:{text} is no state, expected one of {', '.join(PLACES)}"
        raise QueryError(msg)
    return found


def _test(found: "re.Match[str]", me: str, now_us: int) -> Test:
    if found["p"] is not None:
        return _priority(found["p"])
    if found["age"] is not None:
        return _age(found["age"], now_us)
    if found["word"] is not None:
        name, _, value = found["word"].partition(":")
        return _owner(value, me) if name == "owner" else _incident(value)
    quoted = found["quoted"]
    return _free(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else found["free"])


def _priority(text: str) -> Test:
    wanted, operator = int(text[-1]), text[1:-1]
    compare: dict[str, Test] = {
        "<=": lambda row: row.priority <= wanted,
        ">=": lambda row: row.priority >= wanted,
        "<": lambda row: row.priority < wanted,
        ">": lambda row: row.priority > wanted,
        ":": lambda row: row.priority == wanted,
    }
    return compare[operator]


def _age(text: str, now_us: int) -> Test:
    try:
        limit_us = now_us - parse_duration_us(text[4:])
    except ValueError as error:
        msg = f"{text}: {text[4:]!r} is no duration, expected one like 10m or 2h"
        raise QueryError(msg) from error
    if text[3] == ">":
        return lambda row: row.since_us < limit_us
    return lambda row: row.since_us > limit_us


def _owner(name: str, me: str) -> Test:
    wanted = "" if name == "none" else me if name == "me" else name
    return lambda row: row.owner == wanted


def _incident(text: str) -> Test:
    parts = [part.removeprefix("INC-") for part in text.upper().split(",")]
    if not all(part.isdecimal() and len(part) <= 15 for part in parts):
        msg = f"incident:{text}: expected a number, like incident:7, or some, like incident:7,8"
        raise QueryError(msg)
    numbers = frozenset(map(int, parts))
    return lambda row: row.alert.incident in numbers


def _free(text: str) -> Test:
    wanted = text.casefold()

    def test(row: Row) -> bool:
        change = row.alert.change
        if wanted in change.annotations.get("summary", "").casefold() or change.fingerprint.startswith(wanted):
            return True
        return any(wanted in value.casefold() for value in change.labels.values())

    return test
