"""CloudEvents in Kafka records: attributes in headers, or the whole event in the value."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.events import decode_event
from pipeline.feeds.contract import FeedContext, Status
from pipeline.feeds.kafka import KafkaFeed
from pipeline.feeds.kafka_cloudevents import envelope, is_binary, is_structured
from pipeline.reasons import Reason, RecordError
from tests.pipeline.feeds_kafka.reading import Reader, settings
from tests.support.kafka import Cluster

ATTRIBUTES: dict[str, bytes | str] = {
    "ce_specversion": "1.0",
    "ce_id": "A1",
    "ce_source": "/shop",
    "ce_type": "social.post",
    "ce_time": "2026-03-02T09:00:00Z",
}
DATA = b'{"text": "Fine.", "channel": "app"}'


def headers(**changes: bytes | str | None) -> list[tuple[str, bytes | None]]:
    told: dict[str, Any] = {
        **ATTRIBUTES,
        **{name.replace("content_type", "content-type"): v for name, v in changes.items()},
    }
    return [
        (name, value.encode() if isinstance(value, str) else value) for name, value in told.items() if value is not None
    ]


def test_attributes_data_and_extensions_become_the_event_that_is_decoded() -> None:
    told = envelope(
        headers(
            ce_subject="Ann Ö",
            ce_sequence="12",
            ce_rev="3",
            ce_traceparent="00-1",
            content_type="application/json; charset=utf-8",
        ),
        DATA,
        decoded=False,
    )
    assert json.loads(told) == {
        "specversion": "1.0",
        "id": "A1",
        "source": "/shop",
        "type": "social.post",
        "time": "2026-03-02T09:00:00Z",
        "subject": "Ann Ö",
        "sequence": 12,
        "rev": 3,
        "traceparent": "00-1",
        "datacontenttype": "application/json; charset=utf-8",
        "data": {"text": "Fine.", "channel": "app"},
    }
    event = decode_event(told)
    assert (event.id, event.subject, event.sequence, event.rev) == ("A1", "Ann Ö", 12, 3)


def test_an_event_without_data_is_a_record_without_a_value() -> None:
    assert "data" not in json.loads(envelope(headers(), None, decoded=False))


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
@pytest.mark.parametrize("value", [None, ""])
def test_a_header_that_is_missing_or_empty_is_named(name: str, value: str | None) -> None:
    with pytest.raises(RecordError, match=f"header {name}: there is none, or it is empty") as caught:
        envelope(headers(**{name: value}), DATA, decoded=False)
    assert caught.value.reason is Reason.MISSING_FIELD


@pytest.mark.parametrize(
    ("changes", "reason", "message"),
    [
        ({"ce_specversion": "0.3"}, Reason.INVALID_VALUE, "header ce_specversion: expected 1.0, got '0.3'"),
        ({"ce_subject": b"\xff"}, Reason.INVALID_UTF8, "header ce_subject: not UTF-8"),
        ({"ce_data": "{}"}, Reason.INVALID_VALUE, "header ce_data: no attribute has this name"),
        ({"content_type": "text/plain"}, Reason.INVALID_VALUE, "header content-type: expected application/json"),
        ({"content_type": "application/json; charset=latin-1"}, Reason.INVALID_VALUE, "header content-type"),
    ],
)
def test_a_header_that_is_wrong_is_named(changes: dict[str, Any], reason: Reason, message: str) -> None:
    with pytest.raises(RecordError) as caught:
        envelope(headers(**changes), DATA, decoded=False)
    assert caught.value.reason is reason
    assert message in caught.value.detail


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/json", "application/vnd.shop+json", "Application/JSON; charset=UTF-8"]
)
def test_every_kind_of_json_is_taken(content_type: str) -> None:
    assert json.loads(envelope(headers(content_type=content_type), DATA, decoded=False))["data"]["text"] == "Fine."


@pytest.mark.parametrize("value", [b"", b"no", b'{}, "id": "forged"', b"{", b'{"a": 1}}'])
def test_a_value_cannot_pass_for_attributes(value: bytes) -> None:
    with pytest.raises(RecordError) as caught:
        envelope(headers(), value, decoded=False)
    assert caught.value.reason is Reason.INVALID_JSON


def test_the_content_type_tells_the_modes_apart() -> None:
    structured = [("content-type", b"Application/CloudEvents+json; charset=UTF-8")]
    assert is_structured(structured)
    assert not is_structured([("content-type", b"application/json")])
    assert is_binary(headers())
    assert not is_binary(structured)
    with pytest.raises(RecordError, match="header content-type: expected application/cloudevents"):
        is_structured([("content-type", b"application/cloudevents+avro")])


Open = Callable[..., Reader]


@pytest.fixture
def open_feed(cluster: Cluster) -> Iterator[Open]:
    feeds = []

    def start(topic: str, **more: object) -> Reader:
        feeds.append(KafkaFeed("shop", settings(cluster, topic, **more), FeedContext(recording=True)))
        feeds[-1].open({})
        return Reader(feeds[-1])

    yield start
    for feed in feeds:
        feed.close()


@pytest.fixture
def mixed(cluster: Cluster) -> str:
    topic = cluster.create_topic(partitions=1)
    whole = envelope(headers(ce_id="A2"), DATA, decoded=False)
    sent: list[tuple[bytes | None, dict[str, bytes | str] | None]] = [
        (DATA, ATTRIBUTES),
        (whole, {"content-type": "application/cloudevents+json", **ATTRIBUTES}),
        (whole.replace(b"A2", b"A3"), None),
        (DATA, {**ATTRIBUTES, "ce_id": ""}),
        (None, {**ATTRIBUTES, "ce_id": "A4"}),
        (whole.replace(b"A2", b"A5"), {"traceparent": "00-1"}),
    ]
    cluster.produce(topic, [(0, value) for value, _ in sent], headers=[told for _, told in sent])
    return topic


@pytest.mark.kafka
def test_each_record_of_a_topic_is_read_as_its_own_headers_say(mixed: str, open_feed: Open) -> None:
    reader = open_feed(mixed)
    reader.until_all(Status.ENDED)
    told = [json.loads(value) for value in reader.values()]
    assert [event["id"] for event in told] == ["A1", "A2", "A3", "A4", "A5"]
    assert [event.get("data", {}).get("text") for event in told] == ["Fine.", "Fine.", "Fine.", None, "Fine."]
    (bad,) = reader.bad
    assert (bad.offset, bad.raw, bad.reason) == (3, DATA, "missing_field")
    assert bad.detail.startswith("header ce_id")


@pytest.mark.kafka
def test_binary_demands_the_headers_of_every_record(mixed: str, open_feed: Open) -> None:
    reader = open_feed(mixed, cloudevents="binary")
    reader.until_all(Status.ENDED)
    assert [offset for offset, _ in reader.records[f"{mixed}/0"]] == [0, 4]
    assert [(bad.offset, bad.detail.split(":")[0]) for bad in reader.bad] == [
        (1, "header content-type"),
        (2, "header ce_specversion"),
        (3, "header ce_id"),
        (5, "header ce_specversion"),
    ]


@pytest.mark.kafka
@pytest.mark.parametrize("more", [{"cloudevents": "structured"}, {"mapping": True}])
def test_headers_are_not_looked_at_where_the_settings_say_so_or_a_mapping_reads_the_value(
    mixed: str, open_feed: Open, more: dict[str, object]
) -> None:
    if "mapping" in more:
        more = {"mapping": {"events": [{"type": "social.post", "id": "{id}", "time": "time"}]}}
    reader = open_feed(mixed, **more)
    reader.until_all(Status.ENDED)
    assert next(value for _, value in reader.records[f"{mixed}/0"]) == DATA
    assert [(bad.offset, bad.reason) for bad in reader.bad] == [(4, "not_an_object")]
