"""One value of an event: found in a record, mapped, and read as text, number or time. Compiled to closures."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from config.mapping import MappingSettings
from config.values import ValueSettings, scalar_text
from pipeline.events import EARLIEST_US, EPOCH, LATEST_US
from pipeline.mapping.htmltext import html_text
from pipeline.mapping.paths import Fields, Getter, is_text
from pipeline.reasons import Reason, RecordError, shown
from pipeline.timeparse import compile_times

BuiltT = TypeVar("BuiltT")
_OTHER_THAN_TEXT = re.compile(r"true|false|-?\d+(\.\d+)?", re.ASCII)
# A path in braces may have names with braces, in quotes.
_PLACEHOLDER = re.compile(r"""\{\{|\}\}|\{((?:\["[^"]+"\]|\['[^']+'\]|[^{}])*+)\}|[{}]""")


class Scope:
    """What the values of one mapping share: the fields it looks at, and its settings.

    Args:
        settings: of the mapping.
        fields: collects the fields that are looked at.

    Attributes:
        fitting: names of the fields that the data of the mapping's events have, once these are compiled.
    """

    def __init__(self, settings: MappingSettings, fields: Fields) -> None:
        self.settings = settings
        self.fields = fields
        self.fitting: set[str] = set()

    def getter(self, paths: str | Sequence[str], missing: Sequence[str] | None = None) -> Getter:
        """Return what reads the first of ``paths`` that has a value: not null, and none of the missing markers."""
        none = frozenset(self.settings.missing if missing is None else missing)
        getters = [self.fields.getter(path) for path in ([paths] if isinstance(paths, str) else paths)]
        if len(getters) == 1:
            return _present(getters[0], none)
        present = [_present(getter, none) for getter in getters]

        def first(record: Any) -> Any:
            for getter in present:
                value = getter(record)
                if value is not None:
                    return value
            return None

        return first


def _present(getter: Getter, none: frozenset[str]) -> Getter:
    if any(_OTHER_THAN_TEXT.fullmatch(marker) for marker in none):
        return _present_as_text(getter, none)

    def get(record: Any) -> Any:
        value = getter(record)
        if value.__class__ is str and value in none:
            return None
        return value

    return get


def _present_as_text(getter: Getter, none: frozenset[str]) -> Getter:
    """As above, where a marker may also be a number, or true or false."""

    def get(record: Any) -> Any:
        value = getter(record)
        if isinstance(value, str | bool | int | float) and any(is_text(value, marker) for marker in none):
            return None
        return value

    return get


def compile_template(template: str, scope: Scope) -> Getter:
    """Return what fills a template; the result is None where a part has no value.

    Raises:
        ValueError: for braces that do not pair up or a path that cannot be read.
    """
    parts: list[str | Getter] = []
    at = 0
    for matched in _PLACEHOLDER.finditer(template):
        parts.append(template[at : matched.start()])
        at = matched.end()
        if matched[0] in {"{{", "}}"}:
            parts.append(matched[0][0])
        elif matched[1]:
            parts.append(_text_of(scope.getter(matched[1])))
        else:
            msg = f"{template!r} is not a template: write {{field}} for a value, {{{{ and }}}} for braces"
            raise ValueError(msg)
    parts.append(template[at:])
    pieces = [part for part in parts if part != ""]

    def fill(record: Any) -> str | None:
        texts = [part if part.__class__ is str else part(record) for part in pieces]  # type: ignore[operator]
        return None if None in texts else "".join(texts)

    return fill


def _text_of(getter: Getter) -> Getter:
    def get(record: Any) -> str | None:
        value = getter(record)
        return value if value is None or value.__class__ is str else to_text(value)

    return get


def compile_origin(settings: ValueSettings, scope: Scope) -> Getter:
    """Return what finds a value: from its field, constant or template, through its map and default."""
    if settings.const is not None:
        constant = settings.const
        return lambda _record: constant
    if settings.template is not None:
        getter = compile_template(settings.template, scope)
    else:
        getter = scope.getter(settings.field or "", settings.missing)
    if settings.html:
        getter = _without_markup(getter)
    if settings.map is not None:
        getter = _mapped(getter, settings)
    default = settings.default
    if default is None:
        return getter

    def or_default(record: Any) -> Any:
        value = getter(record)
        return default if value is None else value

    return or_default


def _mapped(getter: Getter, settings: ValueSettings) -> Getter:
    table = settings.map or {}
    listed = ", ".join(repr(key) for key in table)
    has_default = settings.default is not None
    keep = settings.keep

    def get(record: Any) -> Any:
        value = getter(record)
        if value is None:
            return None
        text = value if value.__class__ is str else to_text(value)
        try:
            return table[text]
        except KeyError:
            if keep:
                return text
            if has_default:
                return None
        raise RecordError(Reason.UNMAPPED_VALUE, f"expected one of {listed}; got {shown(text)}")

    return get


def _without_markup(getter: Getter) -> Getter:
    def get(record: Any) -> Any:
        value = getter(record)
        return html_text(value) or None if value.__class__ is str else value

    return get


def to_text(value: Any) -> str:
    """Return a scalar as text.

    Raises:
        RecordError: for an object, a list, or a number too long to be written.
    """
    if isinstance(value, dict | list):
        raise RecordError(Reason.WRONG_TYPE, f"expected text, got {shown(value)}")
    try:
        return scalar_text(value)
    except ValueError:
        raise RecordError(Reason.INVALID_VALUE, f"expected text, got {shown(value)}") from None


def time_reader(settings: ValueSettings, scope: Scope) -> Callable[[Any], int]:
    """Return what reads a time as microseconds since 1970 UTC, in the range that events may have."""
    formats = scope.settings.formats if settings.formats is None else settings.formats
    parse = compile_times(formats, scope.settings.zone if settings.zone is None else settings.zone)

    def read(value: Any) -> int:
        try:
            time_us = parse(value)
        except (ValueError, OverflowError) as error:
            raise RecordError(Reason.INVALID_TIME, f"{error}; got {shown(value)}") from None
        if EARLIEST_US <= time_us < LATEST_US:
            return time_us
        raise RecordError(Reason.TIME_OUT_OF_RANGE, f"expected a time in 1990 to 2099, got {shown(value)}")

    return read


def from_us(time_us: int) -> datetime:
    """Return microseconds since 1970 as an aware time."""
    return EPOCH + timedelta(0, time_us // 1_000_000, time_us % 1_000_000)


def described(value: ValueSettings) -> str:
    """Return what an error calls the place that a value comes from."""
    if value.field is not None:
        paths = [value.field] if isinstance(value.field, str) else value.field
        return f"field {' or '.join(repr(path) for path in paths)}"
    return f"template {value.template!r}" if value.template is not None else f"constant {value.const!r}"


def named(where: str, build: Callable[..., BuiltT], *arguments: object) -> BuiltT:
    """Call ``build``, and name the setting in a ValueError that it raises."""
    try:
        return build(*arguments)
    except ValueError as error:
        msg = f"{where}: {error}"
        raise ValueError(msg) from error
