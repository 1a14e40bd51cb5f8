"""Writes plain data as YAML with remarks, so that any text comes back as it was."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

Place = tuple[str | int, ...]
_SAFE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
_NOT_TEXT = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_WIDTH = 110


def write_yaml(data: Mapping[str, Any], remarks: Mapping[Place, str]) -> str:
    """Return YAML (1.2, and 1.1 where it matters) of plain data; a remark stands above the place that it is about.

    >>> print(write_yaml({"a": {"b": "no", "c": [1, "x y"]}}, {("a", "c"): "why"}), end="")
    a:
      b: "no"
      # why
      c: [1, x y]
    """
    return "\n".join(_block(data, (), remarks)) + "\n"


def scalar(value: Any) -> str:
    r"""Return a scalar as YAML writes it.

    >>> scalar("a b"), scalar("1e5"), scalar("x: y"), scalar(None), scalar("\x07")
    ('a b', '"1e5"', '"x: y"', 'null', '"\\u0007"')
    """
    if not isinstance(value, str):
        return json.dumps(value)
    if _SAFE.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else _escaped(char) for char in quoted)


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(inner) for inner in value) + "]"
    return scalar(value)


def _fits(value: Any, place: Place, remarks: Mapping[Place, str], indent: int) -> bool:
    """Say whether a value goes on one line: short, and without a remark inside of it."""
    if not isinstance(value, Mapping | list | tuple):
        return True
    inside = any(len(other) > len(place) and other[: len(place)] == place for other in remarks)
    return not inside and len(_flow(value)) + indent <= _WIDTH and _depth(value) <= 2


def _depth(value: Any) -> int:
    inner: Sequence[Any] = []
    if isinstance(value, Mapping):
        inner = list(value.values())
    elif isinstance(value, list | tuple):
        inner = value
    else:
        return 0
    return 1 + max(map(_depth, inner), default=0)


def _block(value: Any, place: Place, remarks: Mapping[Place, str]) -> list[str]:
    lines: list[str] = []
    entries = value.items() if isinstance(value, Mapping) else enumerate(value)
    for key, inner in entries:
        below = (*place, key)
        lines += [f"# {line}" for line in remarks.get(below, "").splitlines()]
        head = f"{scalar(key)}:" if isinstance(value, Mapping) else "-"
        whole_block = len(below) <= 2 or key in {"data", "mapping", "events", "examples", "record", "expect"}
        if not isinstance(inner, Mapping | list | tuple):
            lines.append(f"{head} {scalar(inner)}")
        elif not inner or (_fits(inner, below, remarks, 2 * len(below)) and not (whole_block and _depth(inner) > 1)):
            lines.append(f"{head} {_flow(inner)}")
        elif isinstance(value, Mapping):
            lines += [head, *(f"  {line}" for line in _block(inner, below, remarks))]
        else:
            nested = _block(inner, below, remarks)
            lines += [f"- {nested[0]}", *(f"  {line}" for line in nested[1:])]
    return lines
