"""How long tests wait for what must come: for hangs only. No test may pass or fail by how fast a machine is."""

import time
from collections.abc import Callable

PATIENCE_S = 180.0


def until(holds: Callable[[], object], what: str = "what was waited for") -> None:
    """Wait until a condition holds."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up_s, f"{what} did not come"
        time.sleep(0.01)
