"""Field paths of records: ``status``, ``ticket.fields[0].value``, ``["a name. with dots"].x``."""

import re
from collections.abc import Callable
from hashlib import blake2b
from operator import attrgetter
from typing import Any

import msgspec

Getter = Callable[[Any], Any]
"""``getter(record) -> value``; None where there is none."""

_NAME = re.compile(r"[^.\[\]]+")
_INDEX = re.compile(r"\[(\d+)\]")
_QUOTED = re.compile(r"\[(?:\"([^\"]+)\"|'([^']+)')\]")
HASH = "@hash"


def parse_path(text: str) -> tuple[str | int, ...]:
    """Return the steps of a path: names of fields, and indices of lists.

    Raises:
        ValueError: showing where the path cannot be read.

    >>> parse_path('ticket.fields[0]["a.b"]')
    ('ticket', 'fields', 0, 'a.b')
    """
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        if steps and text[at] == ".":
            at += 1
            matched = _NAME.match(text, at)
        else:
            matched = _INDEX.match(text, at) or _QUOTED.match(text, at) or (None if steps else _NAME.match(text, at))
        if matched is None:
            break
        if matched.re is _INDEX:
            steps.append(int(matched[1]))
        else:
            steps.append(matched[0] if matched.re is _NAME else matched[1] or matched[2])
        at = matched.end()
    else:
        if steps and isinstance(steps[0], str):
            return tuple(steps)
    msg = f'{text!r} is not a field path (at {text[at:]!r}): write it like a.b[0].c or ["a name. with dots"]'
    raise ValueError(msg)


class Fields:
    """The top-level fields that a mapping looks at. Only these are decoded; others are skipped over."""

    def __init__(self) -> None:
        self._slots: dict[str, str] = {}
        self._hashed = False

    def getter(self, path: str) -> Getter:
        """Return what reads ``path`` (or the record's digest, ``@hash``) from a decoded record.

        Raises:
            ValueError: for a path that cannot be read.
        """
        if path == HASH:
            self._hashed = True
            return attrgetter("hash_")
        first, *rest = parse_path(path)
        slot = self._slots.setdefault(str(first), f"f{len(self._slots)}")
        top = attrgetter(slot)
        return _nested(top, tuple(rest)) if rest else top

    def decoder(self) -> Callable[[bytes], Any]:
        """Return what decodes a record for the getters handed out so far; it raises as msgspec does."""
        names = {slot: name for name, slot in self._slots.items()}
        record = msgspec.defstruct(
            "Record",
            [(slot, Any, None) for slot in names] + [("hash_", str, "")],
            rename={**names, "hash_": "(makegood) hash"},
        )
        decode: Callable[[bytes], Any] = msgspec.json.Decoder(record).decode
        if not self._hashed:
            return decode

        def decode_with_hash(raw: bytes) -> Any:
            decoded = decode(raw)
            decoded.hash_ = blake2b(raw, digest_size=12).hexdigest()
            return decoded

        return decode_with_hash


def _nested(top: Getter, steps: tuple[str | int, ...]) -> Getter:
    def get(record: Any) -> Any:
        value = top(record)
        for step in steps:
            if isinstance(step, str):
                if not isinstance(value, dict):
                    return None
                value = value.get(step)
            else:
                if not isinstance(value, list) or step >= len(value):
                    return None
                value = value[step]
        return value

    return get
