"""Assembles a notifier out of the settings. The door for the command line."""

import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from hashlib import blake2b

from prometheus_client import REGISTRY, CollectorRegistry

from alerts.assigning import Assigning
from alerts.codes import ShortCodes
from alerts.dispatch import Dispatcher
from alerts.duty_files import DutyFiles
from alerts.escalating import Escalations
from alerts.groups import Groups
from alerts.incident_scope import feeds_by_detector
from alerts.incidents import Incidents
from alerts.mutes import Mutes
from alerts.responses import Responses
from alerts.routing import Router
from alerts.store import AlertStore
from alerts.traces.opening import open_traces
from config.delivery import RootRouteSettings, RouteSettings
from config.settings import Settings
from sinks.alert_figures import AlertFigures
from sinks.breakers import SharedBreakers
from sinks.channels import catalogue  # noqa: F401 - importing it registers the channels
from sinks.clock import EvenClock
from sinks.contract import CHANNELS, Channel, ChannelSettings
from sinks.delivery import compose
from sinks.metrics import NotifierMetrics
from sinks.notifier import Notifier
from sinks.observing import DeliveryObserver
from sinks.outbox import Outbox
from sinks.receipts import Reporting
from sinks.render import Renderer
from sinks.stages.record import Record
from sinks.stages.transport import Step, StepHook
from sinks.storms import Storms
from sinks.traces import NotifierTraces
from sinks.watch import build_chores
from sinks.watch_metrics import WatchMetrics


def build_channels(settings: Mapping[str, ChannelSettings]) -> dict[str, Channel]:
    """Return a channel for each entry. Nothing is connected to yet."""
    return {name: CHANNELS.factory(entry.type)(name, entry) for name, entry in settings.items()}


def build_notifier(
    store: AlertStore,
    settings: Settings,
    *,
    registry: CollectorRegistry = REGISTRY,
    wait: Callable[[float], bool],
    clock_us: Callable[[], int] | None = None,
    rng: random.Random | None = None,
    on_step: StepHook | None = None,
    observer: DeliveryObserver | None = None,
) -> Notifier:
    """Return a notifier over ``store``. It is not asked for anything yet: it may be away.

    Args:
        store: what is told of, and the outbox.
        settings: the whole file; it has a route, and channels for all receivers.
        registry: for the metrics.
        wait: waits that many seconds; True when the program stops (``threading.Event.wait``).
        clock_us: None: the system's clock here, that of Redis for leases.
        rng: for jitter.
        on_step: for tests that kill.
        observer: looks on; None: nobody does.

    Raises:
        ValueError: when a reference has no target, or there is no route.
    """
    channels = _channels(settings)
    route = _checked_route(settings)
    clock = EvenClock(_system_clock_us, _steady_clock_us) if clock_us is None else clock_us
    step = _no_step if on_step is None else on_step
    looking_on = DeliveryObserver() if observer is None else observer
    metrics = NotifierMetrics(channels, settings.receivers, registry)
    outbox = Outbox(store, clock_us=clock_us)
    record = Record(outbox, metrics, clock, wait, step, looking_on)
    built = build_channels(channels)
    tiers = compose(
        {name: (built[name], channels[name]) for name in built},
        outbox=outbox,
        record=record,
        settings=settings.notifier,
        clock=clock,
        rng=random.SystemRandom() if rng is None else rng,
        on_step=step,
        renderer=Renderer.of(settings, ShortCodes(store).short_code),
        metrics=metrics,
        breakers=SharedBreakers(store, clock_us=clock_us),
        reporting=None if settings.callbacks is None else Reporting(settings.callbacks.public_url),
    )
    chores = build_chores(
        store,
        settings,
        built,
        record=record,
        hiding=Mutes(store, settings.inhibit_rules, settings.maintenance_windows),
        metrics=WatchMetrics(settings.receivers, settings.canary.channels, registry),
        clock=clock,
        clock_us=clock_us,
        on_defect=metrics.defects.inc,
    )
    return Notifier(
        outbox=outbox,
        dispatcher=build_dispatcher(
            store,
            settings,
            clock_us=clock_us,
            on_defect=metrics.defects.inc,
            on_step=on_step,
            observer=looking_on,
        ),
        storms=Storms(outbox, settings.receivers, channels, metrics),
        tiers=tiers,
        record=record,
        receivers=settings.receivers,
        catch_all=route.receiver or "",
        settings=settings.notifier,
        channels=built,
        metrics=metrics,
        chores=chores,
        clock=clock,
        on_step=step,
        observer=looking_on,
    )


def build_dispatcher(
    store: AlertStore,
    settings: Settings,
    *,
    clock_us: Callable[[], int] | None = None,
    on_defect: Callable[[], None] = lambda: None,
    on_step: StepHook | None = None,
    observer: DeliveryObserver | None = None,
) -> Dispatcher:
    """Return what decides what is told, by a settings file."""
    mutes = Mutes(store, settings.inhibit_rules, settings.maintenance_windows)
    responses = Responses(store)
    duty = DutyFiles(settings)
    return Dispatcher(
        Groups(store, clock_us=clock_us),
        Router(_checked_route(settings)),
        settings.receivers,
        hiding=mutes,
        escalations=Escalations(settings.escalations, duty.current, responses, mutes.next_change_us),
        assigning=Assigning(responses, duty.current),
        incidents=Incidents(store, settings.incidents, feeds_by_detector(settings.detectors, settings.incidents)),
        lapse=responses.lapse,
        clock=_system_clock_us if clock_us is None else clock_us,
        urgency=settings.urgency,
        on_defect=on_defect,
        on_step=lambda step: (on_step or _no_step)(Step(step), ""),
        observer=observer,
        routes=_named(settings),
    )


def run_notifier(
    store: AlertStore,
    settings: Settings,
    stop: threading.Event,
    *,
    registry: CollectorRegistry = REGISTRY,
    beat: Callable[[], None] | None = None,
    beside: Callable[[NotifierMetrics], AbstractContextManager[object]] | None = None,
) -> None:
    """Run a notifier until ``stop`` is set.

    Args:
        store: what is told of.
        settings: the whole file.
        stop: ends it.
        registry: for the metrics.
        beat: called each time it has looked for work.
        beside: makes what runs beside it, like the server of its callbacks.
    """
    with open_traces(settings, "notifier", registry=registry) as tracing:
        looking_on = None if tracing is None else NotifierTraces(tracing)
        notifier = build_notifier(store, settings, registry=registry, wait=stop.wait, observer=looking_on)
        figures = AlertFigures(store, settings=settings.urgency)
        registry.register(figures)
        try:
            with nullcontext() if beside is None else beside(notifier.metrics):
                notifier.run(stop, beat)
        finally:
            registry.unregister(figures)
            notifier.close()


def _channels(settings: Settings) -> dict[str, ChannelSettings]:
    found = {name: entry for name, entry in settings.channels.items() if isinstance(entry, ChannelSettings)}
    for name, receiver in settings.receivers.items():
        for tier in receiver.tiers:
            if tier.channel not in found:
                known = ", ".join(found) or "none"
                msg = f"receivers.{name}: there is no channel {tier.channel!r}; there are: {known}"
                raise ValueError(msg)
    return found


def _checked_route(settings: Settings) -> RootRouteSettings:
    if settings.route is None:
        msg = "the settings have no `route`, so that nobody would be told of anything"
        raise ValueError(msg)
    waiting: list[RouteSettings] = [settings.route]
    while waiting:
        node = waiting.pop()
        waiting.extend(node.routes)
        if node.receiver is not None and node.receiver not in settings.receivers:
            known = ", ".join(settings.receivers) or "none"
            msg = f"route: there is no receiver {node.receiver!r}; there are: {known}"
            raise ValueError(msg)
    return settings.route


def _named(settings: Settings) -> str:
    """Return a name of all settings that decide who is told what: another when they change."""
    deciding = {"route", "inhibit_rules", "maintenance_windows", "escalations"}
    return blake2b(settings.model_dump_json(include=deciding).encode(), digest_size=10).hexdigest()


def _system_clock_us() -> int:
    return time.time_ns() // 1000


def _steady_clock_us() -> int:
    return time.monotonic_ns() // 1000


def _no_step(_step: object, _key: str) -> None:
    return None
