"""The fields of sample records as columns: a path, and what each record has there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from config.values import scalar_text

MARKERS = ("?", "-", "N/A", "n/a", "NA", "#N/A", "null", "NULL", "(null)", "NaN", "nan", "\\N")
"""Texts that exports write where there is no value."""
_MAX_COLUMNS = 400
_MAX_DEPTH = 8
_SAYS_LITTLE = frozenset({"id", "number", "key", "code", "email", "name", "value"})
_PLAIN = re.compile(r"[^.\[\]\"'{}@]+")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Column(NamedTuple):
    """One field of the records.

    Attributes:
        path: as a mapping writes it.
        words: of the field's own name, in lower case: ``createdAt`` is ``created``, ``at``. A name that says little has
            those of what it is in before it: ``customer.id`` is ``customer``, ``id``.
        values: one a record; None where it has none.
    """

    path: str
    words: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        """The words of the name, with underscores."""
        return "_".join(self.words)

    @property
    def present(self) -> list[Any]:
        """The values that there are."""
        return [value for value in self.values if value is not None]

    @property
    def distinct(self) -> list[str]:
        """The different values as text, in the order in which they come."""
        return list(dict.fromkeys(scalar_text(value) for value in self.present))

    @property
    def complete(self) -> bool:
        """Whether every record has a value."""
        return len(self.present) == len(self.values)


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name.

    >>> words_of("orderPurchase_timestamp"), words_of("HTTPStatus 2")
    (('order', 'purchase', 'timestamp'), ('http', 'status', '2'))
    """
    return tuple(word.lower() for word in _WORD.findall(name))


def columns_of(records: Sequence[Mapping[str, Any]]) -> tuple[list[Column], list[str]]:
    """Return the columns of records, and the markers of missing values that are among their values."""
    found: dict[str, list[Any]] = {}
    words: dict[str, tuple[str, ...]] = {}
    for number, record in enumerate(records):
        for path, name, value in _leaves(record, "", "", 0):
            if path not in found and len(found) >= _MAX_COLUMNS:
                continue
            values = found.setdefault(path, [])
            words.setdefault(path, words_of(name))
            values += [None] * (number - len(values))
            if len(values) == number:
                values.append(value)
    texts = {value for values in found.values() for value in values if isinstance(value, str)}
    markers = [marker for marker in MARKERS if marker in texts]
    none = {"", *markers}
    columns = []
    for path, values in found.items():
        padded = [*values, *[None] * (len(records) - len(values))]
        kept = tuple(None if isinstance(value, str) and value in none else value for value in padded)
        if any(value is not None for value in kept):
            columns.append(Column(path, words[path], kept))
    return columns, markers


def _leaves(value: Any, path: str, inside: str, depth: int) -> Iterator[tuple[str, str, Any]]:
    """Yield path, own name and value of each scalar; of a list of scalars the first, of a list of objects nothing."""
    if depth > _MAX_DEPTH or not isinstance(value, Mapping):
        return
    for name, inner in value.items():
        step = _step(name, first=not path)
        if step is None:
            continue
        below = f"{path}{step}"
        if isinstance(inner, Mapping):
            yield from _leaves(inner, below, name, depth + 1)
        elif isinstance(inner, list):
            if inner and not isinstance(inner[0], list | dict):
                yield f"{below}[0]", name, inner[0]
        else:
            yield below, f"{inside} {name}" if inside and name.lower() in _SAYS_LITTLE else name, inner


def _step(name: str, *, first: bool) -> str | None:
    if _PLAIN.fullmatch(name):
        return name if first else f".{name}"
    if not name or '"' in name or "]" in name:
        return None
    return f'["{name}"]'
