"""Records with schemas in a real broker: what waits, what goes on, and that each comes once, in order."""

import json
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from structlog.testing import capture_logs

from pipeline.feeds.contract import FeedContext, Status
from pipeline.feeds.kafka import KafkaFeed
from tests.pipeline.feeds_kafka.reading import Reader, settings
from tests.pipeline.feeds_kafka.schemas import CASE, message_class, proto_pool
from tests.support.kafka import BrokerUnavailable, Cluster
from tests.support.schema_registry import Apicurio, LocalRegistry, shared_apicurio

pytestmark = pytest.mark.kafka
NUMBER = '{"type": "record", "name": "Number", "fields": [{"name": "n", "type": "int"}]}'
OTHER = '{"type": "record", "name": "Other", "fields": [{"name": "n", "type": "int"}]}'
BY_TOPIC = {"subject.name.strategy.type": "TOPIC"}
Open = Callable[..., Reader]


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    server = LocalRegistry().start()
    yield server
    server.stop()
    assert server.unexpected == []


@pytest.fixture
def open_feed(cluster: Cluster) -> Iterator[Open]:
    feeds = []

    def start(
        topic: str, url: str, *, value: str = "avro", recording: bool = False, at: dict[str, int] | None = None
    ) -> Reader:
        told = settings(cluster, topic, value=value, schema_registry={"url": url})
        feeds.append(KafkaFeed("shop", told, FeedContext(recording)))
        feeds[-1].open(at or {})
        return Reader(feeds[-1])

    yield start
    for feed in feeds:
        feed.close()


def written(schema: int, number: int) -> bytes:
    """Return ``{"n": number}`` in the wire format (0 <= number < 2**20)."""
    zigzag, body = number << 1, bytearray()
    while zigzag >= 0x80:
        body.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    return struct.pack(">bI", 0, schema) + bytes([*body, zigzag])


def numbers(reader: Reader, partition: str) -> list[int]:
    return [json.loads(value)["n"] for _, value in reader.records[partition]]


def test_records_wait_for_a_registry_that_is_away_and_come_each_once_in_order(
    cluster: Cluster, registry: LocalRegistry, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=2)
    one, two = registry.register("one", NUMBER), registry.register("two", OTHER)
    # The second schema begins in the middle of what is fetched at once.
    cluster.produce(topic, [(part, written(one if n < 150 else two, n)) for n in range(3000) for part in (0, 1)])
    registry.stop()
    with capture_logs() as logs:
        reader = open_feed(topic, registry.url)
        reader.until(lambda: "does not answer" in str(reader.feed.why_unreachable()))
        reader.until_all(Status.UNREACHABLE)
        assert reader.count() == 0
        assert reader.feed.offsets() == {f"{topic}/0": 0, f"{topic}/1": 0}
        registry.start()
        reader.until_all(Status.CAUGHT_UP)
    for part in (0, 1):
        assert numbers(reader, f"{topic}/{part}") == list(range(3000))
        assert [offset for offset, _ in reader.records[f"{topic}/{part}"]] == list(range(3000))
    said = [(entry["event"], entry["log_level"]) for entry in logs if entry.get("what") == "schema registry"]
    assert said == [("kafka_unreachable", "error"), ("kafka_reachable", "info")]
    assert registry.asked == ["/schemas/ids/1", "/schemas/ids/2"]


@pytest.mark.parametrize("poll_size", [1, 7, 500])
def test_a_recording_with_schemas_ends_with_the_last_record(
    cluster: Cluster, registry: LocalRegistry, open_feed: Open, poll_size: int
) -> None:
    topic = cluster.create_topic(partitions=1)
    schemas = [registry.register(f"s{at}", OTHER.replace("Other", f"Other{at}")) for at in range(6)]
    cluster.produce(topic, [(0, written(schemas[n // 10], n)) for n in range(60)])
    reader = open_feed(topic, registry.url, recording=True)
    reader.poll_size = poll_size
    reader.until_all(Status.ENDED)
    assert numbers(reader, f"{topic}/0") == list(range(60))
    assert reader.feed.offsets() == {f"{topic}/0": 60}


def test_a_snapshot_while_records_wait_resumes_at_the_first_that_waits(
    cluster: Cluster, registry: LocalRegistry, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=1)
    one = registry.register("one", NUMBER)
    cluster.produce(topic, [(0, written(one if n < 10 else one + 1, n)) for n in range(20)])
    reader = open_feed(topic, registry.url)
    reader.until(lambda: reader.count() == 10)
    registry.stop()
    assert reader.feed.offsets() == {f"{topic}/0": 10}
    reader.feed.close()
    registry.start()
    registry.register("two", OTHER)
    again = open_feed(topic, registry.url, at={f"{topic}/0": 10})
    again.until_all(Status.CAUGHT_UP)
    assert numbers(again, f"{topic}/0") == list(range(10, 20))


def test_a_partition_that_waits_does_not_keep_the_others_waiting(
    cluster: Cluster, registry: LocalRegistry, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=2)
    one = registry.register("one", NUMBER)
    cluster.produce(topic, [(1, written(one, 0))])
    reader = open_feed(topic, registry.url)
    reader.until(lambda: reader.count() == 1)
    registry.failing = 503
    cluster.produce(topic, [(0, written(one + 1, 7)), *((1, written(one, n)) for n in range(1, 100))])
    reader.until(lambda: reader.count() == 100)
    reader.until(lambda: reader.feed.partitions()[f"{topic}/0"] is Status.UNREACHABLE)
    assert "HTTP 503" in reader.feed.why_unreachable()[f"{topic}/0"]
    reader.until(lambda: reader.feed.partitions()[f"{topic}/1"] is Status.CAUGHT_UP)
    registry.register("two", OTHER)
    registry.failing = None
    reader.until_all(Status.CAUGHT_UP)
    assert numbers(reader, f"{topic}/0") == [7]


def test_poison_is_kept_with_its_bytes_and_reading_goes_on(
    cluster: Cluster, registry: LocalRegistry, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=1)
    one = registry.register("one", NUMBER)
    sent = [b"{}", written(one, 1), written(99, 2), b"", written(one, 3), written(one, 4) + b"!", written(one, 5)]
    cluster.produce(topic, [(0, value) for value in sent])
    reader = open_feed(topic, registry.url)
    reader.until_all(Status.CAUGHT_UP)
    assert numbers(reader, f"{topic}/0") == [1, 3, 5]
    assert [(bad.offset, bad.raw, bad.reason) for bad in reader.bad] == [
        (at, sent[at], "undecodable") for at in (0, 2, 3, 5)
    ]


def test_polls_do_not_wait_for_a_registry_that_takes_its_time(
    cluster: Cluster, registry: LocalRegistry, open_feed: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = cluster.create_topic(partitions=1)
    one = registry.register("one", NUMBER)
    cluster.produce(topic, [(0, written(one, n)) for n in range(10)])
    answer, get = [False], registry.get

    def slow(*args: Any) -> Any:
        while not answer[0]:
            time.sleep(0.002)
        return get(*args)

    monkeypatch.setattr(registry, "get", slow)
    reader = open_feed(topic, registry.url)
    reader.until(lambda: "schemas" in str(registry.asked) or bool(reader.feed._reading))
    polls = 0
    while polls < 500:  # each would wait for ever
        reader.poll()
        polls += 1
    assert reader.count() == 0
    answer[0] = True
    reader.until_all(Status.CAUGHT_UP)
    assert reader.count() == 10


def test_attributes_in_headers_go_with_a_value_that_has_a_schema(
    cluster: Cluster, registry: LocalRegistry, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=1)
    one = registry.register("one", NUMBER)
    told = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "s", "ce_type": "t", "ce_time": "2026-03-02T09:00:00Z"}
    cluster.produce(topic, [(0, written(one, 7))], headers=[{**told, "content-type": "application/avro"}])
    reader = open_feed(topic, registry.url)
    reader.until_all(Status.CAUGHT_UP)
    (event,) = [json.loads(value) for value in reader.values()]
    assert event == {**{name.removeprefix("ce_"): value for name, value in told.items()}, "data": {"n": 7}}


@pytest.fixture
def apicurio() -> Apicurio:
    try:
        return shared_apicurio()
    except BrokerUnavailable as why:
        pytest.skip(str(why))


def test_a_real_registry_gives_the_schemas_of_confluents_serializer(
    cluster: Cluster, apicurio: Apicurio, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=1)
    context = SerializationContext(topic, MessageField.VALUE)
    with SchemaRegistryClient({"url": apicurio.url}) as client:
        serialize = AvroSerializer(client, json.dumps(CASE), conf=BY_TOPIC)
        sent = [serialize({"id": f"A{n}", "opened": n}, context) for n in range(100)]
    cluster.produce(topic, [(0, value) for value in [*sent, b"\0\0\0\xff\xff\0"]])
    reader = open_feed(topic, apicurio.url)
    reader.until_all(Status.CAUGHT_UP)
    assert [json.loads(value)["id"] for value in reader.values()] == [f"A{n}" for n in range(100)]
    assert [(bad.offset, bad.reason) for bad in reader.bad] == [(100, "undecodable")]


def test_a_real_registry_gives_the_descriptors_of_confluents_serializer(
    cluster: Cluster, apicurio: Apicurio, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=1)
    context = SerializationContext(topic, MessageField.VALUE)
    customer = message_class(proto_pool(), "shop.Customer")
    with SchemaRegistryClient({"url": apicurio.url}) as client:
        value = ProtobufSerializer(customer, client, BY_TOPIC)(customer(name="Ann"), context)
    cluster.produce(topic, [(0, value)])
    reader = open_feed(topic, apicurio.url, value="protobuf")
    reader.until_all(Status.CAUGHT_UP)
    assert reader.values() == [b'{"name":"Ann","number":0}']


def test_a_registry_that_has_protobuf_only_as_text_is_said_and_is_no_poison(
    cluster: Cluster, apicurio: Apicurio, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=1)
    with SchemaRegistryClient({"url": apicurio.url}) as client:
        text = 'syntax = "proto3"; message Told { string name = 1; }'
        number = client.register_schema(f"{topic}-value", Schema(text, "PROTOBUF"))
    cluster.produce(topic, [(0, struct.pack(">bI", 0, number) + b"\0")])
    reader = open_feed(topic, apicurio.url, value="protobuf")
    reader.until(lambda: "format=serialized is needed" in str(reader.feed.why_unreachable()))
    assert reader.bad == []
