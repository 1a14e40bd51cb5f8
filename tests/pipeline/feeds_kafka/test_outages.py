"""What the Kafka feed does while its broker is away: nothing is lost, and silence is not taken for knowledge."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from pipeline.feeds import kafka_probe
from pipeline.feeds.contract import FeedContext, Status
from pipeline.feeds.kafka import KafkaFeed
from tests.pipeline.feeds_kafka.reading import SMALL_BATCHES, SMALL_QUEUE, Reader, numbered, settings
from tests.support.kafka import Broker
from tests.support.ports import free_port

pytestmark = pytest.mark.kafka


@pytest.fixture
def topic(broker: Broker) -> str:
    return broker.create_topic(partitions=2)


@pytest.fixture
def live(broker: Broker, topic: str) -> Iterator[Reader]:
    feed = KafkaFeed("shop", settings(broker, topic, **SMALL_QUEUE), FeedContext(recording=False))
    yield Reader(feed)
    feed.close()


def test_a_broker_stopped_in_the_middle_loses_and_repeats_nothing(broker: Broker, topic: str, live: Reader) -> None:
    broker.produce(topic, numbered(4000, 2), **SMALL_BATCHES)
    live.feed.open({})
    live.until(lambda: live.count() > 100)
    broker.stop()
    live.until_all(Status.UNREACHABLE)
    assert live.count() < 4000
    broker.start()
    broker.produce(topic, numbered(100, 2, 4000))
    live.until(lambda: live.count() >= 4100)
    live.until_all(Status.CAUGHT_UP)
    assert sorted(live.values()) == sorted(value for _, value in numbered(4100, 2))


def test_a_broker_killed_and_started_again_is_read_on_from_where_we_were(
    broker: Broker, topic: str, live: Reader
) -> None:
    broker.produce(topic, numbered(10, 2))
    live.feed.open({})
    live.until_all(Status.CAUGHT_UP)
    broker.kill()
    live.until_all(Status.UNREACHABLE)
    broker.start()
    broker.produce(topic, numbered(10, 2, 10))
    live.until(lambda: live.count() >= 20)
    assert sorted(live.values()) == sorted(value for _, value in numbered(20, 2))


def test_a_broker_that_no_longer_answers_makes_silence_mean_nothing(
    broker: Broker, topic: str, live: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_probe, "REQUEST_TIMEOUT_S", 1.0)
    live.feed.open({})
    live.until_all(Status.CAUGHT_UP)
    broker.pause()  # connections stay open, so no error comes from the network
    live.until_all(Status.UNREACHABLE)
    broker.resume()
    live.until_all(Status.CAUGHT_UP)


def test_a_broker_that_is_away_at_the_start_is_waited_for_and_said_once(
    broker: Broker, topic: str, live: Reader
) -> None:
    broker.produce(topic, numbered(10, 2))
    broker.stop()
    with capture_logs() as logs:
        live.feed.open({f"{topic}/1": 3})
        live.until(lambda: any(entry.get("what") == "cluster" for entry in logs))
        assert live.feed.partitions() == {f"{topic}/0": Status.UNREACHABLE, f"{topic}/1": Status.UNREACHABLE}
        assert live.feed.offsets() == {f"{topic}/1": 3}
        broker.start()
        live.until_all(Status.CAUGHT_UP)
    assert live.count() == 7
    said = [entry["log_level"] for entry in logs if entry.get("what") == "cluster"]
    # A broker that starts may be there, away and there again; each change is said, and nothing twice.
    assert said == ["error", "info"] * (len(said) // 2)


def test_a_feed_of_an_address_where_nobody_listens_opens_polls_and_closes(live: Reader) -> None:
    nobody = KafkaFeed(
        "shop",
        live.feed._settings.model_copy(update={"bootstrap": [f"127.0.0.1:{free_port()}"]}),
        FeedContext(recording=True),
    )
    reader = Reader(nobody)
    with capture_logs() as logs:
        nobody.open({})
        # Whoever looks late may hear first that nobody has answered in time.
        reader.until(lambda: any("Connection refused" in entry.get("reason", "") for entry in logs))
    assert reader.all_are(Status.UNREACHABLE)
    nobody.close()
