"""Runs one settings file, or two, over a recording, and says what they did."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from alerts.model import rfc3339
from config.base import ComponentSettings
from config.settings import Settings
from detectors.contract import AlertChange
from pipeline.backtest import inputs
from pipeline.backtest.alerts import Alert, raised
from pipeline.backtest.compare import difference
from pipeline.backtest.inputs import Asked
from pipeline.backtest.labels import Labels, with_owners
from pipeline.backtest.matching import Judge, Span
from pipeline.backtest.measure import Measure, WindowCounts
from pipeline.backtest.result import Backtest, Side, Source, identified
from pipeline.backtest.running import Ran, TakeFindings, run_over
from pipeline.tallies import Tallies

Watch = Callable[[Tallies], None]
Progress = Callable[[str], AbstractContextManager[Watch | None]]
"""``with progress("B: ") as watch``: shows how far reading is."""
Windows = Callable[[str, Span], tuple[int, int]]
GRACE_US = 3_600_000_000


class Known(NamedTuple):
    """Labels, the file that they are from, and by how much their times may be off."""

    labels: Labels
    source: Source
    grace_us: int = GRACE_US


class Candidate(NamedTuple):
    """A settings file. ``name``: of the file, without its folder."""

    name: str
    settings: Settings


class Judged(NamedTuple):
    """The result of a backtest, and the changes that both sides wrote."""

    result: Backtest
    a: list[AlertChange]
    b: list[AlertChange] | None


class Outcome(NamedTuple):
    """What a settings file raised, however it was found out: by a run, or by deciding again."""

    candidate: Candidate
    alerts: Sequence[Alert]
    windows: Windows


def backtest(a: Candidate, b: Candidate | None, *, asked: Asked, known: Known | None, progress: Progress) -> Judged:
    """Run A, and B where it is given, over their feeds.

    Args:
        a: the settings.
        b: what they are held against; reads the same recording.
        asked: what is judged.
        known: what happened; None: nobody knows.
        progress: shows how far it is.

    Raises:
        SpanError: when nothing is left to judge.
        EmptyRecordingError, FeedError, ProfilesError: when the recording cannot be used.
    """
    first, ran = _run(a, progress("" if b is None else "A: "))
    span = inputs.span_of(ran.first_us, ran.last_us, asked)  # before B is run for nothing
    second, ran_b = (None, None) if b is None else _run(b, progress("B: "))
    result = told(first, second, ran=ran, span=span, known=known, exact=True)
    return Judged(result, ran.changes, None if ran_b is None else ran_b.changes)


def told(a: Outcome, b: Outcome | None, *, ran: Ran, span: Span, known: Known | None, exact: bool) -> Backtest:
    """Return what A and B did, as it is told.

    Args:
        a: what A raised.
        b: what B raised, where there is one.
        ran: the run over the recording.
        span: what is judged of it.
        known: what happened.
        exact: whether both were run.
    """
    judge = None
    if known is not None:
        both = [*a.alerts, *(() if b is None else b.alerts)]
        owners = {alert.fingerprint: alert.detector for alert in both}
        sides = [a] if b is None else [a, b]
        watching = {name: one.type for side in sides for name, one in side.candidate.settings.detectors.items()}
        judge = Judge(with_owners(known.labels, owners), span, known.grace_us, watching)
    measured = _side(a, span, judge)
    other = None if b is None else _side(b, span, judge)
    settings = a.candidate.settings
    return identified(
        Backtest(
            version=version("makegood"),
            exact=exact,
            span_from=rfc3339(span.from_us),
            span_to=rfc3339(span.to_us),
            days=round(span.weeks * 7, 4),
            events=ran.events,
            dead_letters=ran.dead_letters,
            feeds=inputs.feed_sources(settings),
            labels=None if known is None else known.source,
            grace_s=0.0 if known is None else known.grace_us / 1e6,
            a=measured[1],
            b=None if other is None else other[1],
            difference=None if other is None else difference(measured, other, span.end_us),
        )
    )


def labels_of(path: Path, labels: Labels, grace_us: int) -> Known:
    """Return labels with what their file is."""
    return Known(labels, inputs.source(path), grace_us)


def _run(candidate: Candidate, progress: AbstractContextManager[Watch | None]) -> tuple[Outcome, Ran]:
    counts = WindowCounts()
    take: TakeFindings = counts.take
    with progress as watch:
        ran = run_over(candidate.settings, take, watch)
    return Outcome(candidate, raised(ran.changes, candidate.settings.detectors), counts.of), ran


def _side(outcome: Outcome, span: Span, judge: Judge | None) -> tuple[Measure, Side]:
    entries: Mapping[str, ComponentSettings] = outcome.candidate.settings.detectors
    measure = Measure(entries, outcome.alerts, outcome.windows, span, judge)
    side = Side(
        config=outcome.candidate.name,
        settings=inputs.settings_hash(outcome.candidate.settings),
        total=measure.total(),
        detectors=measure.detectors(),
        incidents=measure.incidents(),
    )
    return measure, side
