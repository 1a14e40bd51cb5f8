"""The threads that deliver: so many at work, and as many notifications leased beyond them, ready to go on with."""

import queue
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from sinks.claims import Claim


class Crew:
    """Works on notifications, each in a thread of a bounded pool, in the order in which they are given.

    Args:
        workers: threads.
        work: what is done with a notification; it raises nothing.
    """

    def __init__(self, workers: int, work: Callable[[Claim], None]) -> None:
        self._workers = workers
        self._work = work
        self._todo: queue.SimpleQueue[Claim | None] = queue.SimpleQueue()
        self._held = 0
        self._room = threading.Condition()
        self._threads = [
            threading.Thread(target=self._run, name=f"notifier_{number}", daemon=True) for number in range(workers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def room(self, wait_s: float) -> int:
        """Return how many can be given now: at least as many as there are threads, or none after ``wait_s``."""
        with self._room:
            self._room.wait_for(lambda: self._held <= self._workers, wait_s)
            return 2 * self._workers - self._held if self._held <= self._workers else 0

    def give(self, claims: Sequence[Claim]) -> None:
        """Have these worked on."""
        with self._room:
            self._held += len(claims)
        for claim in claims:
            self._todo.put(claim)

    def _run(self) -> None:
        while (claim := self._todo.get()) is not None:
            try:
                self._work(claim)
            finally:
                with self._room:
                    self._held -= 1
                    if self._held == self._workers:
                        self._room.notify()
