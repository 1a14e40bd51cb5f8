"""Hears SIGTERM, SIGINT and SIGHUP, whatever the program is doing when they come.

Python runs a signal's handler between any two steps of the main thread, also within those that take or hold a lock:
that of an event that is being waited for, that of the log. A handler that takes the same lock waits for itself, and
the program hangs where it was to stop. So the handler only puts the signal into a queue that is made for this
(:meth:`queue.SimpleQueue.put` may interrupt itself), and a thread does what is to be done.
"""

import signal
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The last one comes when the terminal is closed; under ``nohup`` it is ignored, and stays so."""
_Heard = SimpleQueue[signal.Signals | None]
_heard: list[_Heard] = []
"""Of those who listen now: one at most."""


def on_stop_signals(act: Callable[[signal.Signals], None]) -> None:
    """Call ``act`` with each of :data:`STOP_SIGNALS` from now on, one after another, in a thread of its own.

    Call it in the main thread. Who was told before is not told any more.

    Args:
        act: may take locks, and log; a signal that comes meanwhile waits.
    """
    heard: _Heard = SimpleQueue()

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        heard.put(signal.Signals(number))

    def listen() -> None:
        while (number := heard.get()) is not None:
            act(number)

    threading.Thread(target=listen, name="stop-signals", daemon=True).start()
    for number in STOP_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)
    for before in _heard:
        before.put(None)
    _heard[:] = [heard]
