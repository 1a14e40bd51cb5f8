"""Settings of the Kafka feed: what is refused, and that secrets stay out of sight. Needs no broker."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.feeds.contract import FEEDS, FeedContext
from pipeline.feeds.kafka import KafkaFeed
from pipeline.feeds.kafka_settings import KafkaSettings


def parse(**fields: object) -> KafkaSettings:
    return KafkaSettings.model_validate(
        {"type": "kafka", "bootstrap": "localhost:9092", "topics": ["orders"], **fields}
    )


def test_the_feed_is_registered_as_kafka() -> None:
    assert FEEDS.factory("kafka") is KafkaFeed
    assert FEEDS.settings("kafka") is KafkaSettings


def test_bootstrap_is_a_list_or_one_text_with_commas() -> None:
    servers = ["a.example.com:9092", "SASL_SSL://b.example.com:9093", "[::1]:9092"]
    assert parse(bootstrap=", ".join(servers)).bootstrap == servers
    assert parse(bootstrap=servers).bootstrap == servers


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bootstrap": "localhost"}, "'localhost' is not a server: write host:port"),
        ({"bootstrap": []}, "at least 1 item"),
        ({"topics": []}, "at least 1 item"),
        ({"topics": ["a/b"]}, "'a/b' is not a topic"),
        ({"topics": ["a", "a"]}, "named twice"),
        ({"start": "middle"}, "'earliest' or 'latest'"),
        ({"properties": {"auto.offset.reset": "latest"}}, "is set by Makegood; write it as 'start' of the feed"),
        ({"properties": {"enable.auto.commit": True}}, "'enable.auto.commit' is set by Makegood"),
        ({"properties": {"sasl.password": "hunter2"}}, "'sasl.password' is a secret: write {env: NAME}"),
        ({"properties": {"ssl.key.pem": "hunter2"}}, "'ssl.key.pem' is a secret"),
        ({"topic": "orders"}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_settings_are_refused_with_what_to_write_instead(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse(**fields)
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_secret_reaches_the_client_and_nobody_else(tmp_path: Path) -> None:
    place = tmp_path / "password"
    place.write_text("hunter2\n")
    settings = parse(properties={"sasl.password": {"file": str(place)}, "ssl.key.location": "/etc/key"})
    assert settings.client_properties()["sasl.password"] == "hunter2"
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()


def test_whoever_says_how_long_a_fetch_waits_gets_what_is_there_at_once() -> None:
    ours = parse().client_properties()
    assert (ours["fetch.wait.max.ms"], ours["fetch.min.bytes"]) == (15, 131_072)
    theirs = parse(properties={"fetch.wait.max.ms": 500}).client_properties()
    assert theirs["fetch.wait.max.ms"] == 500
    assert "fetch.min.bytes" not in theirs
    both = parse(properties={"fetch.wait.max.ms": 500, "fetch.min.bytes": 9}).client_properties()
    assert both["fetch.min.bytes"] == 9


def test_properties_that_the_client_refuses_are_an_error_that_names_feed_and_property() -> None:
    feed = KafkaFeed("shop", parse(properties={"no.such.property": "1"}), FeedContext(recording=False))
    with pytest.raises(ValueError, match=r"feed 'shop': .*no\.such\.property"):
        feed.open({})


def test_a_feed_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        KafkaFeed("shop", parse(), FeedContext(recording=False)).poll(1)
