"""What a flow process does: all the work alone, or its share of it."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

from config.scale import ScaleSettings
from config.settings import Settings
from detectors.contract import Detector
from pipeline import compose, recovery
from pipeline.engine.logic import PrepareBuilder, PrepareLogic
from pipeline.engine.sinks import CallSink
from pipeline.engine.tasks import task_builder
from pipeline.enrich import Enricher
from pipeline.feeds.contract import Feed, FeedContext, Share
from pipeline.flow import PaneSink
from pipeline.ingest.folder import spool_root
from pipeline.lane import KeyOf, Pace, PartitionKey
from pipeline.routing import ProcessRouter, Router
from pipeline.scale import keys
from pipeline.scale.inbox import WindowTime
from pipeline.scale.panes_health import PanesHealth
from pipeline.scale.parts import ScaledParts, kafka_topics
from pipeline.scale.repartition.feeds import events_topics
from pipeline.scale.topics import PaneWriter, ensure_topics
from pipeline.sentiment_live import LearningRouter
from pipeline.tallies import Tallies
from pipeline.watermarks import PartitionTime

Wait = Callable[[float], bool]
"""Waits that many seconds, and returns whether somebody asked to stop."""
Tell = Callable[[str | None], None]
"""Told why the flow waits; None: no more."""


def deadletters_path(settings: Settings) -> Path:
    """Return where the dead letters of a live flow are kept."""
    return settings.store.dir / "deadletters.db"


class OwnWork:
    """One process does everything.

    Attributes:
        builder: of the prepare step.
        key_of: None: there is one lane.
    """

    key_of: KeyOf | None = None

    def __init__(
        self,
        settings: Settings,
        built: Mapping[str, Detector],
        enricher: Enricher,
        tallies: Tallies,
        pace: Pace,
        folder: Path,
    ) -> None:
        self._settings = settings
        router: Router = ProcessRouter(built, settings.flow.shards)
        if enricher.learner is not None:
            router = LearningRouter(router, enricher.learner)
        prepare = compose.build_prepare(
            settings,
            router=router,
            enricher=enricher,
            tallies=tallies,
            pace=pace,
            dedup_folder=folder / recovery.SEEN,
        )
        self.builder: PrepareBuilder = partial(PrepareLogic, prepare)
        self.partitions: Callable[[], Mapping[PartitionKey, PartitionTime]] = prepare.partitions
        self.windows: Callable[[], Mapping[str, WindowTime]] = dict
        self.panes: Callable[[], PanesHealth] = PanesHealth

    def ready(self, *, wait: Wait, tell: Tell) -> bool:
        """Return True: there is nobody to wait for."""
        del wait, tell
        return True

    def feeds(self) -> dict[str, Feed]:
        """Return the feeds, and those of their requeued dead letters."""
        settings = self._settings
        feeds = compose.build_feeds(settings, FeedContext(recording=False, spool=spool_root(settings)))
        feeds.update(compose.build_requeue(settings, deadletters_path(settings)))
        return feeds

    def pane_sink(self, *, wait: Wait, tell: Tell) -> PaneSink | None:
        """Return None: panes stay in the process."""
        del wait, tell
        return None

    def look(self, now_us: int) -> None:
        """Do nothing: the counts are those of the one lane."""


class SharedWork:
    """One of several processes that share the work.

    Attributes:
        builder: of the prepare step.
        key_of: which task a partition belongs to.
    """

    def __init__(
        self,
        settings: Settings,
        scale: ScaleSettings,
        built: Mapping[str, Detector],
        enricher: Enricher,
        tallies: Tallies,
        pace: Pace,
        folder: Path,
        share: Share,
    ) -> None:
        self._settings = settings
        self._scale = scale
        self._share = share
        self._parts = ScaledParts(
            settings, scale, built, enricher=enricher, total=tallies, pace=pace, seen_folder=folder / recovery.SEEN
        )
        self.builder: PrepareBuilder = task_builder(self._parts)
        self.key_of: KeyOf | None = cache(partial(keys.key_of, partitions=scale.partitions))
        self.partitions: Callable[[], Mapping[PartitionKey, PartitionTime]] = self._parts.partitions
        self.windows: Callable[[], Mapping[str, WindowTime]] = self._parts.windows
        self.panes: Callable[[], PanesHealth] = self._parts.panes

    def ready(self, *, wait: Wait, tell: Tell) -> bool:
        """Wait for the cluster between the processes; return False when somebody asked to stop before it answered.

        Raises:
            ScaleError: when a topic has another number of partitions than the settings say.
        """
        topics = [topic for _, topic in kafka_topics(self._settings)]
        events = events_topics(self._settings).values()
        return ensure_topics(self._scale, topics, events=list(events), wait=wait, tell=tell)

    def feeds(self) -> dict[str, Feed]:
        """Return this process's share of the feeds, of their requeued dead letters, and of the topic of panes."""
        numbers = [number for number in range(self._scale.partitions) if self._share.has(number)]
        requeued = compose.build_requeue(self._settings, deadletters_path(self._settings), numbers)
        return {**self._parts.feeds(self._share), **requeued}

    def pane_sink(self, *, wait: Wait, tell: Tell) -> PaneSink | None:
        """Return what writes to the topic of panes."""
        writer = PaneWriter(self._scale, wait=wait, tell=tell)
        return CallSink(writer.write, writer.settle)

    def look(self, now_us: int) -> None:
        """Bring the counts of all tasks together; ``now_us`` is the wall clock."""
        self._parts.look(now_us)
