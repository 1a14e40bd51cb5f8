"""Puts together what a process needs that shares the work."""

from collections.abc import Mapping
from pathlib import Path

from config.scale import ScaleSettings
from config.settings import Settings
from detectors.contract import Detector, WindowDetector
from pipeline import compose
from pipeline.enrich import Enricher
from pipeline.feeds.contract import Feed, FeedContext, Share
from pipeline.feeds.kafka import KafkaFeed
from pipeline.feeds.kafka_settings import KafkaSettings
from pipeline.ingest.settings import HttpSettings
from pipeline.lane import Pace, PartitionKey
from pipeline.listening import Listening
from pipeline.prepare import Prepare
from pipeline.scale.checks import not_shared
from pipeline.scale.holding import HoldingFeed
from pipeline.scale.inbox import PaneInbox, Refused, WindowTime
from pipeline.scale.keys import PANES_FEED, ScaleError, home_of, requeue_sources, sources
from pipeline.scale.panes_health import PanesHealth, PaneWatch
from pipeline.scale.repartition.feed import RepartitionedFeed
from pipeline.scale.repartition.feeds import events_topics, repartitioned
from pipeline.scale.router import TaskRouter
from pipeline.tallies import Tallies
from pipeline.watermarks import PartitionTime


def kafka_topics(settings: Settings) -> list[tuple[str, str]]:
    """Return the topics that flow processes read for all feeds, (feed, topic) each.

    Raises:
        ScaleError: when a feed is none of Kafka: its records cannot be shared.
    """
    found = []
    sorted_topics = events_topics(settings)
    for name, feed in compose.feed_settings(settings).items():
        if isinstance(feed, HttpSettings) and feed.to is not None:
            continue  # it writes to Kafka and reads nothing
        if not isinstance(feed, KafkaSettings):
            msg = f"feeds.{name}: {not_shared(feed.type)}"
            raise ScaleError(msg)
        found += [(name, topic) for topic in ([sorted_topics[name]] if feed.repartition else feed.topics)]
    return found


def scaled(settings: Settings, share: Share) -> ScaleSettings | None:
    """Return how the work is shared, None where it is not.

    Raises:
        ScaleError: when the share does not fit the settings.
    """
    scale = settings.scale
    if scale is None:
        if share.of > 1:
            msg = "the work is to be shared, and the settings have no `scale`: say there how the processes talk"
            raise ScaleError(msg)
        return None
    if share.of > scale.partitions:
        msg = f"{share.of} processes cannot share {scale.partitions} partitions (scale.partitions)"
        raise ScaleError(msg)
    kafka_topics(settings)
    return scale


class ScaledParts:
    """Makes tasks and inboxes, and adds up what they count.

    Args:
        settings: of everything; must have ``scale``.
        built: the detectors.
        enricher: completes events.
        total: the counts of all tasks, for health and metrics.
        pace: told how far each partition has come.
        seen_folder: where the tasks' memories of ids live.
    """

    def __init__(
        self,
        settings: Settings,
        scale: ScaleSettings,
        built: Mapping[str, Detector],
        *,
        enricher: Enricher,
        total: Tallies,
        pace: Pace,
        seen_folder: Path,
    ) -> None:
        self._settings = settings
        self._scale = scale
        self._built = built
        self._enricher = enricher
        self._total = total
        self._pace = pace
        self._seen_folder = seen_folder
        self._tasks: dict[int, tuple[Prepare, Tallies]] = {}
        self._inboxes: dict[int, PaneInbox] = {}
        self._panes_feed: HoldingFeed | None = None
        self._watch = PaneWatch()

    def prepare(self, task: int) -> tuple[Prepare, TaskRouter]:
        """Return a new prepare for a task, and its router."""
        router = TaskRouter(self._built, task, events_topics(self._settings))
        tallies = Tallies()
        tallies.quality, tallies.schema_changes = self._total.quality, self._total.schema_changes
        prepare = compose.build_prepare(
            self._settings,
            router=router,
            enricher=self._enricher,
            tallies=tallies,
            pace=self._pace,
            dedup_folder=self._seen_folder / str(task),
        )
        self._tasks[task] = prepare, tallies
        return prepare, router

    def inbox(self, number: int) -> PaneInbox:
        """Return a new inbox for a partition of the topic of panes."""
        partitions = self._scale.partitions
        windows = {
            name: detector
            for name, detector in self._built.items()
            if isinstance(detector, WindowDetector) and home_of(name, partitions) == number
        }
        inbox = self._inboxes[number] = PaneInbox(
            windows,
            sources(kafka_topics(self._settings), partitions),
            requeue_sources(compose.feed_settings(self._settings), partitions),
            Listening(self._built, partitions).sources,
        )
        return inbox

    def windows(self) -> dict[str, WindowTime]:
        """Return how far the windows of each detector have been judged that this process judges."""
        return {name: time for inbox in list(self._inboxes.values()) for name, time in inbox.times().items()}

    def panes(self) -> PanesHealth:
        """Return what is wrong with the messages between processes. May be asked in any thread."""
        inboxes, feed = list(self._inboxes.values()), self._panes_feed
        why = {kind: reason for inbox in inboxes for kind, reason in dict(inbox.why).items()}
        return PanesHealth(
            refused={kind.value: count for kind, count in self._refused().items()},
            held={} if feed is None else feed.held(),
            lately={kind.value: why.get(kind, "") for kind in self._watch.lately()},
        )

    def _refused(self) -> dict[Refused, int]:
        inboxes = list(self._inboxes.values())
        return {kind: sum(inbox.refused[kind] for inbox in inboxes) for kind in Refused}

    def partitions(self) -> dict[PartitionKey, PartitionTime]:
        """Return the event time of every partition of every task."""
        return {key: time for prepare, _ in list(self._tasks.values()) for key, time in prepare.partitions().items()}

    def look(self, now_us: int) -> None:
        """Bring the counts of all tasks up to date; ``now_us`` is the wall clock."""
        self._watch.look(self._refused(), now_us)
        self._total.add_up([tallies for _, tallies in self._tasks.values()])

    def feeds(self, share: Share) -> dict[str, Feed]:
        """Return the feeds of this process, and the one that reads the topic of panes."""
        context = FeedContext(recording=False, share=share, partitions=self._scale.partitions)
        feeds = compose.build_feeds(self._settings, context)
        scale = self._scale
        for name, entry in repartitioned(self._settings).items():
            feeds[name] = RepartitionedFeed(name, entry, scale, context)
        panes = KafkaSettings(
            bootstrap=scale.bootstrap, topics=[scale.panes_topic], properties=scale.properties, cloudevents="structured"
        )
        feeds[PANES_FEED] = self._panes_feed = HoldingFeed(KafkaFeed(PANES_FEED, panes, context))
        return feeds
