"""Tells whether records look like those of a provider whose mapping is shipped."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from config.mapping import MappingExample
from config.shipped import shipped_mapping, shipped_names
from pipeline.mapping.compile import Mapped, compile_mapping

_MIN_TELLING = 2.0
_MIN_COVERED = 0.5
_ENOUGH = 50
_EVERYWHERE = frozenset({
    ".id", ".number", ".type", ".status", ".state", ".priority", ".subject", ".title", ".description", ".text", ".body",
    ".name", ".email", ".url", ".source", ".channel", ".amount", ".currency", ".order_id", ".ticket_id", ".user_id",
    ".customer_id", ".created_at", ".updated_at", ".closed_at", ".opened_at", ".resolved_at", ".created", ".time",
})  # fmt: skip
"""Fields that tell little: many senders have them."""
_LITTLE = 0.1


class Recognised(NamedTuple):
    """A shipped mapping that fits; ``covered``: the share of its closest example's fields that the records have."""

    name: str
    title: str
    covered: float
    mapped: Mapped


def recognise(records: Sequence[Mapping[str, Any]]) -> Recognised | None:
    """Return the shipped mapping whose provider these records look like, or None.

    The records must have the fields of one of its examples: half of them, and two that not every sender has. And the
    mapping must be able to read most of them: events or filtered, no dead letters.
    """
    sample = records[:_ENOUGH]
    paths = [frozenset(_paths(record)) for record in sample]
    found = []
    for name in shipped_names():
        shipped = shipped_mapping(name)
        covered = max((_covered(paths, example) for example in shipped.mapping.examples), default=0.0)
        if covered < _MIN_COVERED:
            continue
        mapped = compile_mapping(shipped.mapping, name).map_many([json.dumps(record).encode() for record in sample])
        if len(mapped.errors) * 2 < len(sample):
            found.append(Recognised(name, shipped.title, covered, mapped))
    return max(found, key=lambda one: (one.mapped.accepted > 0, one.covered, one.name), default=None)


def _covered(records: Sequence[frozenset[str]], example: MappingExample) -> float:
    """Return the share of an example's fields that records have on average; 0 where these tell nothing."""
    wanted = frozenset(_paths(example.record))
    if _weight(wanted) < _MIN_TELLING:
        return 0.0
    common = sum(_weight(wanted & paths) for paths in records) / len(records)
    return common / _weight(wanted) if common >= _MIN_TELLING else 0.0


def _weight(paths: frozenset[str]) -> float:
    return sum(_LITTLE if path in _EVERYWHERE else 1.0 for path in sorted(paths))


def _paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _paths(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, f"{path}[]")
    else:
        yield path
