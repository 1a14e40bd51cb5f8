"""How large letters must be to be read from where people stand, as shares of the screen's width.

Capitals of 16 minutes of arc can just be read, of 20 easily (NUREG-0700, ISO 9241-3). A 16:9 screen is 22.14 mm wide
for each inch of its diagonal; capitals are 0.72 of the size of a font. So sizes in ``vw`` are the same on 1920 and on
3840 pixels.
"""

import math

import msgspec

_LEAST_ARCMIN, _BODY_ARCMIN = 16.0, 20.0
_CAPITAL = 0.72
_WIDTH_MM = 22.14
_BODY_VW = (1.1, 4.2)
"""Smaller makes no sense; of larger nothing would fit."""
_LARGE_VW = 3.5
"""With larger letters there is no room for everything on top."""
_HEAD = 3.13
"""The numbers on top, in sizes of the body."""
_HEAD_MOST_VW = 10.4
_HEIGHT_VW = 56.25
_ROW = 1.34
_MOST_ROWS = 9


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes of fonts in percent of the screen's width, and how many rows fit.

    Attributes:
        least_vw: nothing is smaller. body_vw: of rows. head_vw: of the numbers on top.
        rows: that fit on the whole page. rows_above: that fit above the panel at the bottom.
    """

    least_vw: float
    body_vw: float
    head_vw: float
    rows: int
    rows_above: int


def font_vw(arcmin: float, inches: float, metres: float) -> float:
    """Return the size of a font whose capitals are seen under an angle.

    Args:
        arcmin: the angle, in minutes of arc.
        inches: diagonal of a 16:9 screen.
        metres: from how far.

    >>> round(font_vw(16, 55, 5), 2), round(font_vw(20, 55, 5), 2)
    (2.65, 3.32)
    """
    return 100.0 * metres * 1000.0 * math.tan(math.radians(arcmin / 60.0)) / (_CAPITAL * _WIDTH_MM * inches)


def sizes(inches: float, metres: float) -> Sizes:
    """Return the sizes for a screen and a distance.

    >>> sizes(55, 5).rows, sizes(55, 5).rows_above
    (8, 5)
    """
    asked = font_vw(_BODY_ARCMIN, inches, metres)
    body = min(max(asked, _BODY_VW[0]), _BODY_VW[1])
    least = body * _LEAST_ARCMIN / _BODY_ARCMIN
    head = min(_HEAD * body, _HEAD_MOST_VW)
    # Edges and gaps, the numbers, and the line at the foot; what is left is for rows.
    room = _HEIGHT_VW - 3.2 - 1.08 * head - 1.7 * least
    panel = 3.45 * body + 1.5
    return Sizes(
        least_vw=round(least, 3),
        body_vw=round(body, 3),
        head_vw=round(head, 3),
        rows=min(_MOST_ROWS, max(2, int(room / (_ROW * body)))),
        rows_above=min(_MOST_ROWS, max(1, int((room - panel) / (_ROW * body)))),
    )


def stylesheet(inches: float, metres: float) -> str:
    """Return the style that says the sizes: pages carry none of their own."""
    found = sizes(inches, metres)
    style = f":root{{--least-n:{found.least_vw};--body-n:{found.body_vw};--head-n:{found.head_vw}}}\n"
    if found.body_vw > _LARGE_VW:  # what is late is named beside its age anyway
        style += ".hops{display:none}\n.number .d2{font-size:.68em;line-height:1.6}\n"
    return style
