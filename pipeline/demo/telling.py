"""Prints the demo's story: when, on both clocks, what kind of thing, and what; long lines hang in their column."""

from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from config.durations import US_PER_SECOND

_STYLES = {
    "company": "dim",
    "feeds": "dim",
    "live": "bold",
    "incident": "bold magenta",
    "people": "cyan",
    "alert": "bold yellow",
    "failed": "red",
    "pager": "dim",
    "delivered": "bold green",
    "stopping": "dim",
    "done": "bold green",
}
_PLAIN_WIDTH = 100
"""Width where no terminal sets one."""
WIDEST = 120
"""Wider lines are hard to follow with the eye."""


def console_for_people() -> Console:
    """Return a console on stdout that is neither wider than people read nor, in a pipe, as narrow as 80 columns."""
    out = Console(highlight=False)
    out.width = min(out.width, WIDEST) if out.is_terminal else _PLAIN_WIDTH
    return out


class Teller:
    """Says lines of a story.

    Args:
        out: where to print.
        seconds: how long the demo has been running.
        company_us: the company's time, microseconds UTC; None while it has none.
    """

    def __init__(self, out: Console, seconds: Callable[[], float], company_us: Callable[[], int | None]) -> None:
        self._out = out
        self._seconds = seconds
        self._company_us = company_us

    def say(self, kind: str, text: str) -> None:
        """Print one line of the story."""
        company_us = self._company_us()
        clock = "" if company_us is None else f"{datetime.fromtimestamp(company_us // US_PER_SECOND, UTC):%a %H:%M}"
        style = _STYLES[kind]
        line = Table.grid(padding=(0, 2))
        line.add_column(width=6, justify="right", style="dim")
        line.add_column(width=9, style="dim")
        line.add_column(width=9, style=style)
        line.add_column(style=style, overflow="fold")
        # Text, not markup: what customers write may stand in a summary, and it may hold brackets.
        line.add_row(f"{self._seconds():.1f} s", clock, kind, Text(text))
        self._out.print(line)

    def plain(self, text: str = "", style: str = "") -> None:
        """Print a line beside the story, whole, so that a command in it can be copied."""
        self._out.print(Text(text, style), soft_wrap=True)
