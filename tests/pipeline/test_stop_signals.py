"""Signals that come at the worst moment: while the main thread holds the very lock that stopping needs."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from pipeline.stop_signals import STOP_SIGNALS, on_stop_signals
from tests.support.kafka import REPO
from tests.support.patience import PATIENCE_S

# The lock of an event is held for a moment whenever somebody waits for it: here the signal meets that moment surely.
HELD = """
import os, signal
from {module} import {imports}
{start}
with {event}._cond:
    os.kill(os.getpid(), signal.{number})
    sum(range(1000))
raise SystemExit(0 if {event}.wait({patience_s}) else 1)
"""
DRAIN = {
    "module": "pipeline.stopping",
    "imports": "Drain, drain_on_signals",
    "start": "drain = Drain(); drain_on_signals(drain)",
    "event": "drain._asked",
}
SUPERVISED = {
    "module": "pipeline.supervise",
    "imports": "stop_on_signals",
    "start": "stop = stop_on_signals()",
    "event": "stop",
}


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGHUP"])
@pytest.mark.parametrize("program", [DRAIN, SUPERVISED], ids=["flow", "supervisor"])
def test_a_signal_while_the_lock_is_held_stops_the_program(program: dict[str, str], number: str) -> None:
    code = HELD.format(**program, number=number, patience_s=PATIENCE_S)
    subprocess.run([sys.executable, "-c", code], cwd=REPO, timeout=PATIENCE_S, check=True)


def test_what_is_ignored_when_the_program_starts_stays_ignored() -> None:
    code = """
import os, signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
from pipeline.supervise import stop_on_signals
stop = stop_on_signals()
os.kill(os.getpid(), signal.SIGHUP)
os.kill(os.getpid(), signal.SIGTERM)
assert stop.wait()
assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
"""
    subprocess.run([sys.executable, "-c", code], cwd=REPO, timeout=PATIENCE_S, check=True)


@pytest.fixture
def handlers() -> Iterator[None]:
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    yield
    for number, handler in zip(STOP_SIGNALS, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_signals_are_told_in_their_order_to_the_newest_listener() -> None:
    before: list[signal.Signals] = []
    told: list[signal.Signals] = []
    all_told = threading.Event()

    def act(number: signal.Signals) -> None:
        told.append(number)
        if len(told) == 3:
            all_told.set()

    on_stop_signals(before.append)
    on_stop_signals(act)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        os.kill(os.getpid(), number)
    assert all_told.wait(PATIENCE_S)
    assert (told, before) == ([signal.SIGTERM, signal.SIGINT, signal.SIGTERM], [])
    listening = [thread for thread in threading.enumerate() if thread.name == "stop-signals"]
    on_stop_signals(act)
    listening[-1].join(PATIENCE_S)
    assert not listening[-1].is_alive()
