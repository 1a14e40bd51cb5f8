"""Learns sentiment from the surveys of a recording, and judges what was learned by them.

A recording is read as a replay reads it: feeds, mappings, repeats and watermarks are those of the flow.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import structlog

from config.enrichment import LearnSettings, SentimentSettings
from config.settings import Settings
from detectors.contract import NEVER_US, Progress, SnapshotVersionError
from detectors.events import Event, SurveyEvent
from detectors.models.text.labels import label_of
from detectors.models.text.learner import Labelled, Learner, Rules
from detectors.models.text.version import Header, Version
from pipeline import compose, durable, recovery
from pipeline.feeds.contract import FeedContext
from pipeline.ingest.folder import spool_root
from pipeline.lane import Lane, Pace, PartitionKey
from pipeline.routing import Routed
from pipeline.sentiment import Sentiment, language_of
from pipeline.sentiment_versions import FolderBlobs, VersionStore, VersionStoreError
from pipeline.tallies import Tallies
from pipeline.watermarks import Watermarks

log = structlog.get_logger(__name__)
STATE = "learner.state"
"""In the folder of versions: what the learner knows at the end of what it has read. No texts are in it."""
_IDLE_WAIT_S = 0.01
Take = Callable[[list[Labelled], int], None]


class NotLearningError(Exception):
    """The settings do not say where versions are kept."""


class Learned(msgspec.Struct, frozen=True):
    """What a run of learning did.

    Attributes:
        events, dead_letters: read from the recording.
        labels: learned, in this run.
        late: labels that came after their time had been learned, or that an earlier run has learned.
        published: versions that are new.
        versions: that are there now.
        last: what the newest version says of itself; None: there is none.
    """

    events: int
    dead_letters: int
    labels: int
    late: int
    published: int
    versions: int
    last: Header | None


def learn_settings(settings: SentimentSettings) -> LearnSettings:
    """Return how it is learned.

    Raises:
        NotLearningError: when the settings do not say.
    """
    if settings.learn is None:
        msg = "the settings have no sentiment.learn; expected `sentiment: {learn: {versions: FOLDER}}`"
        raise NotLearningError(msg)
    return settings.learn


def rules_of(settings: LearnSettings) -> Rules:
    """Return the learner's rules."""
    return Rules(
        publish_every_us=settings.publish_every,
        in_force_after_us=settings.in_force_after,
        min_labels=settings.min_labels,
        window=settings.window,
        hand_over_us=settings.hand_over,
        half_life_us=settings.half_life,
    )


def labelled(event: Event, sentiment: Sentiment) -> Labelled | None:
    """Return the labelled text that an event is; None where it is none: no survey, no comment, no score on a scale."""
    if not isinstance(event, SurveyEvent):
        return None
    data = event.data
    label = label_of(data.score, data.scale)
    if label is None or not data.text or data.text.isspace():
        return None
    language = sentiment.language(language_of(event))
    return Labelled(event.time_us, f"{event.source}\x00{event.id}", event.rev, data.text, language, label)


class LabelRouter:
    """Takes labelled texts out of the stream of events, in place of the detectors.

    Args:
        sentiment: tells languages.
        take: gets the texts, and the watermark that has come after them.
    """

    by_partition = False

    def __init__(self, sentiment: Sentiment, take: Take) -> None:
        self._sentiment = sentiment
        self._take = take
        self._found: list[Labelled] = []

    def add(self, events: Sequence[Event], source: PartitionKey) -> None:
        """Put labelled texts aside."""
        del source
        for event in events:
            found = labelled(event, self._sentiment)
            if found is not None:
                self._found.append(found)

    def hand_out(self, progress: Progress, times: Watermarks, now_us: int | None, out: list[Routed]) -> None:
        """Hand over what was put aside."""
        del times, now_us, out
        found, self._found = self._found, []
        self._take(found, progress.watermark_us)

    def snapshot(self) -> None:
        """Return nothing: everything was handed out."""
        return

    def restore(self, state: object) -> None:
        """Take over nothing."""


def read_labels(settings: Settings, sentiment: Sentiment, take: Take) -> Tallies:
    """Read the recordings that the feeds name, and give their labelled texts to ``take``, with the watermark.

    Raises:
        FeedError: when a feed's path names no file.
        ProfilesError: when the table of customers cannot be read.
    """
    compose.check_feeds(settings, recording=True)
    quiet = settings.model_copy(update={"sentiment": SentimentSettings(method="none")})
    pace, tallies = Pace(), Tallies()
    with TemporaryDirectory(prefix="makegood-") as folder:
        prepare = compose.build_prepare(
            settings,
            router=LabelRouter(sentiment, take),
            enricher=compose.build_enricher(quiet),
            tallies=tallies,
            pace=pace,
            dedup_folder=Path(folder),
        )
        feeds = compose.build_feeds(settings, FeedContext(recording=True, spool=spool_root(settings)))
        lane = Lane(feeds, batch_size=settings.flow.batch_size, clock_us=None, tick_us=0, pace=pace)
        lane.open({})
        idle = threading.Event()
        try:
            while not lane.finished:
                items = lane.next()
                for item in items:
                    prepare.take(item)
                if not items and not lane.finished:
                    idle.wait(_IDLE_WAIT_S)
        finally:
            lane.close()
    return tallies


def learn(
    settings: Settings, *, not_before_us: int = NEVER_US, watch: Callable[[Version], None] | None = None
) -> Learned:
    """Learn from a recording, going on where the last run ended, and publish the versions that this makes.

    Args:
        settings: feeds read what is there and end.
        not_before_us: no new version comes into force before this event time.
        watch: told of every version.

    Raises:
        NotLearningError: when the settings do not say where versions are kept.
        VersionStoreError: when other versions are there already.
        RecoveryFolderInUseError: when another process learns into the folder, a flow perhaps.
        FeedError, ProfilesError: when something cannot be read.
    """
    how = learn_settings(settings.sentiment)
    with recovery.locked(how.versions):
        return _learn(settings, how, not_before_us, watch)


def _learn(
    settings: Settings, how: LearnSettings, not_before_us: int, watch: Callable[[Version], None] | None
) -> Learned:
    store = VersionStore(FolderBlobs(how.versions), str(how.versions))
    sentiment = Sentiment(settings.sentiment)
    state = how.versions / STATE
    learner = restored(Learner(rules_of(how), sentiment.prior), state)
    learner.not_before_us = not_before_us
    before, published = learner.labels, 0
    late = learner.late

    def take(found: list[Labelled], watermark_us: int) -> None:
        nonlocal published
        for version in learner.take(found, watermark_us):
            published += store.publish(version)
            if watch is not None:
                watch(version)

    tallies = read_labels(settings, sentiment, take)
    durable.replace(state, learner.snapshot())
    entries = store.entries()
    return Learned(
        events=tallies.events,
        dead_letters=tallies.dead_letter_count,
        labels=learner.labels - before,
        late=learner.late - late,
        published=published,
        versions=len(entries),
        last=store.load(entries[-1]).header if entries else None,
    )


def restored(learner: Learner, state: Path) -> Learner:
    """Return the learner with what was known when ``state`` was written, if there is such a file.

    Raises:
        VersionStoreError: when the file is something else.
    """
    if not state.exists():
        return learner
    try:
        learner.restore(state.read_bytes())
    except (ValueError, SnapshotVersionError, msgspec.MsgspecError) as error:
        msg = f"{state}: {error}; move it away, and learn the recording from its beginning"
        raise VersionStoreError(msg) from error
    return learner
