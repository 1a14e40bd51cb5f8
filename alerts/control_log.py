"""The log of controls in Redis: what people have changed in a running flow, numbered, and never taken back.

It is the record of who changed what, when and why, and what flows read. A flow goes by what it has read when the store
is away, and reads on when it is back.
"""

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from alerts.connection import Scripts, store_errors
from alerts.keys import Keys
from alerts.store import AlertStore
from detectors.control import ChangeError, Control, ThresholdVersion, decode, encode

MOST_BACKTEST_BYTES = 4_000_000
_TRIES = 20


class Page(msgspec.Struct, frozen=True):
    """Controls of the log from a number on.

    Attributes:
        log: id of the log; empty while there is none.
        length: of the whole log.
        controls: in their order. What a newer program wrote and this one cannot read is left out.
        unreadable: the numbers of those.
    """

    log: str
    length: int
    controls: list[Control]
    unreadable: list[int]


class Attached(msgspec.Struct, frozen=True):
    """A backtest that is attached to a version: the file's name, and its text."""

    name: str
    text: str


class FlowSeen(msgspec.Struct, frozen=True):
    """What a running flow process said of itself last.

    Attributes:
        share: of the work, like ``0/1``.
        at_us: when, by the clock of its machine.
        event_us: the time of events then: the same, or that of a simulation.
        speed: how fast that goes.
        log, number: the last control that it has read.
    """

    share: str
    at_us: int
    event_us: int
    speed: float
    log: str
    number: int


_to_attached = msgspec.json.Decoder(Attached)
_to_seen = msgspec.json.Decoder(FlowSeen)


class ControlLog:
    """Reads and writes the log. May be used by several threads and processes.

    Args:
        store: of the alerts.
    """

    def __init__(self, store: AlertStore) -> None:
        self._client: Any = store.client
        self._keys: Keys = store.keys
        self._prefix = store.settings.prefix
        self._scripts = Scripts(store.client, Path(__file__).parent)

    def read(self, after: int = 0) -> Page:
        """Return what stands behind number ``after``.

        Raises:
            StoreUnavailableError: when Redis cannot be used now.
        """
        with store_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.get(self._keys.named("control:log"))
            pipeline.llen(self._keys.named("control"))
            pipeline.lrange(self._keys.named("control"), after, -1)
            log, length, lines = pipeline.execute()
        controls: list[Control] = []
        unreadable: list[int] = []
        for number, line in enumerate(lines, after + 1):
            try:
                control = decode(line)
            except msgspec.DecodeError:
                unreadable.append(number)
            else:
                controls.append(msgspec.structs.replace(control, number=number, log=log or ""))
        return Page(log or "", length, controls, unreadable)

    def append(self, make: Callable[[list[Control]], Control]) -> Control:
        """Write a control; return it with its number.

        Args:
            make: given the whole log, returns what follows from it. Called again when somebody else was faster.

        Raises:
            StoreUnavailableError: it may have been written all the same: look into the log before writing it again.
            ChangeError: when others write all the time; or what ``make`` raises.
        """
        for _ in range(_TRIES):
            page = self.read()
            control = make(page.controls)
            _check(control)
            plain = encode(msgspec.structs.replace(control, number=0, log="")).decode()
            new = page.log or secrets.token_hex(8)
            number = self._scripts.run("control_append", self._prefix, page.log, page.length, new, plain)
            if isinstance(number, int) and number > 0:
                return msgspec.structs.replace(control, number=number, log=new)
        msg = "others were writing to the log of controls all the time; try again"
        raise ChangeError(msg)

    def attach(self, name: str, text: str) -> str:
        """Keep a backtest; return its id, which is that of its content.

        Raises:
            ChangeError: when it is too large.
            StoreUnavailableError: when Redis cannot be used now.
        """
        size = len(text.encode())
        if size > MOST_BACKTEST_BYTES:
            msg = f"{name} has {size} bytes, expected at most {MOST_BACKTEST_BYTES}: attach the summary"
            raise ChangeError(msg)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        with store_errors():
            plain = msgspec.json.encode(Attached(name, text)).decode()
            self._client.hset(self._keys.named("control:backtests"), digest, plain)
        return digest

    def attached(self, digest: str) -> Attached | None:
        """Return a backtest; None when it is not kept here (its id may be a path)."""
        with store_errors():
            plain = self._client.hget(self._keys.named("control:backtests"), digest)
        return None if plain is None else _to_attached.decode(plain)

    def see(self, flow: FlowSeen) -> None:
        """Note that a flow process is there, and what it has read."""
        with store_errors():
            plain = msgspec.json.encode(flow).decode()
            self._client.hset(self._keys.named("control:flows"), flow.share, plain)

    def seen(self) -> list[FlowSeen]:
        """Return what flow processes said of themselves last, also those that have stopped since."""
        with store_errors():
            found = self._client.hvals(self._keys.named("control:flows"))
        return sorted(map(_to_seen.decode, found), key=lambda flow: flow.share)


def _check(control: Control) -> None:
    """Prove that it is said who and why.

    Raises:
        ChangeError: when it is not.
    """
    if not control.by.strip():
        msg = "it must be said who changes it: give --by NAME"
        raise ChangeError(msg)
    if isinstance(control, ThresholdVersion) and not control.why.strip():
        msg = "it must be said why: give --why TEXT"
        raise ChangeError(msg)
