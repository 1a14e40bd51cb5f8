"""Field paths of records: ``status``, ``fields[0].value``, ``fields[id=9].value``, ``["a name. with dots"].x``."""

import re
from collections.abc import Callable
from hashlib import blake2b
from operator import attrgetter
from typing import Any

import msgspec

from config.values import scalar_text

Getter = Callable[[Any], Any]
"""``getter(record) -> value``; None where there is none."""

_NAME = re.compile(r"[^.\[\]]+")
_INDEX = re.compile(r"\[(-?\d+)\]")
_ENTRY = re.compile(r"\[([^\[\]=\"']+)=([^\[\]]+)\]")
_QUOTED = re.compile(r"\[(?:\"([^\"]+)\"|'([^']+)')\]")
HASH = "@hash"
ITEM = "@item"
Step = str | int | tuple[str, str]
"""A step of a path: a field's name, an index (negative: from the end), or key and value of an entry of a list."""


def parse_path(text: str) -> tuple[Step, ...]:
    """Return the steps of a path: names of fields, indices of lists, and entries of lists by the value of a key.

    Raises:
        ValueError: showing where the path cannot be read.

    >>> parse_path('ticket.fields[0]["a.b"]')
    ('ticket', 'fields', 0, 'a.b')
    >>> parse_path("custom_fields[id=360001].value")
    ('custom_fields', ('id', '360001'), 'value')
    """
    steps: list[Step] = []
    at = 0
    while at < len(text):
        if steps and text[at] == ".":
            at += 1
            matched = _NAME.match(text, at)
        else:
            found = (pattern.match(text, at) for pattern in (_INDEX, _QUOTED, _ENTRY))
            matched = next(filter(None, found), None) or (None if steps else _NAME.match(text, at))
        if matched is None:
            break
        if matched.re is _INDEX:
            steps.append(int(matched[1]))
        elif matched.re is _ENTRY:
            steps.append((matched[1], matched[2]))
        else:
            steps.append(matched[0] if matched.re is _NAME else matched[1] or matched[2])
        at = matched.end()
    else:
        if steps and isinstance(steps[0], str):
            return tuple(steps)
    forms = 'a.b[0].c, a[key=value].c or ["a name. with dots"]'
    msg = f"{text!r} is not a field path (at {text[at:]!r}): write it like {forms}"
    raise ValueError(msg)


class Fields:
    """The top-level fields that a mapping looks at. Only these are decoded; others are skipped over."""

    def __init__(self) -> None:
        self._slots: dict[str, str] = {}
        self._hashed = False

    def getter(self, path: str) -> Getter:
        """Return what reads ``path`` from a decoded record.

        ``@hash`` is the record's digest; a path that begins with ``@item`` reads the entry of the list that an event is
        made for (``each``).

        Raises:
            ValueError: for a path that cannot be read.
        """
        if path == HASH:
            self._hashed = True
            return attrgetter("hash_")
        first, *rest = parse_path(path)
        if first == ITEM:
            top = attrgetter("item_")
        else:
            top = attrgetter(self._slots.setdefault(str(first), f"f{len(self._slots)}"))
            if any(isinstance(step, tuple) for step in rest):
                return _once(path, _nested(top, tuple(rest)))
        return _nested(top, tuple(rest)) if rest else top

    def decoder(self) -> Callable[[bytes], Any]:
        """Return what decodes a record for the getters handed out so far; it raises as msgspec does."""
        names = {slot: name for name, slot in self._slots.items()}
        record = msgspec.defstruct(
            "Record",
            [(slot, Any, None) for slot in names] + [("hash_", str, ""), ("item_", Any, None), ("found_", Any, None)],
            rename={**names, "hash_": "(makegood) hash", "item_": "(makegood) item", "found_": "(makegood) found"},
        )
        decode: Callable[[bytes], Any] = msgspec.json.Decoder(record).decode
        if not self._hashed:
            return decode

        def decode_with_hash(raw: bytes) -> Any:
            decoded = decode(raw)
            decoded.hash_ = blake2b(raw, digest_size=12).hexdigest()
            return decoded

        return decode_with_hash


def _once(path: str, getter: Getter) -> Getter:
    """Search a list once a record, and not for each entry of another list: time stays linear in the record's length."""

    def get(record: Any) -> Any:
        found = record.found_
        if found.__class__ is not dict:
            found = record.found_ = {}
        if path not in found:
            found[path] = getter(record)
        return found[path]

    return get


def _nested(top: Getter, steps: tuple[Step, ...]) -> Getter:
    def get(record: Any) -> Any:
        value = top(record)
        for step in steps:
            if isinstance(step, str):
                if not isinstance(value, dict):
                    return None
                value = value.get(step)
            elif not isinstance(value, list):
                return None
            elif isinstance(step, int):
                if not -len(value) <= step < len(value):
                    return None
                value = value[step]
            else:
                value = _entry(value, *step)
        return value

    return get


def _entry(values: list[Any], key: str, wanted: str) -> Any:
    """Return the first entry of a list that has ``wanted``, compared as text, under ``key``."""
    for value in values:
        if isinstance(value, dict):
            found = value.get(key) if key in value else _below(value, key)
            if found is not None and not isinstance(found, dict | list) and is_text(found, wanted):
                return value
    return None


def _below(value: Any, key: str) -> Any:
    """Return what stands under ``a.b`` in an entry that has no key of that name."""
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def is_text(value: object, wanted: str) -> bool:
    """Say whether a scalar, as text, is ``wanted``."""
    try:
        return scalar_text(value) == wanted
    except ValueError:  # a whole number with more digits than Python writes
        return False
