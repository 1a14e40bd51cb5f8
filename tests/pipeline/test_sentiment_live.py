import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from config.enrichment import LearnSettings, SentimentSettings
from config.scale import ScaleSettings
from config.settings import Settings
from detectors.contract import NEVER_US, Progress
from detectors.events import Event
from pipeline import recovery
from pipeline.events import decode_event
from pipeline.lane import PartitionKey
from pipeline.routing import Routed
from pipeline.sentiment_live import LABELS, LearningRouter, LiveLearner, learning
from pipeline.sentiment_versions import FolderBlobs, VersionStore
from pipeline.watermarks import Watermarks
from tests.detectors.text_samples import DAY_US, HOUR_US, MONDAY_US, labelled
from tests.pipeline.test_sentiment_learning import survey

EVENTS = [decode_event(msgspec.json.encode(survey(one, number))) for number, one in enumerate(labelled(300))]
END_US = MONDAY_US + 11 * DAY_US
LATENESS_US = 6 * HOUR_US


def settings_of(folder: Path) -> SentimentSettings:
    return SentimentSettings(learn=LearnSettings(versions=folder, min_labels=50, window=300, hand_over=0))


def learner_in(folder: Path) -> LiveLearner:
    (folder / "flow").mkdir(parents=True, exist_ok=True)
    return LiveLearner(settings_of(folder / "versions"), folder / "flow")


def digests(folder: Path) -> list[str]:
    store = VersionStore(FolderBlobs(folder / "versions"), "versions")
    return [store.load(entry).learned for entry in store.entries()]


def batches(events: Sequence[Event], size: int) -> list[tuple[Sequence[Event], int]]:
    """Return batches, each with the watermark after it."""
    cut = [events[at : at + size] for at in range(0, len(events), size)]
    newest_us, found = NEVER_US, []
    for batch in cut:
        newest_us = max(newest_us, *(event.time_us for event in batch))
        found.append((batch, newest_us - LATENESS_US))
    return [*found, ([], END_US)]


def run(learner: LiveLearner, jobs: Sequence[tuple[Sequence[Event], int]]) -> None:
    for batch, watermark_us in jobs:
        learner.see(batch)
        learner.take(watermark_us)


@pytest.fixture
def expected(tmp_path: Path) -> list[str]:
    run(learner_in(tmp_path / "expected"), batches(EVENTS, 7))
    found = digests(tmp_path / "expected")
    assert len(found) == 10
    return found


@pytest.mark.parametrize("seed", range(6))
def test_kills_anywhere_change_no_version(tmp_path: Path, expected: list[str], seed: int) -> None:
    """As the engine does it: after a kill, what came since the last snapshot is given again, with the same times."""
    chance = random.Random(seed)
    arrivals = sorted(EVENTS, key=lambda event: event.time_us + chance.randrange(LATENESS_US))
    jobs = batches(arrivals, chance.randrange(1, 40))
    learner = learner_in(tmp_path)
    saved = at = kills = 0
    while at < len(jobs):
        run(learner, jobs[at : at + 1])
        at += 1
        if chance.random() < 0.3:
            learner.save()
            saved = at
        if chance.random() < 0.2 and kills < 12:
            kills += 1
            torn = tmp_path / "flow" / LABELS
            if torn.exists() and chance.random() < 0.5:
                with torn.open("ab") as file:
                    file.write(b"\x00\x00\x01\x00torn")
            learner, at = learner_in(tmp_path), saved
    assert kills
    assert digests(tmp_path) == expected


def test_a_version_never_holds_for_what_was_scored_without_it(tmp_path: Path) -> None:
    """A feed that does not answer holds the watermark back, while events of another feed are scored."""
    learner = learner_in(tmp_path)
    learner.see(EVENTS)
    newest_us = max(event.time_us for event in EVENTS)
    learner.take(MONDAY_US + 3 * DAY_US)
    store = VersionStore(FolderBlobs(tmp_path / "versions"), "versions")
    assert [entry.in_force_us for entry in store.entries()] == [newest_us + 1] * 3


def test_whoever_scores_is_told_of_a_version(tmp_path: Path) -> None:
    learner, told = learner_in(tmp_path), []
    learner.published = lambda: told.append(1)
    run(learner, batches(EVENTS, 50))
    assert told


def test_texts_are_kept_until_their_version_and_no_longer(tmp_path: Path) -> None:
    learner = learner_in(tmp_path)
    learner.see(EVENTS[:10])
    learner.take(MONDAY_US)
    learner.save()
    assert b"crew" in (tmp_path / "flow" / LABELS).read_bytes()
    learner.take(END_US)
    assert (tmp_path / "flow" / LABELS).read_bytes() == b""
    learner.save()
    assert not any(b"crew" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_disk_that_fails_ends_the_learning_and_not_the_flow(tmp_path: Path) -> None:
    learner = learner_in(tmp_path)
    (tmp_path / "flow").rmdir()
    learner.see(EVENTS[:10])
    learner.take(MONDAY_US)
    with capture_logs() as logs:
        learner.save()
        run(learner, batches(EVENTS[10:], 50))
        learner.save()
    assert [entry["event"] for entry in logs] == ["sentiment.learning_stopped"]


class Inner:
    """A router that notes what it is asked."""

    by_partition = False

    def __init__(self) -> None:
        self.calls: list[object] = []

    def add(self, events: Sequence[Event], source: PartitionKey) -> None:
        self.calls.append((len(events), source))

    def hand_out(self, progress: Progress, times: Watermarks, now_us: int | None, out: list[Routed]) -> None:
        del times, out
        self.calls.append((progress.watermark_us, now_us))

    def snapshot(self) -> object:
        return "state"

    def restore(self, state: object) -> None:
        self.calls.append(state)


def test_the_router_learns_and_hands_everything_on(tmp_path: Path) -> None:
    inner, learner = Inner(), learner_in(tmp_path)
    router = LearningRouter(inner, learner)
    router.restore("before")
    router.add(EVENTS[:30], ("f", "0"))
    router.hand_out(Progress(END_US, END_US), Watermarks(0, 0), 5, [])
    assert router.snapshot() == "state"
    assert inner.calls == ["before", (30, ("f", "0")), (END_US, 5)]
    assert learner.labels == 30


def test_a_flow_that_shares_its_work_or_does_not_want_to_does_not_learn(tmp_path: Path) -> None:
    how = LearnSettings(versions=tmp_path / "versions", in_flow=False)
    scale = ScaleSettings(bootstrap=["127.0.0.1:9"], partitions=4)
    sharing = Settings(sentiment=settings_of(tmp_path / "versions"), scale=scale)
    for settings in (Settings(), Settings(sentiment=SentimentSettings(learn=how)), sharing):
        with learning(settings, tmp_path) as found:
            assert found is None
    assert not (tmp_path / "versions").exists()


def test_two_do_not_learn_into_one_folder(tmp_path: Path) -> None:
    settings = Settings(sentiment=settings_of(tmp_path / "versions"))
    with learning(settings, tmp_path) as found:
        assert found is not None
        with pytest.raises(recovery.RecoveryFolderInUseError), learning(settings, tmp_path):
            pass
