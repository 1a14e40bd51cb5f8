"""The tables by which the scanner knows events, made from their types: what is not in them goes by rows."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.events import EVENT_CLASSES, NonEmpty, Unit
from detectors.packed import FIELDS, NUMBERS
from pipeline.columns import layout
from pipeline.columns.layout import ENVELOPE, IN_DATA, LONGEST_KEY, PLACES, SCOPES

TYPES: tuple[str, ...] = tuple(EVENT_CLASSES)
"""By their numbers."""
_ENVELOPE = {
    "specversion": layout.VERSION,
    "type": layout.IDENTITY,
    "source": layout.IDENTITY,
    "id": layout.ID,
    "time": layout.TIME,
    "subject": layout.TEXT,
    "data": layout.DATA,
    "datacontenttype": layout.TEXT,
}
"""Attributes of plain records. Those that they hardly ever have (``rev``, ``sequence``) are left to the row path."""
_NEEDED = ("type", "source", "id", "time", "data")
TEXTUAL = frozenset({layout.TEXT, layout.IDENTITY})
"""Kinds of fields that are texts; the others that have columns are numbers."""
_SPREAD, _WORD = 0x9E3779B97F4A7C15, (1 << 64) - 1


class Tables(NamedTuple):
    """What :func:`pipeline.columns.kernel.scan` takes of them.

    Attributes:
        texts, numbers: the fields that have columns, in the order of these.
    """

    places: Any
    names: Any
    fields: Any
    types: Any
    texts: tuple[str, ...]
    numbers: tuple[str, ...]


@cache
def type_mask(types: frozenset[str]) -> npt.NDArray[np.bool_]:
    """Return, by the numbers of types, which of them are among these. To be looked into, and no more."""
    return np.array([name in types for name in TYPES])


def tables(columns: Collection[str], as_events: Collection[str], packed: Collection[str] = ()) -> Tables:
    """Return the tables.

    Args:
        columns: fields of the data that somebody reads.
        as_events: types of which somebody wants the events themselves: none of them is plain.
        packed: types of which somebody keeps plain events packed.

    Raises:
        ValueError: for a field that has no column.
    """
    kinds = data_kinds()
    if packed:
        columns = {*columns, *FIELDS, *NUMBERS}
    unknown = sorted(set(columns) - kinds.keys())
    if unknown:
        msg = f"there is no column {unknown[0]!r}; there are: {', '.join(sorted(kinds))}"
        raise ValueError(msg)
    figures = (layout.NUMBER, layout.UNIT)
    texts = ("type", "source", *sorted(name for name in columns if kinds[name] not in figures))
    numbers = tuple(sorted(name for name in columns if kinds[name] in figures))
    bits: dict[tuple[int, str], int] = {}
    rows: list[list[int]] = []
    words: list[list[int]] = []
    places = np.full((SCOPES, PLACES), -1, dtype=np.int64)
    for scope, known in ((ENVELOPE, _ENVELOPE), (IN_DATA, kinds)):
        for name, kind in known.items():
            bit = bits[scope, name] = 1 << len(rows)
            column = -1
            if scope == IN_DATA and name in columns:
                column = (numbers if kind in figures else texts).index(name)
            elif scope == ENVELOPE and name in texts[:2]:
                column = texts.index(name)
            raw = name.encode()
            halves = [int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:], "little")]
            place = ((((halves[0] ^ len(raw)) * _SPREAD) & _WORD) >> 56) % PLACES
            while places[scope, place] >= 0:
                place = (place + 1) % PLACES
            places[scope, place] = len(rows)
            is_name = packed and name in layout.NAMES
            rows.append([kind, column, bit, len(raw), layout.NAMES.index(name) if is_name else -1])
            words.append(halves)
    return Tables(
        places,
        np.array(words, dtype=np.uint64),
        np.array(rows, dtype=np.int64),
        np.array([_type_row(name, bits, as_events, packed) for name in TYPES], dtype=np.int64),
        texts,
        numbers,
    )


def _type_row(
    name: str, bits: Mapping[tuple[int, str], int], as_events: Collection[str], packed: Collection[str]
) -> list[int]:
    """Return the row of a type: no field at all is allowed where its events are wanted."""
    if name in as_events:
        return [0, 0, 0, 0, 0]
    data = _data_fields(name)
    envelope = sum(bits[ENVELOPE, attribute] for attribute in _ENVELOPE)
    needed = sum(bits[ENVELOPE, attribute] for attribute in _NEEDED)
    allowed = sum(bits.get((IN_DATA, field.name), 0) for field in data)
    required = [field.name for field in data if field.required]
    if any((IN_DATA, field) not in bits for field in required):
        return [0, 0, 0, 0, 0]
    needed += sum(bits[IN_DATA, field] for field in required)
    names = {field.name for field in data}
    marks = [bits[IN_DATA, field] if field in names else 0 for field in ("text", "sentiment")]
    if name in packed and not {one for one in names if (IN_DATA, one) in bits} <= {
        "case_id",
        "text",
        *FIELDS,
        *NUMBERS,
    }:
        msg = f"{name} cannot be packed: it has other fields"
        raise ValueError(msg)
    return [envelope | allowed, needed, *marks, int(name in packed)]


def _data_fields(event_type: str) -> Sequence[msgspec.structs.FieldInfo]:
    return msgspec.structs.fields(get_type_hints(EVENT_CLASSES[event_type])["data"])


def data_kinds() -> dict[str, int]:
    """Return what each field of data is. Those are left out that are of no kind here, or not the same in all data."""
    found: dict[str, set[int | None]] = {}
    for name in TYPES:
        for field in _data_fields(name):
            found.setdefault(field.encode_name, set()).add(_kind(field.type))
    kinds: dict[str, int] = {}
    for name, several in found.items():
        if several == {layout.TEXT, layout.IDENTITY}:
            several.discard(layout.TEXT)  # longer ones than are allowed somewhere go by rows everywhere
        kind = several.pop() if len(several) == 1 else None
        if kind is not None and len(name.encode()) <= LONGEST_KEY:
            kinds[name] = kind
    return kinds


def _kind(annotation: Any) -> int | None:
    members = set(get_args(annotation)) - {type(None)} if type(None) in get_args(annotation) else {annotation}
    if len(members) != 1:
        return None
    return {str: layout.TEXT, NonEmpty: layout.IDENTITY, float: layout.NUMBER, Unit: layout.UNIT}.get(members.pop())
