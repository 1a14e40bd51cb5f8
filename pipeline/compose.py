"""Builds the parts of the flow out of settings: detectors, feeds, prepare. Nothing is opened or read here."""

import gc
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import detectors.catalogue  # noqa: F401 - registers every detector
import pipeline.feeds.catalogue  # noqa: F401 - registers every feed
from config.settings import Settings
from detectors.contract import DETECTORS, Context, Detector, WindowDetector
from pipeline.columns.lane import ColumnLane
from pipeline.columns.wants import Wants
from pipeline.decode import Decoder
from pipeline.dedup import Deduplicator, Sizes
from pipeline.enrich import Enricher
from pipeline.feeds.contract import FEEDS, Feed, FeedContext, FeedSettings, Share
from pipeline.feeds.demo import DemoSettings
from pipeline.feeds.file import FileSettings, check_files
from pipeline.feeds.requeue import RequeueFeed
from pipeline.findings.keeping import FindingKeeper
from pipeline.findings.places import findings_path
from pipeline.kpis import Kpis
from pipeline.lane import Pace
from pipeline.listening import listener_problems
from pipeline.prepare import FeedTime, Prepare, TimeRules
from pipeline.routing import ProcessRouter, Router
from pipeline.tallies import Tallies


def build_detectors(settings: Settings) -> dict[str, Detector]:
    """Return the detectors that the settings name, by name.

    Raises:
        ValueError: naming the field, for settings that contradict each other.
    """
    context = Context(calendars=settings.calendars)
    built = {
        name: DETECTORS.factory(entry.type)(name, entry, context) for name, entry in sorted(settings.detectors.items())
    }
    for name, problem in listener_problems(built).items():
        msg = f"detectors.{name}: {problem}"
        raise ValueError(msg)
    return built


def feed_settings(settings: Settings) -> dict[str, FeedSettings]:
    """Return the settings of every feed, by name."""
    return {name: entry for name, entry in sorted(settings.feeds.items()) if isinstance(entry, FeedSettings)}


def max_bad_shares(settings: Settings) -> dict[str, float]:
    """Return how many of the records of each feed may be bad, as a share."""
    return {name: entry.max_bad_share for name, entry in feed_settings(settings).items()}


def build_feeds(settings: Settings, context: FeedContext) -> dict[str, Feed]:
    """Return the feeds, by name."""
    return {name: FEEDS.factory(entry.type)(name, entry, context) for name, entry in feed_settings(settings).items()}


def check_feeds(settings: Settings, *, recording: bool) -> None:
    """Prove, before the engine starts, that feeds of files have files: an error in the engine is hard to read.

    Raises:
        FeedError: naming the feed and the path.
    """
    for name, entry in feed_settings(settings).items():
        if isinstance(entry, FileSettings):
            check_files(name, entry, follow=entry.follow and not recording)


def build_requeue(settings: Settings, dead_letters: Path, numbers: Collection[int] | None = None) -> dict[str, Feed]:
    """Return, for each feed, the feed of its requeued dead letters, by name.

    Args:
        settings: name the feeds.
        dead_letters: the store.
        numbers: of the partitions of this process; None: the work is not shared.
    """
    feeds = [RequeueFeed(name, dead_letters, numbers) for name in feed_settings(settings)]
    return {feed.name: feed for feed in feeds}


def build_keeper(
    settings: Settings, built: Mapping[str, Detector], share: Share, tell: Callable[[str | None], None]
) -> FindingKeeper:
    """Return what keeps the findings of a flow process; ``tell`` is told why it cannot, and None when it can again."""
    return FindingKeeper(findings_path(settings, share), settings.findings, windows=window_detectors(built), tell=tell)


def window_detectors(built: Mapping[str, Detector]) -> frozenset[str]:
    """Return the names of the window detectors."""
    return frozenset(name for name, detector in built.items() if isinstance(detector, WindowDetector))


def build_kpis(settings: Settings, built: Mapping[str, Detector], clock_us: Callable[[], int]) -> Kpis:
    """Return what counts the figures of service recovery; ``clock_us`` is that of events."""
    known = settings.detectors
    types = {name: known[name].type if name in known else name for name in built}
    return Kpis(types, window_detectors(built), clock_us)


def build_enricher(settings: Settings) -> Enricher:
    """Return what completes events: the table of customers, and sentiment for text."""
    return Enricher(settings.profiles, settings.sentiment)


def build_prepare(
    settings: Settings,
    *,
    router: Router,
    enricher: Enricher,
    tallies: Tallies,
    pace: Pace,
    dedup_folder: Path | None,
) -> Prepare:
    """Return the prepare step that gives its events to ``router``."""
    entries = feed_settings(settings)
    tasks = 1 if settings.scale is None else settings.scale.partitions  # at most so many memories of ids in a process
    return Prepare(
        decoder=Decoder(
            {name: entry.mapping for name, entry in entries.items()},
            tallies.schema_changes,
            build_columns(settings, router),
        ),
        enrich=enricher.enrich,
        rules=TimeRules(
            lateness_us=settings.time.lateness,
            idle_after_us=settings.time.idle_after,
            dedup_horizon_us=settings.time.dedup_horizon,
            future_skew_us=settings.time.future_skew,
        ),
        feed_times={name: FeedTime(entry.lateness, entry.idle_after) for name, entry in entries.items()},
        router=router,
        dedup=Deduplicator(settings.time.dedup_horizon, dedup_folder, sizes=Sizes().shared(tasks)),
        tallies=tallies,
        pace=pace,
    )


def build_columns(settings: Settings, router: Router) -> ColumnLane | None:
    """Return what takes records as columns, where the router takes these and the settings allow it.

    Raises:
        ImportError: when the settings insist on it and what it needs is not installed.
    """
    wants = router.wants if isinstance(router, ProcessRouter) else None
    mode = settings.flow.columns
    if wants is None or mode == "off":
        return None
    if settings.profiles is not None:  # of events that are packed nobody looks up the customer
        wants = Wants(wants.fields, wants.as_events | wants.made)
    return ColumnLane(wants, mode)


def clock(settings: Settings, wall_us: Callable[[], int]) -> Callable[[], int]:
    """Return the clock of events: the wall clock, or the simulated one where a feed is a demo."""
    for entry in feed_settings(settings).values():
        if isinstance(entry, DemoSettings):
            return entry.clock(wall_us=wall_us)
    return wall_us


def pace_of(settings: Settings) -> float:
    """Return how many seconds of events go by in a second of the wall clock: 1, or the speed of a demo feed."""
    speeds = [entry.speed for entry in feed_settings(settings).values() if isinstance(entry, DemoSettings)]
    return max(speeds, default=1.0)


def warm_up(built: Mapping[str, Detector]) -> None:
    """Load what window detectors load when they are first used, before anything is read.

    River takes two seconds, in which the first events would wait; and where the garbage collector was tuned before, it
    would look through all of River again and again.
    """
    windows = [detector for detector in built.values() if isinstance(detector, WindowDetector)]
    for detector in windows:
        detector.state()
    if windows and gc.get_freeze_count():
        gc.collect()
        gc.freeze()
