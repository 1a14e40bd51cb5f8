"""Draws ``docs/images/detectors/*.svg``: detectors at work on cases of the tests.

Run from the root of the repository: ``python -m docs.images.make_detectors``. The drawings are text that depends on the
cases alone; a test compares them with what is committed.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from alerts.model import rfc3339
from detectors.contract import AlertChange
from detectors.events import Event
from pipeline.cases.expand import arrivals
from pipeline.cases.model import CaseFile, when_us
from pipeline.cases.run import case_file_model, run_file
from pipeline.events import to_us

REPO = Path(__file__).resolve().parents[2]
FOLDER = REPO / "docs" / "images" / "detectors"
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
WIDTH, LEFT, RIGHT, TOP, LANE = 880, 170, 34, 46, 34
COLOURS = {"critical": "#c62828", "warning": "#ef6c00", "info": "#1565c0"}
INK, FAINT, PAPER = "#263238", "#cfd8dc", "#ffffff"
STYLE = "font-family:DejaVu Sans,Verdana,sans-serif;font-size:11px"


class Mark(NamedTuple):
    """Something that happened: a dot on its lane, with a word beside it."""

    at_us: int
    lane: str
    word: str


class Bar(NamedTuple):
    """One episode of an alert, with the times of its updates. ``to_us`` is None while it fires."""

    from_us: int
    to_us: int | None
    name: str
    severity: str
    updates: tuple[int, ...]
    retracted: bool


def bars_of(changes: Sequence[AlertChange]) -> list[Bar]:
    """Return the episodes among changes, by their beginning."""
    found: dict[tuple[str, int], Bar] = {}
    for change in changes:
        key = (change.fingerprint, change.starts_at_us)
        labels = change.labels
        bar = found.get(key) or Bar(change.starts_at_us, None, labels["alertname"], labels["severity"], (), False)
        if change.status == "resolved":
            bar = bar._replace(to_us=change.ends_at_us, retracted=change.step.startswith("retracted"))
        elif change.step.startswith("updated"):
            bar = bar._replace(updates=(*bar.updates, change.at_us))
        found[key] = bar
    return sorted(found.values(), key=lambda bar: (bar.from_us, bar.name, bar.severity))


def word_of(event: Event) -> str:
    """Return what is worth saying about an event besides its type."""
    data = event.data
    parts = []
    if getattr(data, "score", None) is not None:
        parts.append(f"{data.score:g} on {data.scale}")  # type: ignore[union-attr]
    elif data.sentiment is not None and data.sentiment < 0:
        parts.append(f"sentiment {data.sentiment:+.1f}")
    if getattr(data, "case_id", None):
        parts.append(str(data.case_id))  # type: ignore[union-attr]
    if data.labels.get("recovery"):
        parts.append(data.labels["recovery"].replace("_", " "))
    if data.deadline is not None:
        parts.append(f"promises {data.deadline:%a %H:%M}")
    return ", ".join(parts)


def draw_case(detector: str, name: str) -> str:
    """Return the drawing of a case of ``tests/cases/<detector>.yaml``."""
    path = REPO / "tests" / "cases" / f"{detector}.yaml"
    file = load_cases(path)
    case = next(case for case in file.cases if case.name == name)
    result = next(found for found in run_file(path).results if found.name == name)
    marks = [
        Mark(
            arrival.event.time_us,
            arrival.event.type.removeprefix("crm.case.").replace("_", " "),
            word_of(arrival.event),
        )
        for arrival in arrivals(case, file)
    ]
    last_us = max(mark.at_us for mark in marks)
    until_us = last_us if case.until is None else when_us(case.until, to_us(file.start))
    closed = []
    hours = [(calendar, settings) for calendar, settings in sorted(file.calendars.items()) if not settings.always_open]
    if hours:
        closed = closed_hours(*hours[0], min(mark.at_us for mark in marks), until_us)
    return draw(f"{detector}: {name}", marks, bars_of(result.changes), until_us, closed)


def closed_hours(name: str, settings: object, from_us: int, to_us_: int) -> list[tuple[int, int]]:
    """Return the stretches in which a calendar is closed."""
    from detectors.promises.openhours import OpenHours  # noqa: PLC0415

    hours = OpenHours(name, settings)  # type: ignore[arg-type]
    edges = [from_us]
    for opens_us, closes_us in hours.open_between(from_us, to_us_):
        edges += [opens_us, closes_us]
    edges.append(to_us_)
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if end > start]


def load_cases(path: Path) -> CaseFile:
    """Return a file of cases."""
    from config.loader import load  # noqa: PLC0415

    return load(path, case_file_model()).settings


def draw(
    title: str, marks: Sequence[Mark], bars: Sequence[Bar], until_us: int, closed: Sequence[tuple[int, int]] = ()
) -> str:
    """Return a drawing: a lane for each type of event, and one for each episode below."""
    lanes = list(dict.fromkeys(mark.lane for mark in sorted(marks)))
    first_us = min(mark.at_us for mark in marks)
    span_us = max(until_us - first_us, HOUR_US)
    inner = WIDTH - LEFT - RIGHT

    def x(at_us: int) -> float:
        return round(LEFT + inner * (at_us - first_us) / span_us, 1)

    height = TOP + LANE * (len(lanes) + len(bars)) + 34
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" style="{STYLE}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
        f'<text x="12" y="20" fill="{INK}" style="font-size:13px;font-weight:bold">{escape(title)}</text>',
    ]
    bottom = height - 28
    out += [
        f'<rect x="{x(start)}" y="{TOP - 10}" width="{round(x(end) - x(start), 1)}" height="{bottom - TOP + 10}" '
        'fill="#eceff1"/>'
        for start, end in closed
    ]
    step_us = tick_of(span_us)
    tick_us = -(-first_us // step_us) * step_us
    while tick_us <= until_us:
        text = rfc3339(tick_us)
        label = text[5:10] if step_us >= DAY_US else f"{text[8:10]}. {text[11:16]}"
        out.append(f'<line x1="{x(tick_us)}" x2="{x(tick_us)}" y1="{TOP - 10}" y2="{bottom}" stroke="{FAINT}"/>')
        out.append(f'<text x="{x(tick_us)}" y="{bottom + 14}" fill="{INK}" text-anchor="middle">{label}</text>')
        tick_us += step_us
    for number, lane in enumerate(lanes):
        out += lane_of(lane, [mark for mark in sorted(marks) if mark.lane == lane], TOP + LANE * number + 12, x)
    for number, bar in enumerate(bars):
        out += bar_of(bar, TOP + LANE * (len(lanes) + number) + 12, x, x(until_us))
    return "\n".join([*out, "</svg>", ""])


def lane_of(name: str, marks: Sequence[Mark], y: int, x: Callable[[int], float]) -> list[str]:
    """Return a lane of events. A word stands where the one before leaves room, else a line lower."""
    out = [
        f'<text x="{LEFT - 12}" y="{y + 4}" fill="{INK}" text-anchor="end">{escape(name)}</text>',
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="{FAINT}"/>',
    ]
    free = [0.0, 0.0]
    for mark in marks:
        at = x(mark.at_us)
        out.append(f'<circle cx="{at}" cy="{y}" r="4" fill="{INK}"/>')
        if not mark.word:
            continue
        wide = 6.4 * len(mark.word)
        start = min(at + 7, WIDTH - 4 - wide)
        line = 0 if start >= free[0] else 1
        if start >= free[line]:
            free[line] = start + wide
            at_y = y - 5 if line == 0 else y + 14
            out.append(f'<text x="{round(start, 1)}" y="{at_y}" fill="{INK}">{escape(mark.word)}</text>')
    return out


def bar_of(bar: Bar, y: int, x: Callable[[int], float], end: float) -> list[str]:
    """Return a lane with one episode of an alert."""
    colour = COLOURS[bar.severity]
    left, right = x(bar.from_us), end if bar.to_us is None else x(bar.to_us)
    note = bar.severity + (", retracted" if bar.retracted else "" if bar.to_us is not None else ", firing")
    name = "".join(f" {char}" if char.isupper() and number else char for number, char in enumerate(bar.name))
    inside = right - left > 6.4 * len(note) + 10
    start = left + 6 if inside else min(right + 6, WIDTH - 4 - 6.4 * len(note))
    out = [
        f'<text x="{LEFT - 12}" y="{y + 4}" fill="{colour}" text-anchor="end">{escape(shorter(name))}</text>',
        f'<rect x="{left}" y="{y - 9}" width="{round(max(right - left, 3), 1)}" height="18" rx="3" fill="{colour}" '
        f'fill-opacity="{0.45 if bar.retracted else 0.85}"/>',
        f'<text x="{round(start, 1)}" y="{y + 4}" fill="{PAPER if inside else colour}">{note}</text>',
    ]
    out += [f'<line x1="{x(at)}" x2="{x(at)}" y1="{y - 9}" y2="{y + 9}" stroke="{PAPER}"/>' for at in bar.updates]
    return out


def shorter(name: str) -> str:
    """Return a name that fits beside the lanes."""
    return name if len(name) <= 26 else name[:25] + "…"


def tick_of(span_us: int) -> int:
    """Return the distance of ticks: about eight of them."""
    for hours in (1, 2, 3, 6, 12, 24, 48, 96, 168, 336):
        if span_us <= 9 * hours * HOUR_US:
            return hours * HOUR_US
    return 720 * HOUR_US


DRAWINGS: Mapping[str, Callable[[], str]] = {
    "repeat_contact.svg": partial(
        draw_case, "repeat_contact", "each contact is compared with the latest one before it, and the third is critical"
    ),
    "negative_survey.svg": partial(
        draw_case, "negative_survey", "a second bad answer of a customer says that it is the second"
    ),
    "stalled_recovery.svg": partial(
        draw_case, "stalled_recovery", "what was promised and is overdue, and then idle too"
    ),
    "residual_dissatisfaction.svg": partial(
        draw_case, "residual_dissatisfaction", "an angry message, then a reopening; resolved again ends it"
    ),
}
"""By the name of the file: what it must hold."""


def main() -> None:
    """Write every drawing that is not as it should be, and name it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in DRAWINGS.items():
        text = make()
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.relative_to(REPO)}\n")


if __name__ == "__main__":
    main()
