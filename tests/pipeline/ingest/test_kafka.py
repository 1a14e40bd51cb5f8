"""Webhooks into a real Kafka topic: 202 when the broker has them, 503 while it is away, and back by itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.feeds.contract import FeedContext
from pipeline.feeds.http import HttpFeed
from pipeline.feeds.kafka import KafkaFeed
from pipeline.feeds.kafka_settings import KafkaSettings
from pipeline.ingest.kafka import key_of
from pipeline.ingest.settings import HttpSettings, KafkaTargetSettings
from tests.pipeline.ingest.process import Ingest, running, until
from tests.support.kafka import Broker, Cluster

SHOP = {b"x-shopify-shop-domain": b"a.example"}


@pytest.mark.parametrize(
    ("template", "record", "key"),
    [
        ("{header:X-Shopify-Shop-Domain}", b"{}", b"a.example"),
        ("{/ticket/id}", b'{"ticket": {"id": 7}}', b"7"),
        ("t-{/ticket/id}/{/a~1b~0c/1}", b'{"ticket": {"id": "x"}, "a/b~c": [1, true]}', b"t-x/true"),
        ("{/ticket/id}", b'{"ticket": {}}', None),
        ("{/ticket/id}", b"no json", None),
        ("{/0}", b"[5]", b"5"),
        ("{/a/b}", b'{"a": "text"}', None),
        ("{/a}-{header:no}", b'{"a": {"b": 1}}', None),
        ("{/a}-{/b}", b'{"a": 1, "b": null}', b"1-"),
        ("{/a}", b'{"a": %s}' % (b"9" * 5000), None),
        (None, b"{}", None),
    ],
)
def test_a_key_comes_from_a_header_or_from_the_record(template: str | None, record: bytes, key: bytes | None) -> None:
    assert key_of(template)(record, SHOP) == key


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"key": "constant"}, "the same for every record"),
        ({"properties": {"acks": 1}}, "set by Makegood"),
        ({"properties": {"sasl.password": "x"}}, "is a secret"),
    ],
)
def test_a_target_that_could_lose_or_leak_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        KafkaTargetSettings.model_validate({"bootstrap": "b:9092", "topic": "t", **wrong})


def test_a_feed_that_writes_to_kafka_reads_nothing_itself(tmp_path: Path) -> None:
    to = {"kafka": {"bootstrap": "b:9092", "topic": "t"}}
    settings = HttpSettings.model_validate({"type": "http", "signature": {"scheme": "none"}, "to": to})
    feed = HttpFeed("f", settings, FeedContext(recording=False, spool=tmp_path))
    feed.open({})
    assert (feed.partitions(), feed.poll(10), feed.positions()) == ({}, [], {})
    feed.close()


def told(bootstrap: str, topic: str) -> str:
    to = f'{{kafka: {{bootstrap: "{bootstrap}", topic: {topic}, key: "{{/id}}"}}}}'
    return f"  f: {{type: http, signature: {{scheme: none}}, once_within: 0s, to: {to}}}"


def read(cluster: Cluster, topic: str) -> dict[str, list[bytes]]:
    """Read a topic as a recording, by partition."""
    settings = KafkaSettings.model_validate({"type": "kafka", "bootstrap": cluster.bootstrap, "topics": [topic]})
    feed = KafkaFeed("t", settings, FeedContext(recording=True))
    feed.open({})
    found: dict[str, list[bytes]] = {}

    def ended() -> bool:
        for batch in feed.poll(1000):
            found.setdefault(batch.partition, []).extend(batch.records)
        return all(status.value == "ended" for status in feed.partitions().values())

    until(ended, lambda: "not read to the end")
    feed.close()
    return found


@pytest.mark.kafka
def test_records_are_in_the_topic_when_they_are_answered_and_those_of_a_key_in_one_partition(
    tmp_path: Path, cluster: Cluster
) -> None:
    topic = cluster.create_topic(partitions=3)
    with running(Ingest(tmp_path, told(cluster.bootstrap, topic))) as server:
        sent = [json.dumps({"id": number % 7, "n": number}).encode() for number in range(30)]
        for body in sent[:20]:
            assert server.post("/ingest/f", body).status == 202
        assert server.post("/ingest/f", b"[" + b",".join(sent[20:]) + b"]").status == 202
        found = read(cluster, topic)
        assert sorted(record for records in found.values() for record in records) == sorted(sent)
        keys = [{json.loads(record)["id"] for record in records} for records in found.values()]
        assert sum(map(len, keys)) == 7
        for records in found.values():
            numbers = [json.loads(record)["n"] for record in records]
            assert numbers == sorted(numbers)
        assert server.stop() == 0


@pytest.mark.slow
@pytest.mark.kafka
def test_while_the_broker_is_away_requests_are_put_off_and_afterwards_accepted_again(
    tmp_path: Path, broker: Broker
) -> None:
    topic = broker.create_topic()
    with running(Ingest(tmp_path, told(broker.bootstrap, topic))) as server:
        assert server.post("/ingest/f", b'{"id": 1}').status == 202
        broker.kill()
        reply = server.post("/ingest/f", b'{"id": 2}')
        assert reply.status == 503
        assert int(reply.headers["retry-after"]) > 0
        assert server.get("/health").status == 503
        broker.start()
        until(lambda: server.post("/ingest/f", b'{"id": 3}').status == 202, lambda: server.log)
        assert server.get("/health").status == 200
        records = [record for found in read(broker, topic).values() for record in found]
        assert {b'{"id": 1}', b'{"id": 3}'} <= set(records)
        assert "Traceback" not in server.log
