"""What a request asks for: its parameters, read as Alertmanager reads them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from starlette.datastructures import QueryParams

from config.matcher_syntax import written
from config.matchers import Matcher, matches_all, parse_matcher
from dashboards.api.v2.wire import ShapeError

_TRUE = frozenset({"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"})
"""Words that Alertmanager's libraries take for true; all others are false (``swag.ConvertBool`` of go-openapi)."""
_MOST_FILTERS = 100


class Wanted(NamedTuple):
    """Which alerts are asked for.

    Attributes:
        matchers: all must hold.
        active, silenced, inhibited: whether those of the class are wanted at all.
        muted: of groups: whether those are wanted of which all is hidden.
        receiver: answers whether a receiver is meant; None: all are, and alerts without any.
    """

    matchers: tuple[Matcher, ...] = ()
    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    muted: bool = True
    receiver: Callable[[str], bool] | None = None

    @property
    def all(self) -> bool:
        """Whether everything is."""
        return self == _ALL


_ALL = Wanted()


def wanted(query: QueryParams) -> Wanted:
    """Return what a request asks for.

    Raises:
        ShapeError: a matcher, or the expression for receivers, cannot be read.
    """
    if not query:
        return _ALL
    return Wanted(
        matchers=filters(query.getlist("filter")),
        active=flag(query, "active"),
        silenced=flag(query, "silenced"),
        inhibited=flag(query, "inhibited"),
        muted=flag(query, "muted"),
        receiver=_receiver(query.get("receiver", ""), query.getlist("receiver_matchers")),
    )


def flag(query: Mapping[str, str], name: str) -> bool:
    """Return whether a class is wanted; by default it is."""
    text = query.get(name, "")
    return not text or text.lower() in _TRUE


def filters(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """Return matchers, one for each text.

    Raises:
        ShapeError: one cannot be read.
    """
    if len(texts) > _MOST_FILTERS:
        msg = f"{len(texts)} matchers in one request, expected at most {_MOST_FILTERS}"
        raise ShapeError(msg)
    return tuple(map(_matcher, texts))


@lru_cache(maxsize=4096)
def _matcher(text: str) -> Matcher:
    try:
        return parse_matcher(text)
    except ValueError as error:
        if "cannot be compiled" in str(error):
            raise ShapeError(str(error)) from error
        msg = f"bad matcher format: {text}"
        raise ShapeError(msg) from error


def _receiver(expression: str, labels: Iterable[str]) -> Callable[[str], bool] | None:
    about_labels = filters(list(labels))
    if not expression and not about_labels:
        return None
    if not matches_all(about_labels, {}):  # our receivers have no labels
        return lambda _name: False
    if not expression:
        return None
    try:
        matcher = parse_matcher(written("receiver", "=~", expression))
    except ValueError as error:
        msg = f"failed to parse receiver param: {error}"
        raise ShapeError(msg) from error
    return lambda name: matcher.matches({"receiver": name})
