import threading
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from config.enrichment import LearnSettings, SentimentSettings
from detectors.events import SocialEvent
from detectors.models.text.learner import Learner
from detectors.models.text.version import Version
from pipeline.enrich import Enricher
from pipeline.events import decode_event
from pipeline.health import FlowHealth
from pipeline.metrics import FlowCollector
from pipeline.sentiment import Sentiment
from pipeline.sentiment_scoring import VersionedSentiment, build_sentiment
from pipeline.sentiment_versions import FolderBlobs, VersionStore, VersionStoreError
from pipeline.tallies import Tallies
from tests.detectors.text_samples import DAY_US, MONDAY_US, labelled, quick

TEXT = "stranded, no crew"
END_US = MONDAY_US + 11 * DAY_US


def versions(seed: int = 1) -> list[Version]:
    prior = Sentiment(SentimentSettings())
    return Learner(quick(hand_over_us=0), prior.prior).take(labelled(300, seed=seed), END_US)


VERSIONS = versions()


def store_of(folder: Path) -> VersionStore:
    return VersionStore(FolderBlobs(folder), str(folder))


def settings_of(folder: Path, **changes: object) -> SentimentSettings:
    return SentimentSettings(learn=LearnSettings(versions=folder), **changes)  # type: ignore[arg-type]


def post(time: str) -> SocialEvent:
    event = decode_event(
        b'{"specversion":"1.0","type":"social.post","source":"s","id":"%s","time":"%s","data":{"text":"%s"}}'
        % (time.encode(), time.encode(), TEXT.encode())
    )
    assert isinstance(event, SocialEvent)
    return event


@pytest.fixture
def full(tmp_path: Path) -> Path:
    for version in VERSIONS:
        assert store_of(tmp_path / "v").publish(version)
    return tmp_path / "v"


def test_what_was_published_is_there_by_number(full: Path) -> None:
    entries = store_of(full).entries()
    assert [entry.number for entry in entries] == list(range(1, 11))
    assert [store_of(full).load(entry).digest for entry in entries] == [version.digest for version in VERSIONS]
    assert not list(full.glob(".*"))


def test_the_same_version_twice_is_no_error_and_another_one_is(full: Path) -> None:
    store = store_of(full)
    assert not store.publish(VERSIONS[3])
    with pytest.raises(VersionStoreError, match="holds another version 3"):
        store.publish(versions(seed=2)[2])


def test_a_version_learned_again_that_would_hold_later_keeps_its_first_time(full: Path) -> None:
    learner = Learner(quick(hand_over_us=0), Sentiment(SentimentSettings()).prior)
    learner.not_before_us = END_US
    assert not any(map(store_of(full).publish, learner.take(labelled(300), END_US)))


def test_of_two_who_publish_at_once_one_is_first(tmp_path: Path) -> None:
    told: list[bool] = []
    barrier = threading.Barrier(4)

    def publish() -> None:
        blobs = FolderBlobs(tmp_path)
        barrier.wait()
        told.append(blobs.write_new("a", b"x" * 10_000))

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.count(True) == 1
    assert (tmp_path / "a").read_bytes() == b"x" * 10_000


def test_a_folder_with_a_gap_or_with_two_of_a_number_is_refused(full: Path) -> None:
    paths = sorted(full.iterdir())
    paths[4].rename(full / "aside")
    with pytest.raises(VersionStoreError, match="without number 5"):
        store_of(full).entries()
    (full / "aside").rename(paths[4])
    (full / "000005.1.sentiment").touch()
    with pytest.raises(VersionStoreError, match="is there twice"):
        store_of(full).entries()


def test_a_damaged_version_and_one_under_another_name_are_refused(full: Path) -> None:
    last = store_of(full).entries()[-1]
    data = (full / last.name).read_bytes()
    (full / last.name).write_bytes(data[:-1])
    with pytest.raises(VersionStoreError, match=last.name):
        VersionedSentiment(settings_of(full), store_of(full))
    (full / last.name).unlink()
    (full / "000010.99999999999999999.sentiment").write_bytes(data)
    with pytest.raises(VersionStoreError, match="under another name"):
        VersionedSentiment(settings_of(full), store_of(full))


def test_a_text_is_scored_by_the_version_in_force_at_its_time(full: Path) -> None:
    sentiment = VersionedSentiment(settings_of(full), store_of(full))
    prior = Sentiment(SentimentSettings())
    known = prior.prior(TEXT, "en")
    assert known is not None
    for before, version in zip([None, *VERSIONS], VERSIONS, strict=False):
        in_force_us = version.header.in_force_us
        expected = known.compound if before is None else before.score(TEXT, "en", known)
        assert sentiment.at(TEXT, "en", in_force_us - 1) == expected
        assert sentiment.at(TEXT, "en_US", in_force_us) == version.score(TEXT, "en", known)
    assert sentiment.at(TEXT, "en", MONDAY_US) == known.compound
    late = sentiment.at(TEXT, "", END_US)
    assert late is not None
    assert late < -0.3 < known.compound


def test_processes_score_alike_whatever_they_scored_before(full: Path) -> None:
    texts = [one.text for one in labelled(60, seed=9)]
    times = [MONDAY_US + day * DAY_US for day in range(-1, 14)]
    jobs = [(text, time_us) for time_us in times for text in texts]
    first = VersionedSentiment(settings_of(full), store_of(full))
    second = VersionedSentiment(settings_of(full, cache_size=0), store_of(full))
    forwards = {job: first.at(job[0], "en", job[1]) for job in jobs}
    backwards = {job: second.at(job[0], "en", job[1]) for job in reversed(jobs)}
    assert forwards == backwards


def test_without_versions_the_score_is_the_priors(tmp_path: Path) -> None:
    sentiment = build_sentiment(settings_of(tmp_path / "none"))
    assert isinstance(sentiment, VersionedSentiment)
    prior = Sentiment(SentimentSettings())
    for text in ("I love it!", "horrible", "", "\U0001f621", "x" * 100_000):
        assert sentiment.at(text, "en", END_US) == prior.score(text)
    assert sentiment.at("schlecht", "de", END_US) is None


def test_a_version_that_comes_is_taken_up_and_one_that_comes_too_late_is_told(tmp_path: Path) -> None:
    sentiment = VersionedSentiment(settings_of(tmp_path), store_of(tmp_path))
    first = VERSIONS[0].header.in_force_us
    sentiment.at(TEXT, "en", first - 1)
    store_of(tmp_path).publish(VERSIONS[0])
    with capture_logs() as logs:
        sentiment.refresh()
        sentiment.refresh()
    assert [entry["event"] for entry in logs] == ["sentiment.version"]
    assert [entry.number for entry in sentiment.entries] == [1]
    sentiment.at(TEXT, "en", VERSIONS[1].header.in_force_us + 5_000_000)
    store_of(tmp_path).publish(VERSIONS[1])
    with capture_logs() as logs:
        sentiment.refresh()
    assert [(entry["event"], entry.get("behind_s")) for entry in logs] == [
        ("sentiment.version", None),
        ("sentiment.version_late", 5),
    ]


def test_versions_that_vanish_while_it_runs_stay_in_force(full: Path) -> None:
    sentiment = VersionedSentiment(settings_of(full), store_of(full))
    told = sentiment.at(TEXT, "en", END_US)
    for path in list(full.iterdir()):
        path.unlink()
    with capture_logs() as logs:
        sentiment.refresh()
    assert [entry["event"] for entry in logs] == ["sentiment.versions_changed"]
    assert sentiment.at(TEXT, "en", END_US) == told


def test_an_older_version_that_is_damaged_leaves_the_prior_and_is_logged(full: Path) -> None:
    (full / store_of(full).entries()[7].name).write_bytes(b"junk")
    sentiment = VersionedSentiment(settings_of(full), store_of(full))
    with capture_logs() as logs:
        told = sentiment.at(TEXT, "en", VERSIONS[7].header.in_force_us)
    assert told == Sentiment(SentimentSettings()).score(TEXT)
    assert [entry["event"] for entry in logs] == ["sentiment.version_unusable"]


def test_the_figures_of_the_version_in_force_are_exported(full: Path) -> None:
    enricher = Enricher(None, settings_of(full))
    health = FlowHealth()
    health.attach(Tallies(), dict)
    health.watch_sentiment(lambda: enricher.sentiment_version)
    registry = CollectorRegistry()
    registry.register(FlowCollector(health, []))
    assert registry.get_sample_value("makegood_sentiment_version") is None
    enricher.enrich([post("2026-03-20T00:00:00Z")])
    figures = VERSIONS[-1].header.languages[0].figures
    by = {"language": "en", "by": "model"}
    assert registry.get_sample_value("makegood_sentiment_version") == 10
    assert registry.get_sample_value("makegood_sentiment_labels") == 300
    assert registry.get_sample_value("makegood_sentiment_model_share", {"language": "en"}) == 1
    assert registry.get_sample_value("makegood_sentiment_accuracy", by) == figures.model_right
    assert registry.get_sample_value("makegood_sentiment_macro_f1", {**by, "by": "prior"}) == figures.prior_f1


def test_events_get_the_score_of_their_own_time(full: Path) -> None:
    events = [post("2026-03-01T00:00:00Z"), post("2026-03-20T00:00:00Z")]
    enricher = Enricher(None, settings_of(full))
    enricher.enrich(events)
    known = VERSIONS[-1].score(TEXT, "en", Sentiment(SentimentSettings()).prior(TEXT, "en"))
    assert [event.data.sentiment for event in events] == [Sentiment(SentimentSettings()).score(TEXT), known]
    assert not enricher.reload_if_changed()
