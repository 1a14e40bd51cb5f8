"""Bytewax: one item an event, ``key_on``, ``fold_window`` over an ``EventClock``; tuned, or plain.

Plain is as its guide has it: ``json.loads``, windows in order, a clock that the wall clock wakes. Tuned is with what
we learnt from building Makegood: msgspec into a struct of four fields, no order, no wake-ups.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
import msgspec
from bytewax.connectors.files import FileSink, FileSource
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower
from bytewax.run import cli_main

from benchmarks.peers.jobs.arguments import arguments, run_each

LATENESS = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)
ALIGN_TO = datetime(2026, 1, 1, tzinfo=UTC)


class Data(msgspec.Struct, gc=False):
    """What the job needs of an event's data; msgspec skips the other fields."""

    status: str
    service: str
    region: str
    sentiment: float


class Event(msgspec.Struct, gc=False):
    """What the job needs of an event."""

    time: datetime
    data: Data


_decode = msgspec.json.Decoder(Event).decode


def parse(line: str) -> Event | None:
    """Return the event, or nothing for a broken line."""
    try:
        return _decode(line)
    except msgspec.MsgspecError:
        return None


def parse_plain(line: str) -> Event | None:
    """Return the event as most would read it, or nothing for a broken line."""
    try:
        fields = json.loads(line)
        data = fields["data"]
        return Event(
            datetime.fromisoformat(fields["time"]),
            Data(data["status"], data["service"], data["region"], data["sentiment"]),
        )
    except (ValueError, KeyError):
        return None


def is_plain() -> bool:
    """Return whether this is the job as Bytewax' guide has it."""
    return os.environ.get("PEERS_BYTEWAX") == "plain"


def add(window: list[Any], event: Event) -> list[Any]:
    """Add an event to count, breaches, sum of sentiment."""
    window[0] += 1
    window[1] += event.data.status == "breached"
    window[2] += event.data.sentiment
    return window


def merge(one: list[Any], other: list[Any]) -> list[Any]:
    """Add two windows up (only sessions need it)."""
    return [a + b for a, b in zip(one, other, strict=True)]


def windows(keyed: Any) -> Any:
    """Return the windows as lines of CSV, under their keys."""
    tuned = not is_plain()
    clock: EventClock[Event] = EventClock(ts_getter=lambda event: event.time, wait_for_system_duration=LATENESS)
    if tuned:
        # The recording's times say nothing of the wall clock: no wake-ups by it, which cost something.
        clock = replace(clock, to_system_utc=lambda _: None)
    windowed = win.fold_window(
        "minutes",
        keyed,
        clock,
        TumblingWindower(length=MINUTE, align_to=ALIGN_TO),
        builder=lambda: [0, 0, 0.0],
        folder=add,
        merger=merge,
        ordered=not tuned,
    )
    return op.map("row", windowed.down, _row)


def _row(item: tuple[str, tuple[int, list[Any]]]) -> tuple[str, str]:
    key, (number, sums) = item
    return key, row_text(key, int((ALIGN_TO + number * MINUTE).timestamp()), sums)


def row_text(key: str, start_s: int, sums: list[Any]) -> str:
    """Return a window as a line of CSV."""
    service, region = key.split("|")
    count, breached, total = sums
    return f"{start_s},{service},{region},{count},{breached / count!r},{total / count!r}"


def flow(path: Path, output: Path, windows: Callable[[Any], Any]) -> Dataflow:
    """Return the dataflow: lines of a file, parsed, keyed, windowed, written."""
    flow = Dataflow("minutes")
    lines = op.input("lines", flow, FileSource(path, batch_size=1000))
    events = op.filter_map("parse", lines, parse_plain if is_plain() else parse)
    keyed = op.key_on("key", events, lambda event: f"{event.data.service}|{event.data.region}")
    op.output("write", windows(keyed), FileSink(output))
    return flow


def run(windows: Callable[[Any], Any]) -> None:
    """Run the job: one file in this process, several in a process each."""
    options = arguments()
    if len(options.input) > 1:
        run_each(options)
        return
    built = flow(options.input[0], options.output, windows)
    cli_main(built, epoch_interval=timedelta(seconds=10))  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    run(windows)
