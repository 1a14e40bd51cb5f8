"""The Kafka feed over TLS and with passwords."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from structlog.testing import capture_logs

from pipeline.feeds.contract import FeedContext, Status
from pipeline.feeds.kafka import KafkaFeed
from tests.pipeline.feeds_kafka.reading import Reader, numbered, settings
from tests.support.kafka import BrokerUnavailable, Cluster
from tests.support.kafka_secure import PLAIN_PASSWORD, USER, SecureBroker, shared_secure_broker

pytestmark = pytest.mark.kafka
Open = Callable[..., Reader]


@pytest.fixture
def secure() -> SecureBroker:
    try:
        shared = shared_secure_broker()
    except BrokerUnavailable as why:
        pytest.skip(str(why))
    shared.ensure_running()
    return shared


@pytest.fixture
def topic(secure: SecureBroker) -> str:
    made = secure.create_topic(partitions=2)
    secure.produce(made, numbered(10, 2))
    return made


@pytest.fixture
def open_feed() -> Iterator[Open]:
    feeds = []

    def start(address: str, topic: str, **properties: object) -> Reader:
        told = settings(Cluster(address), topic, properties=properties)
        feeds.append(KafkaFeed("shop", told, FeedContext(recording=False)))
        feeds[-1].open({})
        return Reader(feeds[-1])

    yield start
    for feed in feeds:
        feed.close()


def password(tmp_path: Path, text: str) -> Path:
    place = tmp_path / "password"
    place.write_text(text + "\n")
    return place


def test_tls_is_read_with_the_authority_that_the_settings_name(
    secure: SecureBroker, topic: str, open_feed: Open
) -> None:
    reader = open_feed(secure.tls, topic, **{"security.protocol": "SSL", "ssl.ca.location": secure.ca_file()})
    reader.until_all(Status.CAUGHT_UP)
    assert reader.count() == 10


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_password_out_of_a_file_opens_the_topic(
    secure: SecureBroker, topic: str, open_feed: Open, tmp_path: Path, mechanism: str
) -> None:
    secure.set_password(USER, PLAIN_PASSWORD)
    reader = open_feed(secure.sasl, topic, **secure.sasl_properties(mechanism, password(tmp_path, PLAIN_PASSWORD)))
    reader.until_all(Status.CAUGHT_UP)
    assert reader.count() == 10


def test_a_wrong_password_is_unreachable_says_why_without_it_and_heals_when_the_broker_takes_it(
    secure: SecureBroker, topic: str, open_feed: Open, tmp_path: Path
) -> None:
    secure.set_password(USER, "old-hunter1")
    with capture_logs() as logs:
        reader = open_feed(
            secure.sasl, topic, **secure.sasl_properties("SCRAM-SHA-512", password(tmp_path, "new-hunter3"))
        )
        reader.until(lambda: "uthentication" in str(reader.feed.why_unreachable()))
        assert reader.all_are(Status.UNREACHABLE)
        secure.set_password(USER, "new-hunter3")
        reader.until_all(Status.CAUGHT_UP)
    assert reader.count() == 10
    assert reader.feed.why_unreachable() == {}
    assert "hunter" not in str(logs)
    assert [entry["log_level"] for entry in logs if entry.get("what") == "cluster"][:1] == ["error"]


def test_an_unknown_authority_is_unreachable_says_why_and_heals_with_a_certificate_that_is_known(
    secure: SecureBroker, topic: str, open_feed: Open
) -> None:
    secure.authority = trustme.CA()  # the broker shows a certificate of the one before
    with capture_logs() as logs:
        reader = open_feed(secure.tls, topic, **{"security.protocol": "SSL", "ssl.ca.location": secure.ca_file()})
        reader.until(lambda: "certificate" in str(reader.feed.why_unreachable()))
        assert reader.all_are(Status.UNREACHABLE)
        secure.sign()
        secure.kill()
        secure.start()
        reader.until_all(Status.CAUGHT_UP)
    assert reader.count() == 10
    assert [entry["log_level"] for entry in logs if entry.get("what") == "cluster"][:1] == ["error"]
