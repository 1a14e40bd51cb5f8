"""How far reading a recording is: shown on a terminal, or said in lines for programs."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pipeline.tallies import Tallies

Watch = Callable[["Tallies"], None]
_LOOK_EVERY_S = 0.2
_SAY_EVERY_S = 0.5


@contextmanager
def progress(doing: str = "") -> Iterator[Watch | None]:
    """Show on a terminal how far reading a recording is; ``doing`` stands before the figures."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:

        def show(tallies: "Tallies") -> None:
            read = tallies.read
            share = "" if read is None else f"{read:.0%}: "
            status.update(f"{doing}{share}{tallies.events:,} events, {tallies.dead_letter_count:,} dead letters")

        with _looking(show, _LOOK_EVERY_S) as watch:
            yield watch


def progress_lines(steps: int) -> Callable[[str], AbstractContextManager[Watch | None]]:
    """Return what says on stderr how far reading is, a JSON object a line, twice a second.

    ``share`` is of everything, 0 to 1; ``read`` is how much of the recording was read in the step that ``doing`` names.

    Args:
        steps: how often the recording is read.
    """
    done = 0

    @contextmanager
    def saying(doing: str = "") -> Iterator[Watch | None]:
        nonlocal done

        def say(tallies: "Tallies") -> None:
            read = tallies.read or 0.0
            told = {
                "share": round((done + read) / steps, 4),
                "doing": doing.rstrip(": "),
                "read": round(read, 4),
                "events": tallies.events,
                "dead_letters": tallies.dead_letter_count,
            }
            sys.stderr.write(msgspec.json.encode(told).decode() + "\n")
            sys.stderr.flush()

        with _looking(say, _SAY_EVERY_S) as watch:
            yield watch
        done += 1

    return saying


@contextmanager
def _looking(look: Callable[["Tallies"], None], every_s: float) -> Iterator[Watch]:
    """Have a thread look at the counts now and then, from when they are given until the end."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def watch(tallies: "Tallies") -> None:
        def go_on() -> None:
            while not stop.wait(every_s):
                look(tallies)

        threads.append(threading.Thread(target=go_on, daemon=True))
        threads[-1].start()

    try:
        yield watch
    finally:
        stop.set()
        for thread in threads:
            thread.join()
