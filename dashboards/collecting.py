"""Keeps the garbage collector away from what stays: the alerts that fire are hundreds of thousands of objects.

To look through all of them takes the collector a fifth of a second, in which nobody is answered, and they hold no
garbage: what leaves them is freed at once. So what a full collection has found to be alive is looked at no more, until
once a day all is looked through.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_DAY_US = 86_400_000_000
_OLDEST = 2


def _after(phase: str, info: dict[str, Any]) -> None:
    if phase == "stop" and info["generation"] == _OLDEST:
        gc.freeze()  # all garbage has just been freed: none is kept by this


class Collecting:
    """Looks through everything once a day."""

    def __init__(self, now_us: int) -> None:
        self._last_us = now_us

    def look(self, now_us: int) -> bool:
        """Look through everything if that is due; return whether it was. To be called now and then."""
        if 0 <= now_us - self._last_us < _DAY_US:
            return False
        self._last_us = now_us
        gc.unfreeze()
        gc.collect()
        return True


@contextmanager
def collecting(now_us: int) -> Iterator[Collecting]:
    """Keep the collector away from what stays, for as long as this lasts."""
    gc.callbacks.append(_after)
    try:
        yield Collecting(now_us)
    finally:
        gc.callbacks.remove(_after)
        gc.unfreeze()
