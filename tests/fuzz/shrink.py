"""The smallest record that still fails."""

from collections.abc import Callable

_TRIES = 3_000


def smallest(raw: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Return ``raw`` with as much cut out as it can lose while it still fails."""
    size, tries = max(1, len(raw) // 2), 0
    while tries < _TRIES:
        shrunk = False
        at = 0
        while at < len(raw) and tries < _TRIES:
            tries += 1
            less = raw[:at] + raw[at + size :]
            if fails(less):
                raw, shrunk = less, True
            else:
                at += size
        if size == 1 and not shrunk:
            break
        size = max(1, size // 2)
    return raw
