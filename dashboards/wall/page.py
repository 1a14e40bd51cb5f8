"""The wall as HTML."""

from pathlib import Path
from typing import Literal

import jinja2
import msgspec

from dashboards.wall.model import Row, View
from dashboards.wall.options import Options, Page
from dashboards.wall.sizes import sizes
from dashboards.wall.words import age_text

Panel = Literal["services", "figures", "latest", "delivery", ""]
_ORDER: tuple[Panel, ...] = ("services", "figures", "latest", "delivery")
_TILES = 4
_LEAST_ABOVE = 3
"""With room for fewer rows above it there is no panel."""
_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Shown(msgspec.Struct, frozen=True):
    """Which page is shown, and which panel below its rows; an empty one: none."""

    page: Page
    panel: Panel


def shown_now(view: View, options: Options, now_us: int) -> Shown:
    """Return what is on now. Nothing changes place by itself while a P1 is open: then the first page stays."""
    turn = 0
    if options.rotate_s and not options.still and not view.counts[0]:
        turn = now_us // 1_000_000 // options.rotate_s
    page = options.pages[turn % len(options.pages)]
    if page != "now":
        return Shown(page, "")
    above = sizes(options.inches, options.metres).rows_above
    if view.state == "storm" or view.counts[0] > above or above < _LEAST_ABOVE:
        return Shown(page, "")  # what is on fire needs the room
    panels = [panel for panel in _ORDER if _has(view, panel)]
    return Shown(page, panels[turn // len(options.pages) % len(panels)])


def render(view: View, options: Options, shown: Shown, now_ms: int | None = None) -> str:
    """Return what changes on the page.

    Args:
        view: what is known.
        options: of the screen.
        shown: which part of it is on.
        now_ms: with it ages are written; without, the page's script writes them.
    """
    found = sizes(options.inches, options.metres)
    rows = fitting(view, found.rows_above if shown.panel else found.rows)
    left = list(view.counts)
    for row in rows:
        left[row.priority - 1] -= 1
    return _environment.get_template("now.html").render(
        view=view,
        shown=shown,
        rows=rows,
        left=[(f"P{number}", count) for number, count in enumerate(left, 1) if count],
        tiles=view.services[:_TILES],
        now_ms=now_ms,
        age=lambda at_ms: "" if now_ms is None else age_text((now_ms - at_ms) / 1000),
    )


def fitting(view: View, room: int) -> tuple[Row, ...]:
    """Return the rows that there is room for, beside the line that says what is left out, and that of a storm."""
    room -= view.state == "storm"
    everything = sum(view.counts) <= room
    return view.rows[: room if everything else max(1, room - 1)]


def page(fragment: str, **words: object) -> str:
    """Return the whole page around what changes."""
    return _environment.get_template("wall.html").render(fragment=fragment, **words)


def _has(view: View, panel: Panel) -> bool:
    return {"services": bool(view.services), "latest": bool(view.latest)}.get(panel, True)
