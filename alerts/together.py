"""Scripts of several threads in one round trip: whoever comes first carries what the others have brought meanwhile."""

import threading
from typing import Any

from alerts.connection import Scripts, StoreUnavailableError


class _Call:
    """One script that a thread waits for."""

    __slots__ = ("answer", "args", "error", "name", "over", "waits")

    def __init__(self, name: str, args: tuple[str | int, ...]) -> None:
        self.name = name
        self.args = args
        self.answer: Any = None
        self.error: Exception | None = None
        self.over = False
        self.waits = threading.Lock()


class Together:
    """Runs scripts for several threads, as many as there are at once, in one round trip.

    Redis writes its file once for all that came together, and we pay for one exchange: with eight threads at work that
    is most of the cost. Who is alone waits for nobody. Each thread is woken once: when its answer is there, or
    when it is its turn to carry.

    Args:
        scripts: that are run.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._waiting: list[_Call] = []
        self._busy = False
        self._lock = threading.Lock()

    def run(self, name: str, *args: str | int) -> Any:
        """Run ``<name>.lua`` with ``args`` as its ``ARGV``; return its answer.

        Raises:
            StoreUnavailableError, StoreError: it may have been carried out all the same.
        """
        mine = _Call(name, args)
        with self._lock:
            self._waiting.append(mine)
            first, self._busy = not self._busy, True
            if not first:
                mine.waits.acquire()
        if not first:
            mine.waits.acquire()  # until whoever carries lets go of it
        if not mine.over:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error
        return mine.answer

    def _lead(self, mine: _Call) -> None:
        """Carry all that wait, then hand over to the first of those that came meanwhile."""
        with self._lock:
            calls, self._waiting = self._waiting, []
        try:
            self._carry(calls)
        finally:
            with self._lock:
                heir = self._waiting[0] if self._waiting else None
                self._busy = heir is not None
            for call in calls:
                if not call.over:  # the program is being interrupted
                    call.error, call.over = StoreUnavailableError("the write was interrupted"), True
                if call is not mine:
                    call.waits.release()
            if heir is not None:
                heir.waits.release()

    def _carry(self, calls: list[_Call]) -> None:
        try:
            answers = self._scripts.run_each([(call.name, call.args) for call in calls])
        except Exception as error:  # every thread hears of it, as if it had asked by itself
            answers = [error] * len(calls)
        for call, answer in zip(calls, answers, strict=True):
            if isinstance(answer, Exception):
                call.error = answer
            else:
                call.answer = answer
            call.over = True
