"""What of a varied example differs from the published one that it varies."""

from collections.abc import Iterator
from typing import Any

_MISSING = object()


def differing(record: Any, base: Any, name: str = "") -> Iterator[str]:
    """Return the last names on the paths of all values of ``record`` that ``base`` does not have there.

    What is only in ``base`` was trimmed, and does not count. The entries of lists of objects are compared with the
    nearest entry of the other, so that entries may be left out.

    >>> sorted(differing({"a": 1, "b": {"c": 2, "d": [1]}}, {"a": 1, "b": {"c": 3}, "x": 4}))
    ['c', 'd']
    """
    if isinstance(record, dict):
        inside = base if isinstance(base, dict) else {}
        for key, value in record.items():
            yield from differing(value, inside.get(key, _MISSING), key)
    elif isinstance(record, list) and any(isinstance(entry, dict) for entry in record):
        entries = base if isinstance(base, list) else [base]
        for entry in record:
            yield from min((list(differing(entry, other, name)) for other in entries), key=len, default=[name])
    elif record != base or base is _MISSING:
        yield name
