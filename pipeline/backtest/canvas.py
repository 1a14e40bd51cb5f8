"""What plots are drawn on, for light and dark backgrounds. Colours are those of Okabe and Ito."""

import io
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_DPI = 144


class Theme(NamedTuple):
    """Colours of one background. ``lines``: of confirmations, in order."""

    name: str
    background: str
    ink: str
    faint: str
    lines: tuple[str, ...]
    true: str
    false: str
    unjudged: str
    incident: str
    now: str
    chosen: str


LIGHT = Theme(
    "light", "#ffffff", "#1b1f24", "#c9ced6", ("#0072b2", "#d55e00", "#009e73", "#cc79a7"),
    "#009e73", "#d55e00", "#7a7f87", "#e69f00", "#1b1f24", "#cc3d7a",
)  # fmt: skip
DARK = Theme(
    "dark", "#14181d", "#e6e9ee", "#3c444e", ("#56b4e9", "#e69f00", "#2fc49a", "#e29ac1"),
    "#2fc49a", "#ff8a4c", "#98a0aa", "#f0e442", "#ffffff", "#ff7eb6",
)  # fmt: skip
THEMES = (LIGHT, DARK)


def png(figure: Figure) -> bytes:
    """Return the figure as PNG; the same figure gives the same bytes."""
    FigureCanvasAgg(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=_DPI, metadata={"Software": None})
    return out.getvalue()


def figure_of(
    theme: Theme, width: float, height: float, parts: int, *, below: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure and its parts, beside or below each other; sizes in inches."""
    figure = Figure(figsize=(width, height), facecolor=theme.background, layout="constrained")
    shape = (max(1, parts), 1) if below else (1, max(1, parts))
    grid = figure.subplots(*shape, squeeze=False, sharex=below)
    axes: list[Axes] = [one for line in grid for one in line]
    for one in axes:
        one.set_facecolor(theme.background)
        one.tick_params(colors=theme.ink, labelsize=8)
        one.grid(visible=True, color=theme.faint, linewidth=0.5)
        one.set_axisbelow(True)
        for spine in one.spines.values():
            spine.set_color(theme.faint)
        for label in (one.xaxis.label, one.yaxis.label):
            label.set_color(theme.ink)
            label.set_fontsize(9)
    return figure, axes[:parts]


def legend(figure: Figure, axes: Sequence[Axes], theme: Theme, columns: int) -> None:
    """Put one legend for all parts below them, where it hides nothing."""
    known: dict[str, Artist] = {}
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            known.setdefault(str(label), handle)
    if known:
        figure.legend(
            list(known.values()), list(known), loc="outside lower center", fontsize=8, ncols=columns,
            facecolor=theme.background, edgecolor=theme.faint, labelcolor=theme.ink,
        )  # fmt: skip
