"""Runs the flow live, in this process."""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

import structlog

from alerts.connection import StoreUnavailableError
from alerts.store import AlertStore
from config.scale import ScaleSettings
from config.settings import Settings
from detectors.contract import AlertChange, Detector
from pipeline import compose, recovery
from pipeline.burying import Undertaker
from pipeline.deadletters import DeadLetters
from pipeline.engine.execute import execute
from pipeline.engine.sinks import CallSink
from pipeline.engine.source import Drain
from pipeline.enrich import Enricher
from pipeline.feeds.contract import ALL, Share
from pipeline.flow import build_flow
from pipeline.health import FlowHealth
from pipeline.lane import Lane, Pace
from pipeline.scale.keys import ScaleError
from pipeline.scale.moving import FORMAT, folder_of, identity_of
from pipeline.scale.parts import scaled
from pipeline.tallies import Tallies
from pipeline.work import OwnWork, SharedWork, deadletters_path

TICK_US = 200_000
"""Longest time between two looks at the clock, in microseconds."""
PROFILES_EVERY_US = 5_000_000
"""Wall time between two looks at whether the table of customers has changed, in microseconds."""
_OTHER_SHARE = (
    "{folder} holds the state of another share than {index}/{of}, or of another number of partitions; stop all flow "
    "processes and give the state to the new ones with `makegood rescale --to {of}`"
)

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
    share: Share = ALL,
) -> None:
    """Run the dataflow until it is asked to drain (SIGTERM or SIGINT do), then return with everything committed.

    Args:
        settings: feeds go on for ever.
        store: where alert changes go; while it is away the flow waits.
        clock_us: the clock of events; default: the wall clock, or the simulated one of a demo feed.
        health: told about counts and partitions, and given a beat of the wall clock at every look for records.
        drain: how to ask for a stop from inside; SIGTERM and SIGINT use the same.
        share: which part of the work is this process's own, where the settings share it.

    Raises:
        ScaleError: when the work cannot be shared so, or the folder's state is of another share.
        FeedError: when a feed's path names no file.
        ProfilesError: when the table of customers cannot be read.
        RecoveryFolderInUseError: when another flow runs on the same folder.
    """
    compose.check_feeds(settings, recording=False)
    scale = scaled(settings, share)
    folder = flow_folder(settings, share)
    asked = drain if drain is not None else Drain()
    event_clock_us = clock_us if clock_us is not None else compose.clock(settings, wall_clock_us)
    tick_us = int(TICK_US * compose.pace_of(settings))
    tallies = Tallies()
    pace = Pace()
    built = compose.build_detectors(settings)
    identity = flow_identity(settings, share)
    _drain_on_signals(asked)
    with recovery.locked(folder), DeadLetters(deadletters_path(settings)) as dead:
        if not recovery.matches(folder, identity) and recovery.holds_state(folder):
            if scale is not None:
                raise ScaleError(_OTHER_SHARE.format(folder=folder, index=share.index, of=share.of))
            log.warning("flow.fresh_start", folder=str(folder), reason="flow.shards has changed")
            recovery.set_aside(folder)
        enricher = compose.build_enricher(settings)
        tell = partial(_tell, health)
        work = _work(settings, scale, share, built, enricher, tallies, pace, folder)
        if not work.ready(wait=asked.wait, tell=partial(tell, "panes")):
            return
        if health is not None:
            health.attach(tallies, work.partitions)

        undertaker = Undertaker(
            dead,
            settings.dead_letters,
            wait=asked.wait,
            clock_us=wall_clock_us,
            tell=partial(tell, "dead_letters"),
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
            work.look()
            if now_us - looked_at_profiles_us >= PROFILES_EVERY_US:
                looked_at_profiles_us = now_us
                enricher.reload_if_changed()
            return event_clock_us()

        def build_lane() -> Lane:
            feeds = work.feeds()
            if health is not None:
                health.watch(feeds, compose.max_bad_shares(settings))
            return Lane(
                feeds,
                batch_size=settings.flow.batch_size,
                clock_us=look_at_clock,
                tick_us=tick_us,
                pace=pace,
                key_of=work.key_of,
            )

        def apply(changes: Sequence[AlertChange]) -> None:
            store.apply_waiting(changes, wait=asked.wait, on_away=partial(_store_is_away, health))
            tell("store", None)

        flow = build_flow(
            build_lane=build_lane,
            drain=asked,
            prepare=work.builder,
            detectors=built,
            cases_folder=folder / recovery.CASES,
            alert_sink=CallSink(apply),
            dead_letter_sink=CallSink(undertaker.bury),
            pane_sink=work.pane_sink(wait=asked.wait, tell=partial(tell, "panes")),
        )
        log.info("flow.started", feeds=sorted(settings.feeds), detectors=sorted(built), folder=str(folder))
        execute(flow, epoch_us=settings.flow.epoch, folder=folder, identity=identity)
        log.info("flow.stopped", events=tallies.events, dead_letters=tallies.dead_letter_count)


def _work(
    settings: Settings,
    scale: ScaleSettings | None,
    share: Share,
    built: Mapping[str, Detector],
    enricher: Enricher,
    tallies: Tallies,
    pace: Pace,
    folder: Path,
) -> OwnWork | SharedWork:
    if scale is None:
        return OwnWork(settings, built, enricher, tallies, pace, folder)
    return SharedWork(settings, scale, built, enricher, tallies, pace, folder, share)


def flow_folder(settings: Settings, share: Share) -> Path:
    """Return the recovery folder of a flow process."""
    return settings.store.dir / "flow" if settings.scale is None else folder_of(settings, share.index)


def flow_identity(settings: Settings, share: Share) -> object:
    """Return what recovery data is bound to: the shards over which the keys are spread, or the share of the tasks."""
    if settings.scale is None:
        return [FORMAT, settings.flow.shards]
    return identity_of(settings.scale.partitions, share)


def _tell(health: FlowHealth | None, what: str, why: str | None) -> None:
    if health is not None:
        health.waits(what, why)


def _store_is_away(health: FlowHealth | None, error: StoreUnavailableError, retry_in_s: float) -> None:
    _tell(health, "store", str(error))
    log.warning("store.away", error=str(error), retry_in_s=retry_in_s)


def _drain_on_signals(drain: Drain) -> None:
    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        log.info("flow.draining", signal=signal.Signals(number).name)
        drain.request()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
