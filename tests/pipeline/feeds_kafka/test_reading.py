"""What the Kafka feed reads from a broker that stays up."""

from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from pipeline.feeds.contract import FeedContext, Status
from pipeline.feeds.kafka import KafkaFeed
from tests.pipeline.feeds_kafka.reading import SMALL_BATCHES, SMALL_QUEUE, Reader, numbered, settings
from tests.support.kafka import Cluster

pytestmark = pytest.mark.kafka
Open = Callable[..., Reader]


@pytest.fixture
def open_feed(cluster: Cluster) -> Iterator[Open]:
    feeds = []

    def start(topic: str, *, recording: bool = False, at: dict[str, int] | None = None, **more: object) -> Reader:
        feed = KafkaFeed("shop", settings(cluster, topic, **more), FeedContext(recording))
        feeds.append(feed)
        feed.open(at or {})
        return Reader(feed)

    yield start
    for feed in feeds:
        feed.close()


@pytest.mark.parametrize("poll_size", [1, 500, 100_000])
def test_a_recording_reads_every_partition_in_order_and_ends_with_what_was_there(
    cluster: Cluster, open_feed: Open, poll_size: int
) -> None:
    topic = cluster.create_topic(partitions=4)  # the fourth stays empty: it ends at once
    sent = numbered(3000, 3)
    cluster.produce(topic, sent)
    reader = open_feed(topic, recording=True)
    reader.poll_size = poll_size
    reader.until(lambda: reader.count() > 0)
    cluster.produce(topic, [(0, b"after the end"), (3, b"after the end")])
    reader.until_all(Status.ENDED)
    expected = {
        f"{topic}/{part}": list(enumerate(value for to, value in sent if to == part)) for part in range(3)
    }  # fmt: skip
    assert reader.records == expected
    assert reader.feed.offsets() == {f"{topic}/{part}": 1000 * (part < 3) for part in range(4)}


def test_reading_resumes_exactly_after_the_last_record_taken(cluster: Cluster, open_feed: Open) -> None:
    topic = cluster.create_topic(partitions=3)
    sent = numbered(2000, 3)
    cluster.produce(topic, sent)
    taken: list[bytes] = []
    positions: dict[str, int] = {}
    for _ in range(4):
        reader = open_feed(topic, recording=True, at=positions)
        reader.until(lambda reader=reader: reader.count() > 100 or reader.all_are(Status.ENDED))  # type: ignore[misc]
        positions = reader.feed.positions()
        reader.feed.close()
        taken += reader.values()
    last = open_feed(topic, recording=True, at=positions)
    last.until_all(Status.ENDED)
    assert sorted(taken + last.values()) == sorted(value for _, value in sent)


def test_a_live_feed_is_caught_up_at_the_end_and_reading_when_more_comes(cluster: Cluster, open_feed: Open) -> None:
    topic = cluster.create_topic(partitions=2)
    reader = open_feed(topic)
    reader.until_all(Status.CAUGHT_UP)
    reader.poll_size = 1  # else the record may come together with the news that it is the last
    cluster.produce(topic, [(1, b"{}")])
    reader.until(lambda: reader.count() == 1)
    assert reader.feed.partitions() == {f"{topic}/0": Status.CAUGHT_UP, f"{topic}/1": Status.READING}
    reader.until_all(Status.CAUGHT_UP)
    assert set(reader.feed.lag().values()) == {0}


def test_poll_returns_no_more_records_than_asked_for(cluster: Cluster, open_feed: Open) -> None:
    topic = cluster.create_topic(partitions=2)
    cluster.produce(topic, numbered(50, 2))
    reader = open_feed(topic, recording=True)
    while not reader.all_are(Status.ENDED):
        assert reader.poll(7) <= 7
    assert reader.count() == 50


def test_start_latest_skips_what_is_there_but_nothing_of_a_partition_added_later(
    cluster: Cluster, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=1)
    cluster.produce(topic, [(0, b"old")])
    reader = open_feed(topic, start="latest")
    reader.until_all(Status.CAUGHT_UP)
    cluster.add_partitions(topic, 2)
    cluster.produce(topic, [(0, b"new"), (1, b"added")])
    reader.until(lambda: reader.count() == 2)
    assert reader.values() == [b"new", b"added"]


def test_a_replay_reads_from_the_beginning_even_with_start_latest(cluster: Cluster, open_feed: Open) -> None:
    topic = cluster.create_topic(partitions=1)
    cluster.produce(topic, [(0, b"old")])
    reader = open_feed(topic, recording=True, start="latest")
    reader.until_all(Status.ENDED)
    assert reader.values() == [b"old"]


def test_tombstones_and_oversized_records_are_bad_records_and_reading_goes_on(
    cluster: Cluster, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=1, max_message_bytes="5000000")
    cluster.produce(topic, [(0, b"a"), (0, None), (0, b"x" * 2_000_000), (0, b"b")], **{"message.max.bytes": 5_000_000})
    reader = open_feed(topic, recording=True, max_record_bytes=1_000)
    reader.until_all(Status.ENDED)
    assert reader.records == {f"{topic}/0": [(0, b"a"), (3, b"b")]}
    assert [(bad.offset, bad.reason, len(bad.raw)) for bad in reader.bad] == [
        (1, "not_an_object", 0),
        (2, "too_large", 1_000),
    ]
    assert "2000000 bytes" in reader.bad[1].detail


@pytest.mark.parametrize("last_is_committed", [True, False])
def test_transaction_markers_and_aborted_records_leave_gaps_and_a_recording_still_ends(
    cluster: Cluster, open_feed: Open, last_is_committed: bool
) -> None:
    topic = cluster.create_topic(partitions=1)
    cluster.produce_transaction(topic, [(0, b"never")], commit=False)
    cluster.produce_transaction(topic, [(0, b"kept")], commit=True)
    cluster.produce_transaction(topic, [(0, b"last")], commit=last_is_committed)
    reader = open_feed(topic, recording=True)
    reader.until_all(Status.ENDED)
    assert reader.values() == [b"kept", b"last"][: 1 + last_is_committed]
    again = open_feed(topic, recording=True, at=reader.feed.positions())
    again.until_all(Status.ENDED)
    assert again.values() == []


def test_a_position_that_retention_deleted_is_said_counted_and_read_on_from_the_earliest(
    cluster: Cluster, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=1)
    cluster.produce(topic, numbered(100, 1))
    cluster.delete_records(topic, 0, 60)
    with capture_logs() as logs:
        reader = open_feed(topic, at={f"{topic}/0": 10})
        reader.until_all(Status.CAUGHT_UP)
    assert [offset for offset, _ in reader.records[f"{topic}/0"]] == list(range(60, 100))
    assert reader.feed.skipped == {f"{topic}/0": 50}
    (said,) = [entry for entry in logs if entry["event"] == "kafka_offset_out_of_range"]
    assert (said["log_level"], said["partition"], said["wanted"]) == ("error", f"{topic}/0", 10)
    assert said["available"] == [60, 100]


def test_records_deleted_while_we_read_are_said_and_counted(cluster: Cluster, open_feed: Open) -> None:
    topic = cluster.create_topic(partitions=1)
    cluster.produce(topic, numbered(5000, 1), **SMALL_BATCHES)
    reader = open_feed(topic, **SMALL_QUEUE)
    reader.until(lambda: reader.count() > 0)
    cluster.delete_records(topic, 0, 4900)
    reader.until_all(Status.CAUGHT_UP)
    (skipped,) = reader.feed.skipped.values()
    assert skipped > 0
    assert reader.count() + skipped == 5000


def test_a_position_beyond_the_end_reads_a_topic_that_was_made_anew_from_its_beginning(
    cluster: Cluster, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=1)
    cluster.produce(topic, numbered(5, 1))
    with capture_logs() as logs:
        reader = open_feed(topic, at={f"{topic}/0": 700})
        reader.until_all(Status.CAUGHT_UP)
    assert reader.count() == 5
    assert "made anew" in next(entry["reason"] for entry in logs if entry["event"] == "kafka_offset_out_of_range")


def test_an_unknown_topic_is_said_once_and_read_when_it_appears(cluster: Cluster, open_feed: Open) -> None:
    topic = "appears-later-" + cluster.create_topic()
    with capture_logs() as logs:
        reader = open_feed(topic)
        reader.until(lambda: any(entry.get("what") == topic for entry in logs))
        assert reader.feed.partitions() == {f"{topic}/0": Status.UNREACHABLE}
        cluster.create_topic(topic, partitions=2)
        cluster.produce(topic, [(1, b"{}")])
        reader.until(lambda: reader.count() == 1)
    (said,) = [entry for entry in logs if entry["log_level"] == "error" and entry.get("what") == topic]
    assert said["feed"] == "shop"
    assert "Unknown topic" in said["reason"]
