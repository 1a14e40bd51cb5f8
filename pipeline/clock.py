"""The clock of a live flow: the time of day, without its jumps.

Somebody sets the system's clock back an hour, or a machine that slept wakes up. Were the flow to follow, events of now
would be from the future, and silence would be counted that nobody has listened to. So the flow counts by itself where
the system's clock leaps, says so, and decides by the events who is right:

* The clock leapt **back**: as long as newer events come than the system's clock allows, the flow is right.
* It leapt **forward**: as soon as an event comes that is nearer to the new time, the system's clock is right. Without
  any event it is believed after :data:`PATIENCE_US`.

Small steps, as time services make them, are followed; time only stands still where they go back.
"""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

JUMP_US = 2_000_000
"""A step of the system's clock beyond this is a jump."""
PATIENCE_US = 600_000_000
"""How long a jump that nothing contradicts is not believed."""
GAP_US = 5_000_000
"""When nobody has looked at the clock for this long, silence is counted anew: nobody has listened."""
SLEWED = 2_000
"""Time services speed a clock up or slow it down by no more than one part in this many."""
AT_ONCE_US = 100_000
"""Clocks that are read within this are read at once."""
_TRIES = 5
KEEP_EVERY_US = 10_000_000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

log = structlog.get_logger(__name__)


def wall_clock_us() -> int:
    """Return the time of day in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def steady_clock_us() -> int:
    """Return microseconds of a clock that nobody can set, and that goes on while the machine sleeps (on Linux)."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1000


class _Kept(msgspec.Struct):
    """What a process leaves to the next: its own time, at what the clock that nobody can set showed.

    Attributes:
        boot: when that clock began: it means nothing after a restart of the machine.
    """

    now_us: int
    steady_us: int
    boot: str


class FlowClock:
    """Tells the time to one flow.

    Args:
        wall_us: the system's time of day, in microseconds since 1970 UTC.
        steady_us: microseconds of a clock that is never set.
        newest_us: event time of the newest event so far.
        tell: is told what is wrong with the system's clock, and None when they agree again.
        kept: file in which the time outlives the process; None: it does not.
    """

    def __init__(
        self,
        *,
        wall_us: Callable[[], int],
        steady_us: Callable[[], int],
        newest_us: Callable[[], int],
        tell: Callable[[str | None], None],
        kept: Path | None = None,
    ) -> None:
        self._wall_us = wall_us
        self._steady_us = steady_us
        self._newest_us = newest_us
        self._tell = tell
        self._kept = kept
        self._boot = _boot_id()
        self._looked_us, first_us = self._at_once()
        self._now_us = self._first_us(first_us)
        self._off_us = 0  # how far the system's clock is ahead, once it has jumped
        self._jumped_us = 0  # when it did, by the steady clock
        self._newest_before_us = 0
        self._interrupted = False
        self._wall_seen_us = first_us
        self.set_back = False
        """Whether the system's clock was set back by more than a small step."""
        self._keep_at_us = self._looked_us

    @property
    def off_us(self) -> int:
        """How far the system's clock is ahead of the flow's: 0 unless it has jumped."""
        return self._off_us

    @property
    def latest_us(self) -> int:
        """The later of both clocks: an event beyond it is from the future, whoever is right."""
        return self._now_us + max(0, self._off_us)

    def now_us(self) -> int:
        """Return the time, microseconds since 1970 UTC. It goes back only when events have proved it wrong."""
        steady_us, wall_us = self._at_once()
        passed_us = max(0, steady_us - self._looked_us)
        self._looked_us = steady_us
        if passed_us > GAP_US:
            self._interrupted = True
        counted_us = self._now_us + passed_us
        self.set_back = self.set_back or wall_us < self._wall_seen_us - JUMP_US
        self._wall_seen_us = wall_us
        off_us = wall_us - counted_us
        if abs(off_us) <= JUMP_US:
            self._agree()
            self._now_us = max(self._now_us, wall_us)
        else:
            self._now_us = counted_us
            self._disagree(off_us, steady_us)
        self._keep(steady_us)
        return self._now_us

    def interrupted(self) -> bool:
        """Return, once each time, whether silence must be counted anew: nobody has listened, or the time was wrong."""
        interrupted, self._interrupted = self._interrupted, False
        return interrupted

    def take_set_back(self) -> bool:
        """Return whether the system's clock was set back since this was last called."""
        set_back, self.set_back = self.set_back, False
        return set_back

    def _agree(self) -> None:
        if self._off_us:
            log.info("clock.agrees", was_off_s=self._off_us / 1e6)
            self._off_us = 0
            self._tell(None)

    def _disagree(self, off_us: int, steady_us: int) -> None:
        if abs(off_us - self._off_us) > JUMP_US:
            by_s = round((off_us - self._off_us) / 1e6, 1)
            log.error("clock.jumped", by_s=by_s, off_s=round(off_us / 1e6, 1), action="the flow counts by itself")
            self._jumped_us = steady_us
            self._newest_before_us = self._newest_us()
            self._tell(_told(off_us))
        self._off_us = off_us
        if self._is_right(off_us, steady_us):
            log.warning("clock.followed", by_s=round(off_us / 1e6, 1), reason="events, or nothing, speak for it")
            self._now_us += off_us
            self._off_us = 0
            self._interrupted = True
            self._tell(None)

    def _is_right(self, off_us: int, steady_us: int) -> bool:
        """Return whether the system's clock is to be believed against our own count."""
        newest_us = self._newest_us()
        came = newest_us > self._newest_before_us
        nearer_to_us = newest_us <= self._now_us + off_us // 2
        patient = steady_us - self._jumped_us >= PATIENCE_US
        if off_us > 0:
            return (came and not nearer_to_us) or (not came and patient)
        return came and nearer_to_us and patient

    def _at_once(self) -> tuple[int, int]:
        """Return what both clocks say; read anew when the process stood still in between: that is no jump."""
        steady_us = self._steady_us()
        for _ in range(_TRIES):
            before_us, wall_us, steady_us = steady_us, self._wall_us(), self._steady_us()
            if steady_us - before_us <= AT_ONCE_US:
                break
        return steady_us, wall_us

    def _first_us(self, wall_us: int) -> int:
        if self._kept is None:
            return wall_us
        try:
            kept = msgspec.json.decode(self._kept.read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError):  # there is none yet, or half of one: the system's clock will do
            return wall_us
        passed_us = self._looked_us - kept.steady_us
        if kept.boot != self._boot or passed_us < 0:
            return max(wall_us, kept.now_us)
        counted_us = kept.now_us + passed_us
        return wall_us if abs(wall_us - counted_us) <= JUMP_US + passed_us // SLEWED else counted_us

    def _keep(self, steady_us: int) -> None:
        if self._kept is None or steady_us < self._keep_at_us:
            return
        self._keep_at_us = steady_us + KEEP_EVERY_US
        temporary = self._kept.with_suffix(".tmp")
        try:
            temporary.write_bytes(msgspec.json.encode(_Kept(self._now_us, steady_us, self._boot)))
            temporary.replace(self._kept)
        except OSError as error:  # no room: the next process takes the system's clock
            log.debug("clock.not_kept", error=str(error))


def _told(off_us: int) -> str:
    which = "ahead of" if off_us > 0 else "behind"
    return (
        f"the system's clock jumped and is {abs(off_us) / 1e6:.0f} s {which} the flow, which counts by itself; put the "
        "clock right"
    )


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
