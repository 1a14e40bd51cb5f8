"""The Kafka channel, against a real broker."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from pydantic import ValidationError

from sinks.channels.kafka import KafkaChannel, KafkaChannelSettings, record_value
from sinks.contract import DeliveryError, Failure, Message, Reason
from sinks.kafka_errors import ERRORS, kafka_failure
from sinks.payload import webhook_payload
from tests.support.error_tables import documented
from tests.support.golden import check_golden
from tests.support.http import black_hole, refused_port
from tests.support.kafka import Broker, BrokerUnavailable, Cluster
from tests.support.kafka_fixtures import broker, cluster
from tests.support.kafka_records import records
from tests.support.kafka_secure import PLAIN_PASSWORD, USER, SecureBroker, shared_secure_broker
from tests.support.messages import message
from tests.support.patience import PATIENCE_S, given_time, until

__all__ = ["broker", "cluster"]
Make = Callable[..., KafkaChannel]


@pytest.fixture
def make() -> Iterator[Make]:
    made = []

    def build(bootstrap: str, topic: str, **more: Any) -> KafkaChannel:
        entry = {"type": "kafka", "bootstrap": bootstrap, "topic": topic, **more}
        made.append(KafkaChannel("bus", KafkaChannelSettings.model_validate(entry)))
        return made[-1]

    yield build
    for channel in made:
        channel.close()


@pytest.fixture
def secure() -> SecureBroker:
    try:
        shared = shared_secure_broker()
    except BrokerUnavailable as why:
        pytest.skip(str(why))
    shared.ensure_running()
    return shared


def _failure(channel: KafkaChannel, told: Message | None = None, timeout_s: float = PATIENCE_S) -> Failure:
    with pytest.raises(DeliveryError) as caught:
        channel.send(told or message(), channel.recipients, timeout_s)
    return caught.value.failure


@pytest.mark.kafka
def test_the_record_is_the_webhooks_json_under_the_alerts_key(cluster: Cluster, make: Make) -> None:
    topic = cluster.create_topic(partitions=3)
    channel = make(cluster.bootstrap, topic)
    (receipt,) = channel.send(message(), channel.recipients, PATIENCE_S)
    (record,) = records(cluster, topic, 3)
    assert (receipt.recipient, receipt.outcome) == (topic, "delivered")
    assert receipt.provider_id == f"{topic}/{record.partition()}@0"
    value = record.value()
    assert value is not None
    assert json.loads(value) == webhook_payload(message())
    assert record.key() == message().notification.alerts[0].fingerprint.encode()
    assert dict(record.headers() or []) == {
        "idempotency-key": message().key.encode(),
        "content-type": b"application/json",
    }
    check_golden("kafka/record", json.loads(value))


@pytest.mark.kafka
def test_records_of_one_thread_are_in_one_partition(cluster: Cluster, make: Make) -> None:
    topic = cluster.create_topic(partitions=8)
    channel = make(cluster.bootstrap, topic)
    for number in range(5):
        told = message(step=f"firing{number}")
        told = msgspec.structs.replace(told, notification=msgspec.structs.replace(told.notification, thread="t-1"))
        channel.send(told, channel.recipients, PATIENCE_S)
    found = records(cluster, topic, 8)
    assert [record.key() for record in found] == [b"t-1"] * 5
    assert len({record.partition() for record in found}) == 1


@pytest.mark.kafka
def test_a_topic_that_is_not_there_is_permanent_and_is_not_made(cluster: Cluster, make: Make) -> None:
    failure = _failure(make(cluster.bootstrap, "no-such-topic-here"))
    assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.BAD_RECIPIENT, True, False)
    assert "UNKNOWN_TOPIC_OR_PART" in failure.detail
    assert "no-such-topic-here" not in cluster.admin.list_topics(timeout=PATIENCE_S).topics


@pytest.mark.kafka
def test_a_record_that_the_topic_finds_too_long_is_permanent(cluster: Cluster, make: Make) -> None:
    topic = cluster.create_topic(max_message_bytes="500")
    failure = _failure(make(cluster.bootstrap, topic))
    assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.REJECTED, True, False)
    assert "MSG_SIZE_TOO_LARGE" in failure.detail


@pytest.mark.kafka
def test_a_long_notification_is_cut_to_what_the_settings_say_and_arrives(cluster: Cluster, make: Make) -> None:
    topic = cluster.create_topic(max_message_bytes="20000")
    channel = make(cluster.bootstrap, topic, max_bytes=20_000)
    channel.send(_long(), channel.recipients, PATIENCE_S)
    (record,) = records(cluster, topic)
    value = record.value()
    assert value is not None
    payload = json.loads(value)
    assert payload["truncatedAlerts"] == 400 - len(payload["alerts"])
    assert 0 < len(payload["alerts"]) < 400
    assert payload["idempotencyKey"] == message().key


@pytest.mark.kafka
def test_the_check_asks_and_writes_nothing(cluster: Cluster, make: Make) -> None:
    topic = cluster.create_topic()
    make(cluster.bootstrap, topic).check(PATIENCE_S)
    assert records(cluster, topic) == []
    with pytest.raises(DeliveryError, match="UNKNOWN_TOPIC_OR_PART"):
        make(cluster.bootstrap, "no-such-topic-here").check(PATIENCE_S)


@pytest.mark.kafka
def test_a_broker_that_goes_silent_between_question_and_record_is_ambiguous_and_the_next_try_works(
    broker: Broker, make: Make
) -> None:
    topic = broker.create_topic()
    channel = make(broker.bootstrap, topic)
    channel.send(message(), channel.recipients, PATIENCE_S)
    writer = channel._writer
    assert writer is not None
    ask = writer.ask
    writer.ask = lambda topic, timeout_s: 1  # type: ignore[method-assign]
    broker.pause()
    try:
        failure = _failure(channel, timeout_s=0.3)
    finally:
        broker.resume()
        writer.ask = ask  # type: ignore[method-assign]
    assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.TIMEOUT, False, True)
    channel.send(message(), channel.recipients, PATIENCE_S)
    keys = [dict(record.headers() or [])["idempotency-key"] for record in records(broker, topic)]
    assert len(keys) in {2, 3}, "the record in doubt may have arrived"
    assert set(keys) == {message().key.encode()}


@pytest.mark.kafka
def test_a_broker_that_was_started_again_is_found_again(broker: Broker, make: Make) -> None:
    topic = broker.create_topic()
    channel = make(broker.bootstrap, topic)
    channel.send(message(), channel.recipients, PATIENCE_S)
    broker.stop()
    failure = _failure(channel, timeout_s=0.5)
    assert (failure.permanent, failure.ambiguous) == (False, False)
    broker.start()
    channel.send(message(), channel.recipients, PATIENCE_S)
    assert len(records(broker, topic)) == 2


@pytest.mark.kafka
def test_tls_and_passwords_are_those_of_a_feed(secure: SecureBroker, make: Make, tmp_path: Path) -> None:
    topic = secure.create_topic()
    password = tmp_path / "password"
    password.write_text(PLAIN_PASSWORD + "\n")
    channel = make(secure.sasl, topic, properties=secure.sasl_properties("PLAIN", password))
    channel.send(message(), channel.recipients, PATIENCE_S)
    assert len(records(secure, topic)) == 1
    password.write_text("wrong-hunter2\n")
    failure = _failure(channel)
    assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.AUTH, True, False)
    password.write_text(PLAIN_PASSWORD + "\n")
    channel.send(message(), channel.recipients, PATIENCE_S)
    assert "hunter2" not in repr((failure, vars(channel), channel._settings))


@pytest.mark.kafka
def test_a_certificate_of_an_unknown_authority_is_refused(secure: SecureBroker, make: Make) -> None:
    failure = _failure(
        make(secure.tls, secure.create_topic(), properties={"security.protocol": "SSL"}), timeout_s=PATIENCE_S
    )
    assert (failure.reason, failure.permanent) == (Reason.AUTH, True)


@pytest.mark.kafka
def test_a_topic_that_we_may_not_write_to_is_permanent(secure: SecureBroker, make: Make, tmp_path: Path) -> None:
    topic = secure.create_topic()
    user, anybody = f"User:{USER}", "*"
    for operation, permission in (("DESCRIBE", "ALLOW"), ("WRITE", "DENY")):
        binding = AclBinding(
            ResourceType.TOPIC,
            topic,
            ResourcePatternType.LITERAL,
            user,
            anybody,
            AclOperation[operation],
            AclPermissionType[permission],
        )
        for future in secure.admin.create_acls([binding]).values():
            future.result(PATIENCE_S)
    # That they are written is answered before the broker goes by them.
    any_of_topic = AclBindingFilter(
        ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, user, anybody, AclOperation.ANY, AclPermissionType.ANY
    )
    until(lambda: len(secure.admin.describe_acls(any_of_topic).result(PATIENCE_S)) == 2, "the rules")
    password = tmp_path / "password"
    password.write_text(PLAIN_PASSWORD + "\n")
    failure = _failure(make(secure.sasl, topic, properties=secure.sasl_properties("PLAIN", password)))
    assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.AUTH, True, False)
    assert "TOPIC_AUTHORIZATION_FAILED" in failure.detail


def test_brokers_that_are_away_are_told_from_those_that_are_silent(make: Make) -> None:
    with refused_port() as port:
        away = make(f"127.0.0.1:{port}", "t")

        def attempt(time_s: float) -> tuple[Reason, bool, bool]:
            failure = _failure(away, timeout_s=time_s)
            return failure.reason, failure.permanent, failure.ambiguous

        wanted = (Reason.UNREACHABLE, False, False)
        assert given_time(attempt, wanted, 0.4) == wanted
    with black_hole() as port:
        failure = _failure(make(f"127.0.0.1:{port}", "t"), timeout_s=0.4)
        assert failure.reason in {Reason.UNREACHABLE, Reason.TIMEOUT}
        assert (failure.permanent, failure.ambiguous) == (False, False)


@pytest.mark.parametrize("code", [code for name, code in vars(KafkaError).items() if name.isupper() and code])
def test_every_error_of_kafka_has_a_meaning(code: int) -> None:
    failure = kafka_failure(KafkaError(code), sent=True)
    reason, is_permanent, ambiguous = ERRORS.get(code, (Reason.SERVER_ERROR, False, True))
    assert (failure.reason, failure.permanent, failure.ambiguous) == (reason, is_permanent, ambiguous)
    assert not (is_permanent and ambiguous)
    assert not kafka_failure(KafkaError(code), sent=False).ambiguous


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"bootstrap": "nowhere"}, "'nowhere' is not a server"),
        ({"topic": "a/b"}, "'a/b' is not a topic"),
        ({"properties": {"acks": "0"}}, "'acks' is set by Makegood"),
        ({"properties": {"message.timeout.ms": 1}}, "write it as 'timeout' of the channel"),
        ({"properties": {"sasl.password": "hunter2"}}, "'sasl.password' is a secret"),
    ],
)
def test_wrong_settings_are_refused_with_what_to_write_instead(more: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        KafkaChannelSettings.model_validate({"type": "kafka", "bootstrap": "a:1", "topic": "t", **more})
    assert expected in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_properties_that_the_client_refuses_are_named_without_their_values(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MG_TEST_SECRET", "hunter2-odd")
    failure = _failure(make("a:1", "t", properties={"no.such.property": {"env": "MG_TEST_SECRET"}}))
    assert (failure.reason, failure.permanent) == (Reason.REJECTED, True)
    assert "no.such.property" in failure.detail
    assert "hunter2" not in str(failure)


def test_what_is_too_long_loses_alerts_then_text_and_never_the_key() -> None:
    payload = webhook_payload(_long())
    for max_bytes in (9_000, 30_000, 100_000):
        value = record_value(payload, max_bytes)
        assert len(value) <= max_bytes
        cut = json.loads(value)
        assert cut["truncatedAlerts"] + len(cut["alerts"]) == 400
        assert cut["idempotencyKey"] == payload["idempotencyKey"]
    assert record_value(payload, 10_000_000) == record_value(payload, 9_000_000)
    assert json.loads(record_value(payload, 10_000_000)) == payload


def _long() -> Message:
    told = message()
    notification = msgspec.structs.replace(told.notification, alerts=told.notification.alerts * 400)
    return msgspec.structs.replace(told, notification=notification, text="Ünïcode 🚨 " * 2_000)


def test_the_page_has_the_table() -> None:
    told = {
        KafkaError(code).name(): reason.value + ("" if is_permanent else " again")
        for code, (reason, is_permanent, _ambiguous) in ERRORS.items()
    }
    assert documented("kafka", r"`(_?[A-Z][A-Z_]+)`") == told
