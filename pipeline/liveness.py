"""Whether a process still goes on: what decides if starting it again could help.

Health says whether all is well; a flow whose feed cannot be reached is not healthy, and a new process would not reach
it either. Liveness says only whether the loop moves, or waits for something that it knows to be away.
"""

import threading
from collections.abc import Callable

STUCK_AFTER_S = 300.0
"""A loop without a sign of life for this long, that waits for nothing, is stuck. The longest step is a snapshot."""
STARTING_AT_MOST_S = 1800.0
"""Until the first look for records: state is restored meanwhile, and a large one takes its time."""
READY_WITHIN_S = 30.0
"""A process is ready while its last sign of life is younger than this."""

Told = tuple[bool, dict[str, object]]
"""The answer, and the evidence as plain data."""


class Liveness:
    """Told by a loop that it goes on, asked by probes from other threads.

    Args:
        clock_s: a monotonic clock in seconds.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._sign_s = clock_s()
        self._began = False
        self._waits: dict[str, str] = {}

    def beat(self) -> None:
        """Note that the loop came round."""
        self._sign_s = self._clock_s()
        self._began = True

    def waits(self, what: str, why: str | None) -> None:
        """Note that the loop waits for something that is away, and why; None: no more."""
        with self._lock:
            waits = {name: reason for name, reason in self._waits.items() if name != what}
            self._waits = waits if why is None else {**waits, what: why}
        self._sign_s = self._clock_s()

    def live(self) -> Told:
        """Return whether the process goes on; False: only a new one will."""
        quiet_s = self._clock_s() - self._sign_s
        limit_s = STUCK_AFTER_S if self._began else STARTING_AT_MOST_S
        return bool(self._waits) or quiet_s <= limit_s, self._evidence(quiet_s)

    def ready(self) -> Told:
        """Return whether the process has begun its work, and nothing holds it up."""
        quiet_s = self._clock_s() - self._sign_s
        return self._began and not self._waits and quiet_s <= READY_WITHIN_S, self._evidence(quiet_s)

    def _evidence(self, quiet_s: float) -> dict[str, object]:
        return {"began": self._began, "seconds_since_sign_of_life": round(quiet_s, 1), "waits": dict(self._waits)}
