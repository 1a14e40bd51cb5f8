"""Runs the detectors of a settings file over a recording, exactly as ``makegood replay`` does, and keeps no store."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from config.enrichment import ProfileSettings, SentimentSettings
from config.settings import Settings
from detectors.contract import AlertChange, Finding
from detectors.events import Event
from pipeline import compose, recovery
from pipeline.deadletters import DeadLetters
from pipeline.engine.execute import execute
from pipeline.engine.sinks import CallSink
from pipeline.enrich import Enricher
from pipeline.harness import change_order
from pipeline.replay import recording_flow
from pipeline.tallies import Tallies

_NEWS = "pipeline.schema_changes"
TakeFindings = Callable[[Sequence[Finding]], object]


class EmptyRecordingError(Exception):
    """There is no event in what was given as a recording."""


class Ran(NamedTuple):
    """What came of a recording.

    Attributes:
        changes: of alerts, each once, in order of event time.
        events, dead_letters, late: how many.
        first_us, last_us: the earliest and the latest event.
    """

    changes: list[AlertChange]
    events: int
    dead_letters: int
    late: int
    first_us: int
    last_us: int


class _SpanEnricher(Enricher):
    """Enriches, and notes the times of what it sees: every event that counts comes by here."""

    def __init__(self, profiles: ProfileSettings | None, sentiment: SentimentSettings) -> None:
        super().__init__(profiles, sentiment)
        self.first_us: int | None = None
        self.last_us: int | None = None

    def enrich(self, events: Sequence[Event]) -> None:
        times = [event.time_us for event in events]
        if times:
            self.first_us = min(times) if self.first_us is None else min(self.first_us, *times)
            self.last_us = max(times) if self.last_us is None else max(self.last_us, *times)
        super().enrich(events)


def run_over(settings: Settings, take: TakeFindings, watch: Callable[[Tallies], None] | None = None) -> Ran:
    """Run the detectors of ``settings`` over what its feeds hold.

    Args:
        settings: feeds read what is there and end.
        take: gets every finding, in micro-batches.
        watch: called once with the counts, which go on changing while it runs.

    Raises:
        EmptyRecordingError: when no event came out of the feeds.
        FeedError: when a feed's path names no file.
        ProfilesError: when the table of customers cannot be read.
    """
    compose.check_feeds(settings, recording=True)
    tallies = Tallies()
    if watch is not None:
        watch(tallies)
    changes: dict[str, AlertChange] = {}

    def keep(batch: Sequence[AlertChange]) -> None:
        changes.update((change.change_id, change) for change in batch)

    enricher = _SpanEnricher(settings.profiles, settings.sentiment)
    with TemporaryDirectory(prefix="makegood-backtest-") as name:
        folder = Path(name)
        with recovery.locked(folder), DeadLetters(folder / "deadletters.db") as dead:
            flow = recording_flow(
                settings,
                tallies=tallies,
                folder=folder,
                alert_sink=CallSink(keep),
                dead=dead,
                finding_sink=CallSink(take),
                enricher=enricher,
            )
            with _old_news():
                execute(flow, epoch_us=settings.flow.epoch, folder=folder, identity=["backtest"])
    if enricher.first_us is None or enricher.last_us is None:
        told = f" ({tallies.dead_letter_count} dead letters)" if tallies.dead_letter_count else ""
        msg = f"there is no event in the recording{told}; look at it with: makegood replay, makegood map"
        raise EmptyRecordingError(msg)
    ordered = sorted(changes.values(), key=change_order)
    return Ran(
        ordered, tallies.events, tallies.dead_letter_count, tallies.late, enricher.first_us, enricher.last_us
    )  # fmt: skip


@contextmanager
def _old_news() -> Iterator[None]:
    """Say nothing of records that could not be read: the flow has told of them when they came, and they are counted."""
    log = logging.getLogger(_NEWS)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
