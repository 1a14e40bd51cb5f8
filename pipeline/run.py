"""Runs the flow live, in this process."""

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import structlog

from alerts.connection import StoreUnavailableError
from alerts.store import AlertStore
from config.settings import Settings
from detectors.contract import AlertChange
from pipeline import compose, recovery
from pipeline.burying import Undertaker
from pipeline.deadletters import DeadLetters
from pipeline.engine.execute import execute
from pipeline.engine.sinks import CallSink
from pipeline.engine.source import Drain
from pipeline.feeds.contract import FeedContext
from pipeline.flow import build_flow
from pipeline.health import FlowHealth
from pipeline.lane import Lane, Pace
from pipeline.tallies import Tallies

TICK_US = 200_000
"""Longest time between two looks at the clock, in microseconds."""
PROFILES_EVERY_US = 5_000_000
"""Wall time between two looks at whether the table of customers has changed, in microseconds."""
_FORMAT = 1

log = structlog.get_logger(__name__)


def wall_clock_us() -> int:
    """Return the time of day in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def run_flow(
    settings: Settings,
    store: AlertStore,
    *,
    clock_us: Callable[[], int] | None = None,
    health: FlowHealth | None = None,
    drain: Drain | None = None,
) -> None:
    """Run the dataflow until it is asked to drain (SIGTERM or SIGINT do), then return with everything committed.

    Args:
        settings: feeds go on for ever.
        store: where alert changes go; while it is away the flow waits.
        clock_us: the clock of events; default: the wall clock, or the simulated one of a demo feed.
        health: told about counts and partitions, and given a beat of the wall clock at every look for records.
        drain: how to ask for a stop from inside; SIGTERM and SIGINT use the same.

    Raises:
        FeedError: when a feed's path names no file.
        ProfilesError: when the table of customers cannot be read.
        RecoveryFolderInUseError: when another flow runs on the same folder.
    """
    compose.check_feeds(settings, recording=False)
    folder = settings.store.dir / "flow"
    asked = drain if drain is not None else Drain()
    event_clock_us = clock_us if clock_us is not None else compose.clock(settings, wall_clock_us)
    tick_us = int(TICK_US * compose.pace_of(settings))
    tallies = Tallies()
    pace = Pace()
    built = compose.build_detectors(settings)
    identity = flow_identity(settings)
    with recovery.locked(folder), DeadLetters(deadletters_path(settings)) as dead:
        if not recovery.matches(folder, identity) and recovery.holds_state(folder):
            log.warning("flow.fresh_start", folder=str(folder), reason="flow.shards has changed")
            recovery.set_aside(folder)
        enricher = compose.build_enricher(settings)
        prepare = compose.build_prepare(
            settings, built, enricher=enricher, tallies=tallies, pace=pace, dedup_folder=folder / recovery.SEEN
        )
        if health is not None:
            health.attach(tallies, prepare.partitions)

        undertaker = Undertaker(
            dead,
            settings.dead_letters,
            wait=asked.wait,
            clock_us=wall_clock_us,
            tell=lambda why: None if health is None else health.waits("dead_letters", why),
        )
        if health is not None:
            health.count_pruned(lambda: undertaker.pruned)
        looked_at_profiles_us = wall_clock_us()

        def look_at_clock() -> int:
            nonlocal looked_at_profiles_us
            now_us = wall_clock_us()
            if health is not None:
                health.beat(now_us)
            undertaker.look(now_us)
            if now_us - looked_at_profiles_us >= PROFILES_EVERY_US:
                looked_at_profiles_us = now_us
                enricher.reload_if_changed()
            return event_clock_us()

        def build_lane() -> Lane:
            feeds = compose.build_feeds(settings, FeedContext(recording=False))
            feeds.update(compose.build_requeue(settings, deadletters_path(settings)))
            if health is not None:
                health.watch(feeds, compose.max_bad_shares(settings))
            return Lane(feeds, batch_size=settings.flow.batch_size, clock_us=look_at_clock, tick_us=tick_us, pace=pace)

        def apply(changes: Sequence[AlertChange]) -> None:
            store.apply_waiting(changes, wait=asked.wait, on_away=_store_is_away)

        flow = build_flow(
            build_lane=build_lane,
            drain=asked,
            prepare=prepare,
            detectors=built,
            cases_folder=folder / recovery.CASES,
            alert_sink=CallSink(apply),
            dead_letter_sink=CallSink(undertaker.bury),
        )
        _drain_on_signals(asked)
        log.info("flow.started", feeds=sorted(settings.feeds), detectors=sorted(built), folder=str(folder))
        execute(flow, epoch_us=settings.flow.epoch, folder=folder, identity=identity)
        log.info("flow.stopped", events=tallies.events, dead_letters=tallies.dead_letter_count)


def flow_identity(settings: Settings) -> object:
    """Return what recovery data is bound to: the number of shards, over which the keys are spread."""
    return [_FORMAT, settings.flow.shards]


def deadletters_path(settings: Settings) -> Path:
    """Return where the dead letters of a live flow are kept."""
    return settings.store.dir / "deadletters.db"


def _store_is_away(error: StoreUnavailableError, retry_in_s: float) -> None:
    log.warning("store.away", error=str(error), retry_in_s=retry_in_s)


def _drain_on_signals(drain: Drain) -> None:
    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        log.info("flow.draining", signal=signal.Signals(number).name)
        drain.request()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
