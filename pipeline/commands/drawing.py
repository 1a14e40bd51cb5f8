"""What commands draw: tables and trees, with colours on a terminal. What others wrote is text there, no more."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from config.tidying import tidy


class Terminal(Console):
    """Prints no control characters but its own, and takes no text for markup.

    Args:
        options: of :class:`rich.console.Console`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, and tidy the texts."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=tidy(segment.text))


def draw(*parts: RenderableType, wide: int = 250) -> None:
    """Write to stdout.

    Args:
        parts: what is drawn.
        wide: so many cells a line has where no terminal sets the width: what is a line should stay one, for grep.
    """
    terminal = Terminal(width=None if sys.stdout.isatty() else wide)
    with terminal.capture() as capture:
        for part in parts:
            terminal.print(part)
    for line in capture.get().splitlines():
        sys.stdout.write(line.rstrip() + "\n")
