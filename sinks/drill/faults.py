"""Channels that are broken on purpose: they behave as the real one does when its far side fails in some way."""

from collections.abc import Callable, Sequence
from enum import StrEnum

from config.drills import FaultName
from sinks.contract import Channel, Message, Reason, Receipt, transient

_LONG_US = 3_600_000_000


class Fault(StrEnum):
    """How a far side fails. ``INTACT``: not at all."""

    INTACT = "intact"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    SERVER_ERROR = "server_error"
    RATE_LIMITED = "rate_limited"
    BLACK_HOLE = "black_hole"

    @property
    def words(self) -> str:
        """For people."""
        return _WORDS[self]


_WORDS = {
    Fault.INTACT: "nothing",
    Fault.REFUSED: "refuses connections",
    Fault.TIMED_OUT: "takes messages, never answers",
    Fault.SERVER_ERROR: "answers with an error",
    Fault.RATE_LIMITED: "asks to wait for 1h",
    Fault.BLACK_HOLE: "swallows connections",
}
FAULTS: tuple[FaultName, ...] = ("intact", "refused", "timed_out", "server_error", "rate_limited", "black_hole")


class BrokenChannel:
    """A channel whose far side fails; nothing is ever sent.

    Args:
        channel: the real one; only its names are used.
        wait: waits that many seconds.
    """

    def __init__(self, channel: Channel, fault: Fault, wait: Callable[[float], object]) -> None:
        self.name = channel.name
        self.recipients: tuple[str, ...] = channel.recipients
        self._fault = fault
        self._wait = wait

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Fail, as late as a real failure of this kind would show."""
        if self._fault is Fault.REFUSED:
            raise transient(Reason.UNREACHABLE, "the connection was refused")
        if self._fault is Fault.SERVER_ERROR:
            raise transient(Reason.SERVER_ERROR, "it answers with an error")
        if self._fault is Fault.RATE_LIMITED:
            raise transient(Reason.RATE_LIMITED, "it asks to wait for 1h", retry_after_us=_LONG_US)
        if self._fault is Fault.TIMED_OUT:
            self._wait(timeout_s)
            raise transient(Reason.TIMEOUT, f"no answer within {timeout_s:.3g} s", ambiguous=True)
        self._wait(timeout_s)
        raise transient(Reason.UNREACHABLE, f"no connection within {timeout_s:.3g} s")

    def close(self) -> None:
        """Nothing to release."""
