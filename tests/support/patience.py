"""How long tests wait for what must come: for hangs only. No test may pass or fail by how fast a machine is."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_S = 180.0


def until(holds: Callable[[], object], what: str = "what was waited for") -> None:
    """Wait until a condition holds."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up_s, f"{what} did not come"
        time.sleep(0.01)


def given_time(attempt: Callable[[float], T], wanted: T, time_s: float = 0.2) -> T:
    """Return what came of an attempt whose time is to run out at one certain place.

    On a machine that is busy it can run out before that place: then there is another attempt with four times as much.

    Args:
        attempt: made with so many seconds; what it returns says where its time ran out.
        wanted: what is to come of it.
        time_s: of the first attempt.
    """
    while (found := attempt(time_s)) != wanted and time_s < PATIENCE_S / 4:
        time_s *= 4
    return found
