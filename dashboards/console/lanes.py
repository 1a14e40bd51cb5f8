"""Lanes of a timeline as SVG has them: bars, marks and counts over one axis of time. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from config.durations import US_PER_SECOND
from dashboards.console.moments import Instant, Span
from dashboards.priority import Priority

WIDTH, LEFT = 1200.0, 150.0
MOST_MARKS, BINS = 400, 90
_ROW, _BAR, _PAD = 14.0, 10.0, 8.0
_MOST_ROWS = 8
_APART_US = 3_600 * US_PER_SECOND
_STEPS_S = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800, 2_592_000)
_TICKS = 8


Place = Callable[[int], float]


class Bar(NamedTuple):
    """Something that lasts; ``open``: up to the last time that anything is known."""

    x: float
    y: float
    width: float
    open: bool
    priority: Priority | None
    words: str
    fingerprint: str


class Mark(NamedTuple):
    """Something that happened at once."""

    x: float
    y: float
    kind: str
    words: str


class Bin(NamedTuple):
    """How many were open within a part of the axis."""

    x: float
    y: float
    width: float
    height: float
    alerts: int


class Lane(NamedTuple):
    """One line of the timeline."""

    name: str
    y: float
    height: float
    bars: tuple[Bar, ...] = ()
    marks: tuple[Mark, ...] = ()
    bins: tuple[Bin, ...] = ()


class Panel(NamedTuple):
    """Lanes with one axis.

    Attributes:
        clock: what the axis is of, in words. ticks: place and time of each.
        now_x: where the newest is that is known; None: outside.
    """

    clock: str
    from_us: int
    to_us: int
    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[float, int], ...]
    height: float
    now_x: float | None


def panels(
    spans: Sequence[Span], instants: Sequence[Instant], known_us: int, now_us: int, window: tuple[int, int] | None
) -> list[Panel]:
    """Return the panels of a timeline: one, or two where event time and the clock are far apart.

    Args:
        spans: by event time.
        instants: those by the clock are drawn; alerts are drawn as spans.
        known_us: event time up to which anything is known.
        now_us: by the clock.
        window: from and to, of what is looked at; None: all of it.
    """
    did = [one for one in instants if one.clock == "clock"]
    times = [one.from_us for one in spans] + [one.to_us for one in spans if one.to_us is not None]
    seen = (min(times), max([*times, known_us])) if times else None
    acted = (min(one.at_us for one in did), max(one.at_us for one in did)) if did else None
    if seen is not None and acted is not None and acted[0] - seen[1] > _APART_US:
        first = _panel("event time", spans, [], _padded(seen, window, known_us), known_us)
        second = _panel("by the clock", [], did, _padded(acted, None, now_us), now_us)
        return [first, second]
    both = [one for one in (seen, acted) if one is not None]
    if not both:
        return []
    around = (min(one[0] for one in both), max(one[1] for one in both))
    return [_panel("event time and clock", spans, did, _padded(around, window, now_us), max(known_us, around[1]))]


def _padded(around: tuple[int, int], window: tuple[int, int] | None, most_us: int) -> tuple[int, int]:
    if window is not None and window[1] > window[0]:
        return window
    room = max((around[1] - around[0]) // 20, 60 * US_PER_SECOND)
    return around[0] - room, max(min(around[1] + room, max(most_us, around[1])), around[1] + room // 4)


def _panel(clock: str, spans: Sequence[Span], did: Sequence[Instant], around: tuple[int, int], known_us: int) -> Panel:
    from_us, to_us = around

    def x(at_us: int) -> float:
        place = (min(max(at_us, from_us), to_us) - from_us) / (to_us - from_us)
        return round(LEFT + place * (WIDTH - LEFT), 1)

    lanes: list[Lane] = []
    y = _PAD
    for name in dict.fromkeys(one.lane for one in spans):
        inside = [
            one for one in spans if one.lane == name and one.from_us <= to_us and (one.to_us or known_us) >= from_us
        ]
        lane = _spans(name, inside, y, x, known_us, from_us, to_us)
        lanes.append(lane)
        y += lane.height + _PAD
    for name in dict.fromkeys(one.lane for one in did):
        marks = tuple(
            Mark(x(one.at_us), y + _ROW / 2, one.kind, f"{one.who} {one.words}".strip())
            for one in did
            if one.lane == name and from_us <= one.at_us <= to_us
        )
        lanes.append(Lane(name, y, _ROW, marks=marks[:MOST_MARKS]))
        y += _ROW + _PAD
    ticks = tuple((x(at_us), at_us) for at_us in _ticks(from_us, to_us))
    known = x(known_us) if from_us <= known_us <= to_us else None
    return Panel(clock, from_us, to_us, tuple(lanes), ticks, y + 22, known)


def _spans(name: str, spans: Sequence[Span], y: float, x: Place, known_us: int, from_us: int, to_us: int) -> Lane:
    ends: list[float] = []
    bars: list[Bar] = []
    for one in sorted(spans, key=lambda one: (one.from_us, one.fingerprint)):
        left = x(one.from_us)
        right = max(x(known_us if one.to_us is None else one.to_us), left + 3)
        row = next((place for place, end in enumerate(ends) if end < left), len(ends))
        ends[row:] = [right + 2] if row == len(ends) else [right + 2, *ends[row + 1 :]]
        bars.append(
            Bar(
                left,
                y + row * _ROW,
                round(right - left, 1),
                one.to_us is None,
                one.priority,
                one.words,
                one.fingerprint,
            )
        )
    if len(ends) <= _MOST_ROWS:
        return Lane(name, y, max(len(ends), 1) * _ROW, bars=tuple(bars))
    height = _MOST_ROWS * _ROW / 2
    return Lane(name, y, height, bins=tuple(_bins(spans, y, height, x, known_us, from_us, to_us)))


def _bins(
    spans: Iterable[Span], y: float, height: float, x: Place, known_us: int, from_us: int, to_us: int
) -> list[Bin]:
    """Return how many are open in each part of the axis: many bars would be one block."""
    step = (to_us - from_us) / BINS
    counts = [0] * BINS
    for one in spans:
        first = max(0, int((one.from_us - from_us) / step))
        last = min(BINS - 1, int(((known_us if one.to_us is None else one.to_us) - from_us) / step))
        for place in range(first, last + 1):
            counts[place] += 1
    most = max(counts, default=0) or 1
    found = []
    for place, number in enumerate(counts):
        if number:
            left = x(int(from_us + place * step))
            tall = round(max(2.0, number / most * height), 1)
            width = round((WIDTH - LEFT) / BINS - 1, 1)
            found.append(Bin(left, round(y + height - tall, 1), width, tall, number))
    return found


def _ticks(from_us: int, to_us: int) -> list[int]:
    wanted = (to_us - from_us) / US_PER_SECOND / _TICKS
    step_us = next((step for step in _STEPS_S if step >= wanted), _STEPS_S[-1]) * US_PER_SECOND
    first = -(-from_us // step_us) * step_us
    return list(range(first, to_us + 1, step_us))[: 3 * _TICKS]
