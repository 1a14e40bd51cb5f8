"""Learns sentiment in the flow that runs, where one process does all the work.

What it knows must outlive the process, and go on exactly where the flow's own state does. So labels are written to a
file beside the flow's state before that is saved; what they amount to is written once for every version, and the file
begins anew. After a kill the flow gives again what came after its last snapshot: what is known already is not learned
twice.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from config.enrichment import SentimentSettings
from config.settings import Settings
from detectors.contract import NEVER_US, Progress
from detectors.events import Event, SurveyEvent
from detectors.models.text.learner import Labelled, Learner
from detectors.models.text.version import Version
from pipeline import durable, recovery
from pipeline.lane import PartitionKey
from pipeline.routing import Routed, Router
from pipeline.sentiment import Sentiment
from pipeline.sentiment_learning import STATE, labelled, learn_settings, restored, rules_of
from pipeline.sentiment_versions import FolderBlobs, VersionStore, VersionStoreError
from pipeline.watermarks import Watermarks

log = structlog.get_logger(__name__)
LABELS = "labels.journal"
"""In the flow's recovery folder: the labels since the last version, with their texts."""
_HEAD_BYTES = 8


class _Step(msgspec.Struct, array_like=True, frozen=True):
    """One step of learning: the labels that came, how far time had come after them, and the newest event by then."""

    labels: list[Labelled]
    watermark_us: int
    newest_us: int


_DECODER = msgspec.msgpack.Decoder(list[_Step])


class LiveLearner:
    """Learns what passes by, and publishes versions. What goes wrong on the disk ends the learning, never the flow.

    Args:
        settings: with ``learn``.
        folder: of the flow's state.

    Attributes:
        published: called after a version was published.

    Raises:
        VersionStoreError: when what is known cannot be gone on with.
    """

    def __init__(self, settings: SentimentSettings, folder: Path) -> None:
        how = learn_settings(settings)
        self._sentiment = Sentiment(settings)
        self._store = VersionStore(FolderBlobs(how.versions), str(how.versions))
        self._state = how.versions / STATE
        self._learner = restored(Learner(rules_of(how), self._sentiment.prior), self._state)
        self._journal = folder / LABELS
        self._found: list[Labelled] = []
        self._unsaved: list[_Step] = []
        self._newest_us = NEVER_US
        self._stopped = False
        self.published: Callable[[], None] = _nobody
        steps, self._length = _read(self._journal)
        for step in steps:
            self._step(step)

    @property
    def labels(self) -> int:
        """How many labels were learned."""
        return self._learner.labels

    def see(self, events: Sequence[Event]) -> None:
        """Put the labelled texts among events aside. All events were scored by the versions known now."""
        for event in events:
            self._newest_us = max(self._newest_us, event.time_us)
            if event.__class__ is SurveyEvent:
                found = labelled(event, self._sentiment)
                if found is not None:
                    self._found.append(found)

    def take(self, watermark_us: int) -> None:
        """Learn what was put aside, as far as the watermark has passed it."""
        if self._stopped:
            return
        found, self._found = self._found, []
        unsaved = self._unsaved
        if not found and watermark_us <= self._learner.learned_to_us:
            return
        step = _Step(found, watermark_us, self._newest_us)
        if not found and unsaved and not unsaved[-1].labels:
            unsaved[-1] = step  # time went on twice and nothing came: once is enough
        else:
            unsaved.append(step)
        try:
            if self._step(step):
                # Everything so far is in the learner's state now.
                durable.replace(self._state, self._learner.snapshot())
                durable.append(self._journal, 0, b"")
                self._length, self._unsaved = 0, []
                self.published()
        except (OSError, VersionStoreError) as error:
            self._stop(error)

    def save(self) -> None:
        """Make durable what came since the last call. Called before the flow's own state is saved."""
        if self._stopped or not self._unsaved:
            return
        payload = msgspec.msgpack.encode(self._unsaved)
        head = len(payload).to_bytes(4, "big") + zlib.crc32(payload).to_bytes(4, "big")
        try:
            durable.append(self._journal, self._length, head + payload)
        except OSError as error:
            self._stop(error)
            return
        self._length += _HEAD_BYTES + len(payload)
        self._unsaved = []

    def _step(self, step: _Step) -> bool:
        """Learn, and publish the versions that this makes; return whether there are any."""
        # Whatever was scored already was scored without them: they must not hold for that.
        self._learner.not_before_us = step.newest_us + 1
        versions = self._learner.take(step.labels, step.watermark_us)
        for version in versions:
            self._store.publish(version)
            header = version.header
            log.info("sentiment.published", number=header.number, labels=header.labels, used=_used(version))
        return bool(versions)

    def _stop(self, error: Exception) -> None:
        self._stopped = True
        log.error("sentiment.learning_stopped", error=str(error), hint="put it right and start the flow again")


class LearningRouter:
    """Shows all events to a learner on their way to the detectors.

    Args:
        inner: where they go.
        learner: what learns.
    """

    def __init__(self, inner: Router, learner: LiveLearner) -> None:
        self._inner = inner
        self._learner = learner

    @property
    def by_partition(self) -> bool:
        """Whether the routes must be told of which partition events are."""
        return self._inner.by_partition

    def add(self, events: Sequence[Event], source: PartitionKey) -> None:
        """Show events, and put them aside for their detectors."""
        self._learner.see(events)
        self._inner.add(events, source)

    def hand_out(self, progress: Progress, times: Watermarks, now_us: int | None, out: list[Routed]) -> None:
        """Learn up to the watermark, and hand out what was put aside."""
        self._learner.take(progress.watermark_us)
        self._inner.hand_out(progress, times, now_us, out)

    def snapshot(self) -> object:
        """Make durable what the learner knows, and return the state of the routes."""
        self._learner.save()
        return self._inner.snapshot()

    def restore(self, state: object) -> None:
        """Take over what :meth:`snapshot` returned."""
        self._inner.restore(state)


@contextmanager
def learning(settings: Settings, folder: Path) -> Iterator[LiveLearner | None]:
    """Hold the folder of versions, and give what learns in the flow; None where nothing does.

    Args:
        settings: of the flow.
        folder: of its state.

    Raises:
        VersionStoreError: when what is known cannot be gone on with.
        RecoveryFolderInUseError: when another process learns into the folder.
    """
    how = settings.sentiment.learn
    if how is None or not how.in_flow:
        yield None
        return
    if settings.scale is not None:
        log.warning("sentiment.not_learned", why="several processes share the work; use makegood sentiment learn")
        yield None
        return
    with recovery.locked(how.versions):
        yield LiveLearner(settings.sentiment, folder)


def _read(journal: Path) -> tuple[list[_Step], int]:
    """Return the steps in a journal, and how many bytes of it are whole: a kill may have cut the last entry off."""
    data = journal.read_bytes() if journal.exists() else b""
    steps: list[_Step] = []
    at = 0
    while at + _HEAD_BYTES <= len(data):
        end = at + _HEAD_BYTES + int.from_bytes(data[at : at + 4], "big")
        payload = data[at + _HEAD_BYTES : end]
        if end > len(data) or zlib.crc32(payload) != int.from_bytes(data[at + 4 : at + _HEAD_BYTES], "big"):
            break
        steps += _DECODER.decode(payload)
        at = end
    return steps, at


def _used(version: Version) -> list[str]:
    return [language.name for language in version.header.languages if language.share > 0.0]


def _nobody() -> None:
    """Tell nobody."""
