"""Scripts of several threads in one round trip: whoever comes first carries what the others have brought meanwhile."""

import threading
from typing import Any

from alerts.connection import Scripts


class _Call:
    """One script that a thread waits for."""

    __slots__ = ("answer", "args", "error", "name", "over")

    def __init__(self, name: str, args: tuple[str | int, ...]) -> None:
        self.name = name
        self.args = args
        self.answer: Any = None
        self.error: Exception | None = None
        self.over = False


class Together:
    """Runs scripts for several threads, as many as there are at once, in one round trip.

    Redis writes its file once for all that came together, and we pay for one exchange: with eight threads at work that
    is most of the cost. Who is alone waits for nobody.

    Args:
        scripts: that are run.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._waiting: list[_Call] = []
        self._busy = False
        self._changed = threading.Condition()

    def run(self, name: str, *args: str | int) -> Any:
        """Run ``<name>.lua`` with ``args`` as its ``ARGV``; return its answer.

        Raises:
            StoreUnavailableError, StoreError: it may have been carried out all the same.
        """
        mine = _Call(name, args)
        with self._changed:
            self._waiting.append(mine)
            while self._busy and not mine.over:
                self._changed.wait()
            if mine.over:
                return _answer(mine)
            self._busy = True
            calls, self._waiting = self._waiting, []
        try:
            self._carry(calls)
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
        return _answer(mine)

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


def _answer(call: _Call) -> Any:
    if call.error is not None:
        raise call.error
    return call.answer
