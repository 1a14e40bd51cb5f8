"""Runs the flow live, in this process."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog

from alerts.store import AlertStore
from alerts.traces.tracing import Tracing
from config.scale import ScaleSettings
from config.settings import Settings
from detectors.contract import NEVER_US, AlertChange, Detector
from pipeline import compose, recovery
from pipeline.burying import Undertaker
from pipeline.clock import FlowClock, steady_clock_us, wall_clock_us
from pipeline.control.running import Controls
from pipeline.deadletters import DeadLetters
from pipeline.disk import DiskGuard
from pipeline.edges import Edges
from pipeline.engine.execute import execute
from pipeline.engine.sinks import CallSink
from pipeline.enrich import Enricher
from pipeline.failures import check_folder, explained
from pipeline.feeds.contract import ALL, Share
from pipeline.findings.keeping import FindingKeeper
from pipeline.flow import Flow, build_flow
from pipeline.health import FlowHealth
from pipeline.kpis import Kpis
from pipeline.lane import Lane, Pace
from pipeline.retired import retire
from pipeline.scale.keys import ScaleError
from pipeline.scale.moving import FORMAT, check_whole, folder_alone, folder_of, identity_of
from pipeline.scale.parts import scaled
from pipeline.sentiment_live import learning
from pipeline.stopping import Drain, StoppedWhileStartingError, drain_on_signals
from pipeline.storing import Storer
from pipeline.tallies import Tallies
from pipeline.traces.spans import FlowTraces
from pipeline.work import OwnWork, SharedWork, deadletters_path

TICK_US = 200_000
"""Longest time between two looks at the clock, in microseconds."""
_CLOCK = "clock.json"
_OTHER_SHARE = (
    "{folder} holds the state of another share than {index}/{of}, or of another number of partitions; stop all flow "
    "processes and give the state to the new ones with `makegood rescale --to {of}`"
)

log = structlog.get_logger(__name__)


def run_flow(
    settings: Settings,
    store: AlertStore,
    *,
    clock_us: Callable[[], int] | None = None,
    health: FlowHealth | None = None,
    drain: Drain | None = None,
    share: Share = ALL,
    tracing: Tracing | None = None,
) -> None:
    """Run the dataflow until it is asked to drain (a signal to stop does), then return with everything committed.

    Args:
        settings: feeds go on for ever.
        store: where alert changes go; while it is away the flow waits.
        clock_us: the clock of events; default: the time of day, or the simulated one of a demo feed.
        health: told about counts and partitions, and given a beat at every look for records.
        drain: how to ask for a stop from inside; signals use the same.
        share: which part of the work is this process's own, where the settings share it.
        tracing: takes the spans of alerts' traces; None: there are none.

    Raises:
        ScaleError: when the work cannot be shared so, or the folder's state is of another share.
        FeedError: when a feed's path names no file.
        ProfilesError: when the table of customers cannot be read.
        VersionStoreError: when versions of learned sentiment cannot be used.
        RecoveryFolderInUseError: when another flow runs on the same folder, or another process learns sentiment there.
        RecoveryDamagedError, RecoveryVersionError: when the state cannot be gone on with.
        FlowEndedError: when the disk had no room after all. Started again, the flow goes on.
    """
    compose.check_feeds(settings, recording=False)
    scale = scaled(settings, share)
    if scale is not None:
        check_whole(settings)
    folder = flow_folder(settings, share)
    asked = drain if drain is not None else Drain()
    drain_on_signals(asked)
    tell = partial(_tell, health)
    guard = _guard(settings, folder, tell)
    if not guard.wait(asked.wait):
        return
    built = compose.build_detectors(settings)
    with (
        recovery.locked(folder),
        learning(settings, folder) as learner,
        DeadLetters(deadletters_path(settings)) as dead,
        closing(compose.build_keeper(settings, built, share, partial(_trouble, health, "findings"))) as keeper,
    ):
        check_folder(folder)
        if not recovery.matches(folder, flow_identity(settings, share)) and recovery.holds_state(folder):
            if scale is not None:
                raise ScaleError(_OTHER_SHARE.format(folder=folder, index=share.index, of=share.of))
            log.warning("flow.fresh_start", folder=str(folder), reason="flow.shards has changed")
            recovery.set_aside(folder)
        ends, waits = share.index == 0, partial(tell, "store")
        if not retire(folder, settings, store, ends=ends, wait=asked.wait, tell=waits, now_us=wall_clock_us()):
            return
        undertaker = Undertaker(
            dead,
            settings.dead_letters,
            wait=asked.wait,
            clock_us=wall_clock_us,
            tell=partial(tell, "dead_letters"),
        )
        pace = Pace()
        clock = FlowClock(
            wall_us=wall_clock_us,
            steady_us=steady_clock_us,
            newest_us=lambda: max(pace.newest_us.values(), default=NEVER_US),
            tell=partial(_trouble, health, "clock"),
            kept=folder / _CLOCK,
        )
        if health is not None:
            health.count_pruned(lambda: undertaker.pruned)
            health.count_findings(keeper.counts)
            health.watch_machine(lambda: guard.rooms, lambda: clock.off_us)
        enricher = compose.build_enricher(settings)
        enricher.learn_with(learner)
        if health is not None:
            health.watch_sentiment(lambda: enricher.sentiment_version)
        controls = Controls(
            settings,
            store,
            built,
            share,
            wait=asked.wait,
            waits=tell,
            trouble=partial(_trouble, health),
            wall_us=wall_clock_us,
        )
        if health is not None:
            health.watch_judged(controls.judged)
        event_clock_us = clock_us if clock_us is not None else compose.clock(settings, clock.now_us)
        kpis = compose.build_kpis(settings, built, event_clock_us)
        keeper.also = kpis.latest.add
        if health is not None:
            health.watch_kpis(kpis)
        machine = _Machine(
            drain=asked,
            guard=guard,
            clock=clock,
            event_clock_us=event_clock_us,
            pace=pace,
            storer=Storer(store, wait=asked.wait, tell=partial(tell, "store"), clock_s=time.monotonic),
            undertaker=undertaker,
            keeper=keeper,
            enricher=enricher,
            built=built,
            controls=controls,
            kpis=kpis,
            traces=None if tracing is None else FlowTraces(tracing, settings, pace.newest_us, wall_clock_us),
            tell=tell,
        )
        compose.warm_up(built)
        # The engine tells its time by the system's clock: set back, it would neither read nor save until that has come
        # round again. So it ends, with everything saved, and another one goes on.
        with controls.reading():
            while _run_engine(settings, scale, share, machine, health) and not asked.requested:
                log.info("flow.goes_on", reason="the system's clock was set back")


class _Machine(NamedTuple):
    """What outlives the engine.

    Attributes:
        event_clock_us: the clock of events: that of the flow, or another.
    """

    drain: Drain
    guard: DiskGuard
    clock: FlowClock
    event_clock_us: Callable[[], int]
    pace: Pace
    storer: Storer
    undertaker: Undertaker
    keeper: FindingKeeper
    enricher: Enricher
    built: Mapping[str, Detector]
    controls: Controls
    kpis: Kpis
    traces: FlowTraces | None
    tell: Callable[[str, str | None], None]


def _run_engine(
    settings: Settings, scale: ScaleSettings | None, share: Share, machine: _Machine, health: FlowHealth | None
) -> bool:
    """Run the dataflow to its end; return whether another one is to go on."""
    drain, clock, tell = machine.drain, machine.clock, machine.tell
    folder = flow_folder(settings, share)
    tallies = Tallies()
    work = _work(settings, scale, share, machine.built, machine.enricher, tallies, machine.pace, folder)
    if not work.ready(wait=drain.wait, tell=partial(tell, "panes")):
        return False
    edges = Edges(
        clock=clock,
        event_clock_us=machine.controls.watched(machine.event_clock_us),
        guard=machine.guard,
        wall_us=wall_clock_us,
        steady_us=steady_clock_us,
        cares=[machine.undertaker.look, machine.keeper.look, work.look, lambda _: machine.storer.look()],
        reload=machine.enricher.reload_if_changed,
        health=health,
    )
    if health is not None:
        health.attach(tallies, work.partitions, work.windows, work.panes)
    by_own_clock = machine.event_clock_us == clock.now_us
    clock.take_set_back()

    def build_lane() -> Lane:
        feeds = work.feeds()
        if health is not None:
            health.watch(feeds, compose.max_bad_shares(settings))
        return Lane(
            feeds,
            batch_size=settings.flow.batch_size,
            clock_us=edges.look,
            tick_us=int(TICK_US * compose.pace_of(settings)),
            pace=machine.pace,
            key_of=work.key_of,
            latest_us=(lambda: clock.latest_us) if by_own_clock else None,
            interrupted=clock.interrupted if by_own_clock else None,
            controls=machine.controls.take,
        )

    traces, write = machine.traces, partial(_store, machine)
    flow = build_flow(
        build_lane=build_lane,
        drain=drain,
        prepare=work.builder if traces is None else traces.watched(work.builder),
        detectors=machine.built,
        shards=settings.flow.shards if scale is None else scale.partitions,
        cases_folder=folder / recovery.CASES,
        models_folder=folder / recovery.MODELS,
        alert_sink=CallSink(write if traces is None else traces.storing(write)),
        dead_letter_sink=CallSink(machine.undertaker.bury),
        finding_sink=CallSink(machine.keeper.take, machine.keeper.settle),
        pane_sink=work.pane_sink(wait=drain.wait, tell=partial(tell, "panes")),
        note_sink=CallSink(machine.controls.write),
        edges=edges,
        steering=machine.controls.begin(),
        on_concluded=machine.kpis.concluded,
        on_decided=None if traces is None else traces.decided,
    )
    log.info("flow.started", feeds=sorted(settings.feeds), detectors=sorted(machine.built), folder=str(folder))
    _execute(flow, epoch_us=settings.flow.epoch, folder=folder, identity=flow_identity(settings, share))
    log.info("flow.stopped", events=tallies.events, dead_letters=tallies.dead_letter_count)
    return clock.take_set_back()


def _store(machine: _Machine, changes: Sequence[AlertChange]) -> None:
    machine.storer.apply(changes)
    machine.kpis.stored(changes)


def wait_for_room(
    settings: Settings, share: Share, *, health: FlowHealth | None, wait: Callable[[float], bool]
) -> bool:
    """Wait until the flow's disk has room for what it writes; return False when ``wait`` says to stop before."""
    return _guard(settings, flow_folder(settings, share), partial(_tell, health)).wait(wait)


def _guard(settings: Settings, folder: Path, tell: Callable[[str, str | None], None]) -> DiskGuard:
    return DiskGuard(
        folder / recovery.STATE,
        logs=[folder / recovery.CASES, folder / recovery.MODELS, folder / recovery.SEEN],
        others=[settings.store.dir, settings.store.dir / "redis"],
        least_bytes=settings.flow.min_free_bytes,
        clock_s=time.monotonic,
        tell=partial(tell, "disk"),
    )


def _execute(flow: Flow, *, epoch_us: int, folder: Path, identity: object) -> None:
    """Run the engine; say in words of our own why it ended, where that is known."""
    try:
        execute(flow, epoch_us=epoch_us, folder=folder, identity=identity)
    except Exception as error:
        told = explained(error, folder)
        if isinstance(told, StoppedWhileStartingError):
            return
        if told is not None:
            raise told from error
        raise


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
    return folder_alone(settings) if settings.scale is None else folder_of(settings, share.index)


def flow_identity(settings: Settings, share: Share) -> object:
    """Return what recovery data is bound to: the shards over which the keys are spread, or the share of the tasks."""
    if settings.scale is None:
        return [FORMAT, settings.flow.shards]
    return identity_of(settings.scale.partitions, share)


def _tell(health: FlowHealth | None, what: str, why: str | None) -> None:
    if health is not None:
        health.waits(what, why)


def _trouble(health: FlowHealth | None, what: str, why: str | None) -> None:
    if health is not None:
        health.troubles(what, why)
