"""Runs an intake until it is asked to stop."""

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import structlog

from config.scale import ScaleSettings
from config.settings import Settings
from pipeline import recovery
from pipeline.burying import Undertaker
from pipeline.clock import FlowClock, steady_clock_us, wall_clock_us
from pipeline.deadletters import DeadLetters
from pipeline.decode import Decoder
from pipeline.disk import DiskGuard
from pipeline.feeds.contract import FeedContext, Share
from pipeline.feeds.kafka_settings import KafkaSettings
from pipeline.health import FlowHealth
from pipeline.scale.keys import ScaleError
from pipeline.scale.repartition import state
from pipeline.scale.repartition.feeds import events_topics, repartitioned
from pipeline.scale.repartition.intake import Intake, Sorting
from pipeline.scale.repartition.splitter import MESSAGE_BYTES, Splitter
from pipeline.scale.repartition.upstream import UpstreamFeed
from pipeline.scale.repartition.writer import EventWriter
from pipeline.scale.topics import LARGEST_MESSAGE_BYTES, TopicUnavailableError, ensure_topics
from pipeline.stopping import Drain
from pipeline.tallies import Tallies
from pipeline.watermarks import Watermarks
from pipeline.work import deadletters_path

TELL_EVERY_US = 200_000
"""Longest time between two times that everybody is told how far upstream partitions are."""
SAVE_EVERY_US = 1_000_000
LARGEST_EVENT_BYTES = LARGEST_MESSAGE_BYTES - MESSAGE_BYTES - 65_536
_IDLE_WAIT_S = 0.01
_FULL_WAIT_S = 0.5
_CLOCK = "clock.json"
log = structlog.get_logger(__name__)


def run_intake(settings: Settings, share: Share, *, health: FlowHealth, drain: Drain) -> None:
    """Sort the events of all feeds with ``repartition`` until asked to stop; then return with everything saved.

    Args:
        settings: must have ``scale``, and a feed with ``repartition``.
        share: which upstream partitions are ours.
        health: told about counts and partitions.
        drain: how to ask for a stop.

    Raises:
        ScaleError: when the settings have nothing to sort, or a topic is not as they say.
        RecoveryFolderInUseError: when another intake runs on the same folder.
    """
    scale, feeds = settings.scale, repartitioned(settings)
    if scale is None or not feeds:
        msg = "nothing to sort: the settings have no `scale`, or no feed with `repartition: true`"
        raise ScaleError(msg)
    topics = events_topics(settings)
    if not ensure_topics(
        scale, [], events=list(topics.values()), wait=drain.wait, tell=partial(health.waits, "events")
    ):
        return
    folder = state.folder_of(settings.store.dir, share.index)
    with recovery.locked(folder), DeadLetters(deadletters_path(settings)) as dead:
        begun = state.load(settings.store.dir, share)
        tallies = Tallies()
        if begun.tallies:
            tallies.restore(begun.tallies)
        undertaker = Undertaker(
            dead,
            settings.dead_letters,
            wait=drain.wait,
            clock_us=wall_clock_us,
            tell=partial(health.waits, "dead_letters"),
        )
        opened: dict[str, UpstreamFeed] = {}
        try:
            for name, feed in feeds.items():
                opened[name] = _opened(name, feed, share, begun.places.get(name, {}))
            writer = EventWriter(scale, wait=drain.wait, tell=partial(health.waits, "events"))
            times = _times(settings, feeds)
            intake = Intake(
                {
                    name: Sorting(opened[name], _splitter(settings, scale, name, feed, tallies), topics[name])
                    for name, feed in feeds.items()
                },
                partitions=scale.partitions,
                batch_size=settings.flow.batch_size,
                times=times,
                writer=writer,
                bury=undertaker.bury,
            )
            intake.restore(begun.places)
            clock = FlowClock(
                wall_us=wall_clock_us,
                steady_us=steady_clock_us,
                newest_us=lambda: times.newest_us,
                tell=partial(health.troubles, "clock"),
                kept=folder / _CLOCK,
            )
            guard = DiskGuard(
                folder,
                others=[settings.store.dir],
                least_bytes=settings.flow.min_free_bytes,
                clock_s=time.monotonic,
                tell=partial(health.waits, "disk"),
            )
            health.attach(tallies, intake.partitions)
            health.watch(opened, {name: feed.max_bad_share for name, feed in feeds.items()})
            health.count_pruned(lambda: undertaker.pruned)
            health.watch_machine(lambda: guard.rooms, lambda: clock.off_us)
            log.info("intake.started", feeds=sorted(feeds), share=f"{share.index}/{share.of}", folder=str(folder))

            def save() -> None:
                writer.settle()
                state.save(folder, intake.places(wall_clock_us()), tallies.snapshot())

            parts = _Parts(intake, writer, clock, guard, undertaker, tallies, times, save)
            _loop(parts, health, drain, clock_us=steady_clock_us)
        finally:
            for reading in opened.values():
                reading.close()
        log.info("intake.stopped", events=tallies.events, dead_letters=tallies.dead_letter_count)


class _Parts(NamedTuple):
    intake: Intake
    writer: EventWriter
    clock: FlowClock
    guard: DiskGuard
    undertaker: Undertaker
    tallies: Tallies
    times: Watermarks
    save: Callable[[], None]


def _loop(parts: _Parts, health: FlowHealth, drain: Drain, *, clock_us: Callable[[], int]) -> None:
    """Read, write, tell and save until asked to stop; ``clock_us``: a clock that nobody can set."""
    tell_at_us = save_at_us = clock_us()
    try:
        while not drain.requested:
            steady_us = clock_us()
            health.beat(steady_us)
            if parts.guard.full():
                drain.wait(_FULL_WAIT_S)
                continue
            parts.undertaker.look(wall_clock_us())
            now_us = parts.clock.now_us()
            if parts.clock.interrupted():
                parts.intake.listen_anew(now_us)
            busy = parts.intake.step(now_us, parts.clock.latest_us)
            if steady_us >= tell_at_us:
                tell_at_us = steady_us + TELL_EVERY_US
                parts.intake.tell(now_us)
                parts.tallies.progress = parts.times.progress
            if steady_us >= save_at_us:
                save_at_us = steady_us + SAVE_EVERY_US
                parts.save()
            if not busy:
                drain.wait(_IDLE_WAIT_S)
        parts.save()
    except TopicUnavailableError as error:
        log.warning("intake.stopped_while_waiting", reason=str(error), action="the next start writes the same again")


def _opened(name: str, settings: KafkaSettings, share: Share, places: dict[str, state.Place]) -> UpstreamFeed:
    feed = UpstreamFeed(name, settings, FeedContext(recording=False, share=share))
    feed.know({partition.rpartition("/")[0]: place.topic_id for partition, place in places.items() if place.topic_id})
    feed.open({partition: place.offset for partition, place in places.items()})
    return feed


def _times(settings: Settings, feeds: dict[str, KafkaSettings]) -> Watermarks:
    def own(feed: str) -> tuple[int | None, int | None]:
        return feeds[feed].lateness, feeds[feed].idle_after

    return Watermarks(settings.time.lateness, settings.time.idle_after, own)


def _splitter(settings: Settings, scale: ScaleSettings, name: str, feed: KafkaSettings, tallies: Tallies) -> Splitter:
    return Splitter(
        name,
        partitions=scale.partitions,
        mapped=feed.mapping is not None,
        decoder=Decoder({name: feed.mapping}, tallies.schema_changes),
        future_skew_us=settings.time.future_skew,
        largest_bytes=LARGEST_EVENT_BYTES,
        tallies=tallies,
    )
