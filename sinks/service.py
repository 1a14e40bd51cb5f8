"""Assembles a notifier out of the settings. The door for the command line."""

import random
import threading
import time
from collections.abc import Callable, Mapping

from prometheus_client import REGISTRY, CollectorRegistry

from alerts.store import AlertStore
from config.delivery import NotifierSettings, ReceiverSettings, RootRouteSettings
from sinks.channels import catalogue  # noqa: F401 - importing it registers the channels
from sinks.clock import EvenClock
from sinks.contract import CHANNELS, Channel, ChannelSettings
from sinks.delivery import compose
from sinks.metrics import NotifierMetrics
from sinks.notifier import Notifier
from sinks.outbox import Outbox
from sinks.stages.record import Record
from sinks.stages.transport import StepHook


def build_channels(settings: Mapping[str, ChannelSettings]) -> dict[str, Channel]:
    """Return a channel for each entry. Nothing is connected to yet."""
    return {name: CHANNELS.factory(entry.type)(name, entry) for name, entry in settings.items()}


def build_notifier(
    store: AlertStore,
    *,
    channels: Mapping[str, ChannelSettings],
    receivers: Mapping[str, ReceiverSettings],
    route: RootRouteSettings,
    settings: NotifierSettings | None = None,
    registry: CollectorRegistry = REGISTRY,
    wait: Callable[[float], bool],
    clock_us: Callable[[], int] | None = None,
    rng: random.Random | None = None,
    on_step: StepHook | None = None,
) -> Notifier:
    """Return a notifier over ``store``.

    Args:
        store: whose outbox it works on.
        channels: of the settings.
        receivers: of the settings.
        route: of the settings.
        settings: None: the defaults.
        registry: for the metrics.
        wait: waits that many seconds; True when the program stops (``threading.Event.wait``).
        clock_us: None: the system's clock here, that of Redis for leases.
        rng: for jitter.
        on_step: for tests that kill.

    Raises:
        StoreUnavailableError: Redis is away.
        ValueError: when a reference has no target.
    """
    _check_references(channels, receivers, route)
    settings = NotifierSettings() if settings is None else settings
    clock = EvenClock(_system_clock_us, _steady_clock_us) if clock_us is None else clock_us
    step = _no_step if on_step is None else on_step
    metrics = NotifierMetrics(channels, receivers, registry)
    outbox = Outbox(store, clock_us=clock_us)
    record = Record(outbox, metrics, clock, wait, step)
    built = build_channels(channels)
    tiers = compose(
        {name: (built[name], channels[name]) for name in built},
        outbox=outbox,
        record=record,
        settings=settings,
        clock=clock,
        rng=random.SystemRandom() if rng is None else rng,
        on_step=step,
    )
    return Notifier(
        outbox=outbox,
        tiers=tiers,
        record=record,
        receivers=receivers,
        route=route,
        settings=settings,
        channels=built,
        metrics=metrics,
        clock=clock,
        on_step=step,
    )


def run_notifier(
    store: AlertStore,
    stop: threading.Event,
    *,
    channels: Mapping[str, ChannelSettings],
    receivers: Mapping[str, ReceiverSettings],
    route: RootRouteSettings,
    settings: NotifierSettings | None = None,
    registry: CollectorRegistry = REGISTRY,
    beat: Callable[[], None] | None = None,
) -> None:
    """Run a notifier until ``stop`` is set; ``beat`` is called each time it has looked for work."""
    notifier = build_notifier(
        store,
        channels=channels,
        receivers=receivers,
        route=route,
        settings=settings,
        registry=registry,
        wait=stop.wait,
    )
    try:
        notifier.run(stop, beat)
    finally:
        notifier.close()


def _check_references(
    channels: Mapping[str, ChannelSettings], receivers: Mapping[str, ReceiverSettings], route: RootRouteSettings
) -> None:
    for name, receiver in receivers.items():
        for tier in receiver.tiers:
            if tier.channel not in channels:
                known = ", ".join(channels) or "none"
                msg = f"receivers.{name}: there is no channel {tier.channel!r}; there are: {known}"
                raise ValueError(msg)
    waiting = [route]
    while waiting:
        node = waiting.pop()
        waiting.extend(node.routes)  # type: ignore[arg-type]
        if node.receiver is not None and node.receiver not in receivers:
            msg = f"route: there is no receiver {node.receiver!r}; there are: {', '.join(receivers) or 'none'}"
            raise ValueError(msg)


def _system_clock_us() -> int:
    return time.time_ns() // 1000


def _steady_clock_us() -> int:
    return time.monotonic_ns() // 1000


def _no_step(_step: object, _key: str) -> None:
    return None
