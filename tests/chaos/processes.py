"""Two real notifiers, each in a process of its own, that die as planned and are started again at once."""

import ctypes
import itertools
import os
import random
import signal
import threading
import time
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from alerts.connection import StoreUnavailableError, connect
from alerts.store import AlertStore
from config.delivery import StoreSettings
from config.settings import Settings
from pipeline.stop_signals import on_stop_signals
from sinks.service import build_notifier
from sinks.stages.transport import Step
from tests.chaos.plan import Kill, channels_of
from tests.support.forked import CONTEXT
from tests.support.notifier import channel_settings
from tests.support.patience import PATIENCE_S

_PR_SET_PDEATHSIG = 1
_ENOUGH = 3
"""So many defects, and no notifier is started again."""


def main(order: dict[str, Any]) -> None:
    """Be a notifier until told to stop, or until the step comes at which to die."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    said = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(said, 1)
    os.dup2(said, 2)
    left = itertools.count(-order["skip"])
    step: str = order["step"]
    slowest = _Slowest(Path(order["slowest"]))

    def on_step(now: Step, _key: str) -> None:
        if now == Step.DECIDED:
            slowest.ended()
        if now == step and next(left) >= 0:
            Path(order["died"]).write_text(step, encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)

    client = connect(order["url"])
    store = AlertStore(client, StoreSettings(prefix=order["prefix"]))
    stop = threading.Event()
    on_stop_signals(lambda _number: stop.set())
    entries = {name: entry for name, entry in order["settings"].items() if entry}
    settings = Settings.model_validate({**entries, "channels": channel_settings(order["channels"])})
    notifier = None
    while notifier is None:
        try:
            notifier = build_notifier(
                store, settings, registry=CollectorRegistry(), wait=stop.wait, rng=random.Random(1), on_step=on_step
            )
        except StoreUnavailableError:  # whoever looks after services starts it again
            if stop.wait(0.02):
                return
    slowest.watch(notifier._dispatcher)
    notifier.run(stop)
    notifier.close()
    client.close()


class _Slowest:
    """Writes down the longest time from a dispatcher's look at what is due until it had decided of that."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began_s = 0.0
        self._longest_us = 0

    def watch(self, dispatcher: Any) -> None:
        """Have it told when a turn begins."""
        turn = dispatcher.turn

        def begun(limit: int, lease_us: int) -> int:
            self._began_s = time.monotonic()
            return int(turn(limit, lease_us))

        dispatcher.turn = begun

    def ended(self) -> None:
        """It has decided, and has not written that down yet."""
        took_us = round((time.monotonic() - self._began_s) * 1_000_000)
        if took_us > self._longest_us:
            self._longest_us = took_us
            self._path.write_text(str(took_us), encoding="ascii")


class Death(msgspec.Struct, frozen=True, kw_only=True):
    """Of a notifier process.

    Attributes:
        sender: number of the process.
        step: at which it killed itself; ``any``: it was killed.
    """

    sender: int
    step: str


class Pair:
    """Two notifiers that work on one store.

    Args:
        order: url, prefix, settings and workers of both.
        addresses: of the providers.
        kills: of each, one after the other.
        folder: for what they say.
    """

    def __init__(
        self, order: dict[str, Any], addresses: dict[str, str], kills: tuple[tuple[Kill, ...], ...], folder: Path
    ) -> None:
        self._order = order
        self._addresses = addresses
        self._kills = [list(one) for one in kills]
        self._folder = folder
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._running: list[tuple[int, Any]] = []
        self._ordered: set[int] = set()
        self._ending = False
        self.deaths: list[Death] = []
        self.defects: list[str] = []
        self.begin()

    def begin(self) -> None:
        """Start both; also after they have ended."""
        with self._lock:
            self._ending = False
            self._running = [self._start(place) for place in range(len(self._kills))]
        self._nurse = threading.Thread(target=self._look_after)
        self._nurse.start()

    def kill(self, place: int) -> None:
        """Kill one of the two now, whatever it is doing."""
        with self._lock:
            number, process = self._running[place]
            self._ordered.add(number)
            process.kill()

    def end(self) -> None:
        """Have both end in good order."""
        with self._lock:
            self._ending = True
            for _number, process in self._running:
                process.terminate()
        self._nurse.join()

    def decided_us(self) -> list[int]:
        """Return how long each notifier took at most to decide, once all have ended."""
        found = [path.read_text(encoding="ascii") for path in self._folder.glob("*.slowest")]
        return [0, *(int(text) for text in found if text)]  # empty: killed as it wrote

    def spare(self) -> None:
        """Let those that are started from now on live."""
        with self._lock:
            self._kills = [[] for _ in self._kills]

    def _start(self, place: int) -> tuple[int, Any]:
        number = next(self._numbers)
        kill = self._kills[place].pop(0) if self._kills[place] else Kill(step="")
        order = {
            **self._order,
            "channels": channels_of(self._addresses, number),
            "step": kill.step,
            "skip": kill.skip,
            "died": str(self._died(number)),
            "slowest": str(self._folder / f"{number}.slowest"),
            "log": str(self._folder / f"{number}.log"),
        }
        process = CONTEXT.Process(target=main, args=(order,))
        process.start()
        return number, process

    def _died(self, number: int) -> Path:
        return self._folder / f"{number}.died"

    def _look_after(self) -> None:
        end_s = time.monotonic() + 10 * PATIENCE_S
        while time.monotonic() < end_s:
            with self._lock:
                running = dict(enumerate(self._running))
            wait_for([process.sentinel for _number, process in running.values()], timeout=0.2)
            for place, (number, process) in running.items():
                if process.exitcode is not None:
                    self._bury(place, number, process.exitcode)
            if not self._running:
                return

    def _bury(self, place: int, number: int, code: int) -> None:
        with self._lock:
            if not any(number == one for one, _process in self._running):
                return
            died = self._died(number)
            if code == -signal.SIGKILL and (died.exists() or number in self._ordered):
                step = died.read_text(encoding="utf-8") if died.exists() else "any"
                self.deaths.append(Death(sender=number, step=step))
            elif not self._ending or code not in {0, -signal.SIGTERM}:
                self.defects.append(f"notifier {number} ended with {code}")
            log = self._folder / f"{number}.log"
            text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            if "defect" in text or "Traceback" in text:
                self.defects.append(f"notifier {number} said: {text[-2000:]}")
            if self._ending or len(self.defects) >= _ENOUGH:
                self._running = [one for one in self._running if one[0] != number]
            else:
                self._running[place] = self._start(place)
