"""Filters of templates. Each gets plain data, and looks at how much it would make before it makes it."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context

from sinks.words import people
from sinks.words.budget import Budget, TemplateError, cost, fits, too_long, written
from sinks.words.vocabulary import FILTERS, LIMITS

BUDGET, ZONE, CURRENCY = "_budget", "_zone", "_currency"
INTERNAL = "_"
"""Filters and variables that begin so are ours; a template cannot name them."""
_MAX_DIGITS = 12
_MAX_INDENT = 40
_MAX_NUMBER_CHARS = 40


def _number(value: Any) -> float:
    number = value
    if isinstance(value, str) and len(value) <= _MAX_NUMBER_CHARS:
        try:
            number = float(value.replace(",", ""))
        except ValueError:
            number = None
    if not isinstance(number, int | float) or math.isnan(number):
        msg = f"expected a number, not {value[:_MAX_NUMBER_CHARS]!r}" if isinstance(value, str) else "expected a number"
        raise TemplateError(msg)
    return fits(number)  # type: ignore[no-any-return]


def _digits(value: Any) -> int:
    return max(0, min(_MAX_DIGITS, int(_number(value))))


def _items(value: Any) -> list[Any]:
    if isinstance(value, list | tuple | str):
        return list(value)
    if isinstance(value, Mapping):
        return list(value)
    msg = "expected a list"
    raise TemplateError(msg)


def _attribute(item: Any, path: str | None) -> Any:
    if path is None:
        return item
    found = item
    for name in path.split("."):
        found = found.get(name, "") if isinstance(found, Mapping) else ""
    return found


def _local(time: Any, zone: str = "", form: str = "%Y-%m-%d %H:%M %Z") -> str:
    if not isinstance(time, people.Moment):
        msg = "local needs a time, like alert.starts"
        raise TemplateError(msg)
    try:
        return "" if time.us is None else people.clock_text(time.us, zone, form)
    except ValueError as error:
        raise TemplateError(str(error)) from error


def _money(amount: Any, currency: str = "") -> str:
    return "" if _empty(amount) else people.money_text(_number(amount), currency)


def _empty(value: Any) -> bool:
    return value is None or value == ""


def _default(value: Any, other: Any = "", boolean: Any = False) -> Any:
    if isinstance(value, Undefined):
        return other
    return other if boolean and not value else value


def _replace(text: Any, old: str, new: str) -> str:
    whole, old, new = written(text), written(old), written(new)
    if not old:
        return whole
    if len(whole) + whole.count(old) * (len(new) - len(old)) > LIMITS["output_chars"]:
        raise TemplateError(too_long())
    return whole.replace(old, new)


def _indent(text: Any, width: Any = 4) -> str:
    pad = " " * max(0, min(_MAX_INDENT, int(_number(width))))
    lines = written(text).split("\n")
    if len(lines) * len(pad) > LIMITS["output_chars"]:
        raise TemplateError(too_long())
    return ("\n" + pad).join(lines)


def _join(items: Any, by: str = "", attribute: str | None = None) -> str:
    texts = [written(_attribute(item, attribute)) for item in _items(items)]
    if sum(map(len, texts)) + len(by) * len(texts) > LIMITS["output_chars"]:
        raise TemplateError(too_long())
    return by.join(texts)


def _sort(items: Any, attribute: str | None = None, reverse: Any = False) -> list[Any]:
    def key(item: Any) -> tuple[int, float, str]:
        value = _attribute(item, attribute)
        if isinstance(value, people.Moment):
            return (0, float(value.us or 0), "")
        return (0, float(value), "") if isinstance(value, int | float) else (1, 0.0, written(value).casefold())

    return sorted(_items(items), key=key, reverse=bool(reverse))


def _group(items: Any, attribute: str) -> list[tuple[str, list[Any]]]:
    groups: dict[str, list[Any]] = {}
    for item in _items(items):
        groups.setdefault(written(_attribute(item, attribute)), []).append(item)
    return sorted(groups.items(), key=lambda entry: (-len(entry[1]), entry[0]))


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        msg = "expected a mapping, like labels"
        raise TemplateError(msg)
    return value


def _round(value: Any, digits: Any = 0) -> float | int:
    rounded = round(_number(value), _digits(digits))
    return int(rounded) if not _digits(digits) else rounded


def _end(items: Any, place: int) -> Any:
    found = _items(items)
    return found[place] if found else ""


_FILTERS: dict[str, Callable[..., Any]] = {
    "duration": lambda value: people.duration_text(_number(value)),
    "local": _local,
    "money": _money,
    "percent": lambda value, digits=0: people.percent_text(_number(value), _digits(digits)),
    "number": lambda value, digits=0: "" if _empty(value) else people.number_text(_number(value), _digits(digits)),
    "plural": lambda value, noun, many="": people.count_text(_number(value), written(noun), written(many)),
    "truncate": lambda value, chars=80: people.cut(written(value), max(1, int(_number(chars)))),
    "oneline": lambda value: " ".join(written(value).split()),
    "default": _default,
    "upper": lambda value: written(value).upper(),
    "lower": lambda value: written(value).lower(),
    "title": lambda value: written(value).title(),
    "capitalize": lambda value: written(value).capitalize(),
    "trim": lambda value: written(value).strip(),
    "replace": _replace,
    "indent": _indent,
    "join": _join,
    "count": lambda value: len(_items(value)),
    "first": lambda value: _end(value, 0),
    "last": lambda value: _end(value, -1),
    "sort": _sort,
    "unique": lambda items: list(dict.fromkeys(written(item) for item in _items(items))),
    "map": lambda items, attribute: [_attribute(item, attribute) for item in _items(items)],
    "where": lambda items, attribute, value: [item for item in _items(items) if _attribute(item, attribute) == value],
    "group": _group,
    "sum": lambda items, attribute=None: sum(_number(_attribute(item, attribute)) for item in _items(items)),
    "min": lambda items, attribute=None: _attribute(_end(_sort(items, attribute), 0), attribute),
    "max": lambda items, attribute=None: _attribute(_end(_sort(items, attribute), -1), attribute),
    "items": lambda value: list(_mapping(value).items()),
    "keys": lambda value: list(_mapping(value)),
    "values": lambda value: list(_mapping(value).values()),
    "get": lambda value, name, other="": _mapping(value).get(name, other),
    "int": lambda value: int(_number(value)),
    "float": lambda value: float(_number(value)),
    "round": _round,
    "abs": lambda value: abs(_number(value)),
}
_ALSO = {"d": "default", "length": "count"}


def bounded_filters() -> dict[str, Callable[..., Any]]:
    """Return all filters, each asking the budget first."""
    found = {name: _bounded(name, _FILTERS[name]) for name in FILTERS}
    found |= {name: found[other] for name, other in _ALSO.items()}
    found |= {INTERNAL + "concat": _bounded("~", _concat), INTERNAL + "slice": _bounded("[:]", _slice)}
    return {**found, INTERNAL + "counted": _counted, INTERNAL + "weighed": _bounded("==", lambda value: value)}


def _concat(*values: Any) -> str:
    texts = [written(value) for value in values]
    if sum(map(len, texts)) > LIMITS["output_chars"]:
        raise TemplateError(too_long())
    return "".join(texts)


def _slice(value: Any, start: Any, stop: Any, step: Any) -> Any:
    if not isinstance(value, str | list | tuple):
        msg = "[:] needs a list or a text"
        raise TemplateError(msg)
    return value[start:stop:step]


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def bounded(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        budget: Budget = context[BUDGET]
        for one in (value, *args, *kwargs.values()):
            if isinstance(one, Undefined):
                if one is value and name == "default":
                    continue
                str(one)  # raises, with the name that is not there
            budget.spend(cost(one))
        if name == "local" and not args and "zone" not in kwargs:
            kwargs["zone"] = context[ZONE]
        if name == "money" and not args and "currency" not in kwargs:
            kwargs["currency"] = context[CURRENCY]
        try:
            return fits(function(value, *args, **kwargs))
        except (TypeError, AttributeError) as error:
            msg = f"the filter {name} is not used rightly: {FILTERS.get(name, 'see the reference')}"
            raise TemplateError(msg) from error

    return bounded


@pass_context
def _counted(context: Context, value: Any, weight: int) -> Iterator[Any]:
    if isinstance(value, Undefined):
        str(value)
    if not isinstance(value, list | tuple | Mapping):
        msg = "a loop needs a list or a mapping"
        raise TemplateError(msg)
    budget: Budget = context[BUDGET]
    return budget.counted(value, weight)
