"""What the feed does with a schema registry: passwords, certificates, and what it says when it does not answer."""

import json
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from config.secret import SecretMissingError
from pipeline.feeds.contract import FeedContext
from pipeline.feeds.kafka import KafkaFeed
from pipeline.feeds.kafka_records import SchemaAwaited
from pipeline.feeds.kafka_registry_settings import RegistrySettings
from pipeline.feeds.kafka_settings import KafkaSettings
from pipeline.feeds.kafka_values.reader import SchemaValues
from tests.pipeline.feeds_kafka.schemas import CASE, read, values
from tests.support.patience import PATIENCE_S
from tests.support.schema_registry import LocalRegistry, basic

VALUE = b"\x00\x00\x00\x00\x01\x02a\x00"
Start = Callable[..., LocalRegistry]
Opened = Callable[..., SchemaValues]


@pytest.fixture
def serve() -> Iterator[Start]:
    made: list[LocalRegistry] = []

    def start(**more: Any) -> LocalRegistry:
        server = LocalRegistry(**more).start()
        server.register("case", json.dumps(CASE))
        made.append(server)
        return server

    yield start
    for server in made:
        server.stop()
        assert server.unexpected == []


@pytest.fixture
def opened() -> Iterator[Opened]:
    made: list[SchemaValues] = []

    def start(registry: LocalRegistry | str, **more: Any) -> SchemaValues:
        made.append(values(registry, "avro", **more))
        return made[-1]

    yield start
    for reader in made:
        reader.close()


def trouble(reader: SchemaValues) -> str:
    """Return what the reader says of its registry, which must be something."""
    give_up_s = time.monotonic() + PATIENCE_S
    while reader.trouble is None:
        with pytest.raises(SchemaAwaited):
            reader.json(VALUE, ())
        assert time.monotonic() < give_up_s
        time.sleep(0.002)
    return reader.trouble


def secret(tmp_path: Path, text: str) -> dict[str, str]:
    place = tmp_path / "secret"
    place.write_text(text)
    return {"file": str(place)}


def test_user_and_password_open_the_registry(serve: Start, opened: Opened, tmp_path: Path) -> None:
    server = serve(authorization=basic("key", "hunter2"))
    reader = opened(server, basic_auth={"user": "key", "password": secret(tmp_path, "hunter2")})
    assert read(reader, VALUE)["id"] == "a"


def test_a_token_is_read_anew_when_it_has_been_changed(serve: Start, opened: Opened, tmp_path: Path) -> None:
    server = serve(authorization="Bearer hunter2")
    reader = opened(server, bearer_token=secret(tmp_path, "hunter1"))
    assert "hunter" not in trouble(reader)
    secret(tmp_path, "hunter2")
    assert read(reader, VALUE)["id"] == "a"
    assert reader.trouble is None


def test_a_refusal_is_no_poison_and_says_so_without_the_password(serve: Start, opened: Opened, tmp_path: Path) -> None:
    server = serve(authorization=basic("key", "hunter2"))
    reader = opened(server, basic_auth={"user": "key", "password": secret(tmp_path, "hunter1")})
    said = trouble(reader)
    assert said.startswith("the schema registry answered HTTP 401: it does not know us")
    assert "hunter" not in said
    server.authorization = basic("key", "hunter1")
    assert read(reader, VALUE)["id"] == "a"


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_an_answer_that_is_no_answer_is_asked_for_again(serve: Start, opened: Opened, status: int) -> None:
    server = serve()
    server.failing = status
    reader = opened(server)
    assert f"HTTP {status}" in trouble(reader)
    server.failing = None
    assert read(reader, VALUE)["id"] == "a"


def test_a_registry_that_is_away_is_waited_for(serve: Start, opened: Opened) -> None:
    server = serve()
    server.stop()
    reader = opened(server)
    assert "does not answer" in trouble(reader)
    server.start()
    assert read(reader, VALUE)["id"] == "a"


def test_what_is_no_registry_at_all_is_not_believed(opened: Opened, serve: Start) -> None:
    server = serve()
    reader = opened(f"{server.url}/somewhere/else")
    assert "HTTP 500" in trouble(reader)
    assert server.unexpected
    server.unexpected.clear()


def test_tls_is_checked_against_the_authority_of_the_settings(serve: Start, opened: Opened, tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    server = serve(tls=tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    assert read(opened(server, ca_file=str(tmp_path / "ca.pem")), VALUE)["id"] == "a"
    assert "certificate" in trouble(opened(server, ca_file=str(tmp_path / "other.pem")))


def test_a_file_of_certificates_that_is_not_there_stops_the_start_and_is_named(tmp_path: Path) -> None:
    told = {"url": "https://localhost:1", "ca_file": str(tmp_path / "gone.pem")}
    feed = KafkaFeed("shop", kafka(value="avro", schema_registry=told), FeedContext(recording=False))
    with pytest.raises(ValueError, match=r"feed 'shop': schema_registry: .*No such file"):
        feed.open({})


def test_a_secret_that_is_not_there_stops_the_start_and_is_named() -> None:
    told = {"url": "https://localhost:1", "bearer_token": {"env": "NO_SUCH_TOKEN"}}
    feed = KafkaFeed("shop", kafka(value="avro", schema_registry=told), FeedContext(recording=False))
    with pytest.raises(SecretMissingError, match="NO_SUCH_TOKEN"):
        feed.open({})


def kafka(**fields: object) -> KafkaSettings:
    return KafkaSettings.model_validate(
        {"type": "kafka", "bootstrap": "localhost:9092", "topics": ["orders"], **fields}
    )


REGISTRY = {"url": "https://registry.example.com"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value": "avro"}, "value: avro needs a schema_registry"),
        ({"value": "protobuf"}, "value: protobuf needs a schema_registry"),
        ({"schema_registry": REGISTRY}, "is of no use with value: json"),
        ({"value": "xml"}, "'json', 'avro', 'protobuf' or 'json_schema'"),
        ({"cloudevents": "maybe"}, "'auto', 'binary' or 'structured'"),
    ],
)
def test_settings_of_values_that_do_not_fit_together_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        kafka(**fields)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"url": "registry:8081"}, "'registry:8081' is not an address: write it like https://"),
        ({"url": []}, "at least 1 item"),
        ({"url": "https://me:hunter2@example.com"}, "address 1 holds a user or password: write them as basic_auth"),
        ({"bearer_token": {"env": "A"}, "basic_auth": {"user": "u", "password": {"env": "B"}}}, "give one of"),
        ({"basic_auth": {"user": "a:b", "password": {"env": "B"}}}, "pattern"),
        ({"key_file": "key.pem"}, "belong to a certificate_file"),
        ({"timeout": "0s"}, "timeout must be longer"),
        ({"properties": {"basic.auth.user.info": "u:hunter2"}}, "is set by Makegood; write it as 'basic_auth'"),
        ({"properties": {"bearer.auth.client.secret": "hunter2"}}, "is a secret: write {env: NAME}"),
    ],
)
def test_wrong_settings_of_a_registry_are_refused_with_what_to_write_instead(
    fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        RegistrySettings.model_validate({**REGISTRY, **fields})
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_all_ways_in_reach_the_client_and_secrets_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_PASSWORD", "hunter2")
    told = RegistrySettings.model_validate(
        {
            "url": "https://a.example.com, https://b.example.com",
            "basic_auth": {"user": "key", "password": secret(tmp_path, "hunter3")},
            "certificate_file": "our.pem",
            "key_file": "our.key",
            "key_password": {"env": "KEY_PASSWORD"},
            "timeout": "2s",
            "properties": {"proxy": "http://proxy:3128"},
        }
    )
    assert told.client_properties() == {
        "url": "https://a.example.com,https://b.example.com",
        "timeout": 2.0,
        "max.retries": 0,
        "ssl.certificate.location": "our.pem",
        "ssl.key.location": "our.key",
        "ssl.key.password": "hunter2",
        "basic.auth.user.info": "key:hunter3",
        "proxy": "http://proxy:3128",
    }
    assert "hunter" not in repr(told)
    assert "hunter" not in told.model_dump_json()
