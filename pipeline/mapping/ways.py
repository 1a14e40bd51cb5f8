"""The way of one value, for people: where it was found, what stood there, and what was done with it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from config.values import Condition, ValueSettings, scalar_text
from pipeline.mapping.paths import Getter
from pipeline.mapping.values import Scope, compile_template, time_reader
from pipeline.reasons import RecordError


class Walked(NamedTuple):
    """A way that was gone at one record: the path, template or ``constant``, the value there, and the steps."""

    source: str
    raw: Any
    steps: list[str]


Way = Callable[[Any], Walked]
"""The way of one value: ``way(decoded record)``; it raises nothing."""


def way_of(value: ValueSettings, scope: Scope, *, is_time: bool) -> Way:
    """Return the way of a value; ``is_time``: it is read as a time."""
    origins = _origins(value, scope)
    formats = _formats(value, scope) if is_time or value.formats is not None else []

    def walk(record: Any) -> Walked:
        source, raw = " or ".join(name for name, _ in origins), None
        for name, getter in origins:
            try:
                raw = getter(record)
            except RecordError:
                raw = None
            if raw is not None:
                source = name
                break
        return Walked(source, raw, _steps(value, raw, formats))

    return walk


def _origins(value: ValueSettings, scope: Scope) -> list[tuple[str, Getter]]:
    if value.const is not None:
        constant = value.const
        return [("constant", lambda _record: constant)]
    if value.template is not None:
        return [(value.template, compile_template(value.template, scope))]
    paths = [value.field] if isinstance(value.field, str) else value.field or []
    return [(path, scope.getter(path, value.missing)) for path in paths]


def _formats(value: ValueSettings, scope: Scope) -> list[tuple[str, Callable[[Any], int]]]:
    """Return a reader for each time format, to tell which of them it was."""
    formats = scope.settings.formats if value.formats is None else value.formats
    return [(name, time_reader(value.model_copy(update={"formats": [name]}), scope)) for name in formats]


def _steps(value: ValueSettings, raw: Any, formats: list[tuple[str, Callable[[Any], int]]]) -> list[str]:
    steps: list[str] = []
    if raw is None:
        return ["default"] if value.default is not None else []
    if value.html:
        steps.append("HTML to text")
    if value.map is not None:
        listed = not isinstance(raw, dict | list) and scalar_text(raw) in value.map
        steps.append("map" if listed else "not in map")
        if not listed or value.map.get(scalar_text(raw)) is None:
            steps += ["kept"] if value.keep and not listed else ["default"] if value.default is not None else []
    for name, read in formats:
        try:
            read(raw)
        except RecordError:
            continue
        steps.append(f"time: {name}")
        break
    if value.rescale is not None:
        steps.append(f"rescaled {list(value.rescale.from_)} to {list(value.rescale.to)}")
    if value.divide is not None:
        by = value.divide
        steps.append(f"divided by {scalar_text(by) if not isinstance(by, ValueSettings) else _what(by)}")
    return steps


def _what(value: ValueSettings) -> str:
    return str(value.field or value.template or value.const)


def condition_text(condition: Condition) -> str:
    """Return what a condition asks of its field.

    >>> condition_text(Condition.model_validate({"field": "a", "in": [1, "b"]}))
    'in [1, b]'
    """
    if condition.present is not None:
        return "present" if condition.present else "absent"
    for name in ("in_", "not_in"):
        values = getattr(condition, name)
        if values is not None:
            return f"{name.rstrip('_').replace('_', ' ')} [{', '.join(scalar_text(value) for value in values)}]"
    for name in ("equals", "not_equals", "has", "matches", "not_matches"):
        found = getattr(condition, name)
        if found is not None:
            return f"{name.replace('_', ' ')} {scalar_text(found)}"
    return ""
