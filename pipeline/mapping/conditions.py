"""Conditions of a mapping, compiled: what a record must meet to be mapped, or an event to be made."""

import re
from collections.abc import Callable
from typing import Any

from config.values import Condition, scalar_text
from pipeline.mapping.paths import Getter, is_text
from pipeline.mapping.values import Scope, to_text


def compile_condition(condition: Condition, scope: Scope) -> Callable[[Any], bool]:
    """Return what tests a record."""
    getter = scope.getter(condition.field)
    if condition.present is not None:
        wanted = condition.present
        return lambda record: (getter(record) is not None) is wanted
    if condition.has is not None:
        return _has(getter, scalar_text(condition.has))
    test, negated = _text_test(condition)

    def holds(record: Any) -> bool:
        value = getter(record)
        if value is None or isinstance(value, dict | list):
            return negated
        return test(value if value.__class__ is str else to_text(value)) is not negated

    return holds


def _has(getter: Getter, wanted: str) -> Callable[[Any], bool]:
    def holds(record: Any) -> bool:
        value = getter(record)
        return isinstance(value, list) and any(
            is_text(entry, wanted) for entry in value if entry is not None and not isinstance(entry, dict | list)
        )

    return holds


def _text_test(condition: Condition) -> tuple[Callable[[str], bool], bool]:
    listed = [condition.equals, condition.not_equals]
    chosen = condition.in_ if condition.in_ is not None else condition.not_in
    values = frozenset(scalar_text(value) for value in (chosen if chosen is not None else listed) if value is not None)
    negated = condition.not_equals is not None or condition.not_in is not None or condition.not_matches is not None
    pattern = condition.matches if condition.matches is not None else condition.not_matches
    if pattern is None:
        return values.__contains__, negated
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None, negated
