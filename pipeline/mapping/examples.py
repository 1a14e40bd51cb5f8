"""Runs the examples that stand beside a mapping in the settings."""

from datetime import datetime
from typing import Any

import msgspec

from config.mapping import MappingExample, MappingSettings
from config.shipped import shipped_mapping
from pipeline.events import encode_event
from pipeline.mapping.compile import Mapper
from pipeline.reasons import RecordError


def check_examples(settings: MappingSettings, feed: str) -> list[str]:
    """Return what is wrong with the examples of a mapping, one line each; none when all become what they say.

    The examples of a shipped mapping are run through it as it is shipped: what the settings put in its place is for
    their own examples to show.

    Raises:
        ValueError: naming the setting, when the mapping itself cannot be compiled.
    """
    mapper = Mapper(settings, feed)
    problems = []
    if settings.use is not None:
        told = check_examples(shipped_mapping(settings.use).mapping, feed)
        problems += [f"use: {settings.use}: as shipped: {problem}" for problem in told]
    for index, example in enumerate(settings.examples):
        problem = _check(mapper, example)
        if problem is not None:
            problems.append(f"examples[{index}]: {problem}")
    return problems


def _check(mapper: Mapper, example: MappingExample) -> str | None:
    try:
        events = mapper(msgspec.json.encode(example.record))
    except RecordError as error:
        return None if error.reason == example.dead_letter else f"it is a dead letter: {error}"
    if example.dead_letter is not None:
        return f"expected a dead letter ({example.dead_letter}), got {_counted(events)}"
    if example.expect is None:
        return None if events is None else f"expected it to be filtered, got {_counted(events)}"
    plain = [msgspec.json.decode(encode_event(event)) for event in events or []]
    if len(plain) != len(example.expect):
        return f"expected {len(example.expect)} events, got {_counted(events)}"
    expected = msgspec.to_builtins(example.expect)
    for number, (got, want) in enumerate(zip(plain, expected, strict=True)):
        difference = _difference(got, want, f"expect[{number}]")
        if difference is not None:
            return difference
    return None


def _difference(got: Any, want: Any, path: str) -> str | None:
    """Return the first field that ``want`` names and ``got`` has otherwise."""
    if isinstance(want, dict) and isinstance(got, dict):
        for name, value in want.items():
            difference = _difference(got.get(name), value, f"{path}.{name}")
            if difference is not None:
                return difference
        return None
    if got == want or (isinstance(got, str) and isinstance(want, str) and _same_instant(got, want)):
        return None
    return f"{path}: expected {want!r}, got {got!r}"


def _same_instant(got: str, want: str) -> bool:
    """Return whether both are times, and the same one: events are written in UTC, people write the zone they know."""
    try:
        one, other = datetime.fromisoformat(got), datetime.fromisoformat(want)
    except ValueError:
        return False
    return one.tzinfo is not None and other.tzinfo is not None and one == other


def _counted(events: list[Any] | None) -> str:
    return "none" if events is None else f"{len(events)}: {', '.join(event.type for event in events)}"
