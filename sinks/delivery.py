"""The delivery, composed: Dedup -> Tiers( Breaker -> RateLimit -> Deadline -> Retry -> Transport ) -> Record."""

import random
from collections.abc import Mapping
from functools import partial

from config.delivery import NotifierSettings
from sinks.breakers import Breakers, OwnBreakers
from sinks.contract import Channel, ChannelSettings
from sinks.metrics import NotifierMetrics
from sinks.outbox import Outbox
from sinks.receipts import ReportedSettings, Reporting
from sinks.render import Renderer
from sinks.stages.awaiting import Awaiting
from sinks.stages.breaker import Breaker
from sinks.stages.contract import Clock
from sinks.stages.deadline import Deadline
from sinks.stages.rate_limit import RateLimit
from sinks.stages.retry import Retry
from sinks.stages.tiers import Line, Recorder, Tiers
from sinks.stages.transport import StepHook, Transport


def compose(
    channels: Mapping[str, tuple[Channel, ChannelSettings]],
    *,
    outbox: Outbox,
    record: Recorder,
    settings: NotifierSettings,
    clock: Clock,
    rng: random.Random,
    on_step: StepHook,
    renderer: Renderer,
    metrics: NotifierMetrics,
    breakers: Breakers | None = None,
    reporting: Reporting | None = None,
) -> Tiers:
    """Return the tiers over all channels, each with its own stages.

    Waiting is nobody's job in here: a stage that wants to wait answers ``later``, the notification goes back into the
    outbox until then, and the thread is free for others.
    """
    kept = OwnBreakers(clock) if breakers is None else breakers
    lines = {}
    told: set[str] = set()
    for name, (channel, channel_settings) in channels.items():
        reports = isinstance(channel_settings, ReportedSettings) and channel_settings.reports_to_us()
        if reports and reporting is not None:
            told.add(name)
        transport = Transport(outbox, settings.lease, on_step, renderer, reporting if reports else None)
        retry = Retry(transport, clock, rng)
        deadline = Deadline(retry, clock)
        rate_limit = RateLimit(deadline, clock)
        breaker = Breaker(rate_limit, clock, kept, name, channel_settings)
        metrics.breaker_open.labels(name).set_function(partial(_is_open, breaker))
        lines[name] = Line(channel=channel, settings=channel_settings, stages=breaker)
    awaiting = Awaiting(outbox, metrics, clock, settings.lease // 2, told=frozenset(told))
    return Tiers(lines, record, clock, settings, awaiting)


def _is_open(breaker: Breaker) -> float:
    return 1.0 if breaker.is_open else 0.0
