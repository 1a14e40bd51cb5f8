"""What becomes of Avro, Protobuf and JSON Schema values. The registry is ours, the serializers are Confluent's."""

import datetime
import decimal
import json
import math
import struct
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.feeds.kafka_records import SchemaAwaited
from pipeline.feeds.kafka_values.reader import SchemaValues
from pipeline.reasons import Reason, RecordError
from tests.pipeline.feeds_kafka.schemas import CASE, descriptor, message_class, proto_pool, read, values
from tests.support.schema_registry import LocalRegistry

UTC = datetime.UTC
BY_TOPIC = {"subject.name.strategy.type": "TOPIC"}
ALL_TYPES: dict[str, Any] = {
    "type": "record",
    "name": "All",
    "fields": [
        {"name": "instant", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "at", "type": {"type": "int", "logicalType": "time-millis"}},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}},
        {"name": "uuid", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "image", "type": "bytes"},
        {"name": "code", "type": {"type": "fixed", "name": "Code", "size": 2}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "CLOSED"]}},
        {"name": "note", "type": ["null", "string"]},
        {"name": "either", "type": ["long", {"type": "record", "name": "R", "fields": [{"name": "x", "type": "int"}]}]},
        {"name": "counts", "type": {"type": "map", "values": "long"}},
        {"name": "names", "type": {"type": "array", "items": "string"}},
        {"name": "score", "type": "double"},
        {"name": "next", "type": ["null", "All"], "default": None},
    ],
}


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    server = LocalRegistry().start()
    yield server
    server.stop()
    assert server.unexpected == []


@pytest.fixture
def client(registry: LocalRegistry) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": registry.url}) as made:
        yield made


@pytest.fixture
def opened() -> Iterator[Callable[..., SchemaValues]]:
    made: list[SchemaValues] = []

    def start(*args: Any, **more: Any) -> SchemaValues:
        made.append(values(*args, **more))
        return made[-1]

    yield start
    for reader in made:
        reader.close()


def context() -> SerializationContext:
    return SerializationContext("orders", MessageField.VALUE, [])


def test_every_avro_type_becomes_json_as_documented(
    registry: LocalRegistry, client: SchemaRegistryClient, opened: Callable[..., SchemaValues]
) -> None:
    record = {
        "instant": datetime.datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC),
        "local": datetime.datetime(2026, 3, 2, 9, 0),  # noqa: DTZ001 - what a local timestamp is
        "day": datetime.date(2026, 3, 2),
        "at": datetime.time(9, 30),
        "amount": decimal.Decimal("-123456789012345678.90"),
        "uuid": uuid.UUID(int=5),
        "image": b"\x00\xff",
        "code": b"ab",
        "state": "CLOSED",
        "note": None,
        "either": {"x": 3},
        "counts": {"a": 2**53 + 1},
        "names": ["Ä", "b"],
        "score": math.nan,
        "next": None,
    }
    plain = {
        "instant": "2026-03-02T09:00:00.123456Z",
        "local": "2026-03-02T09:00:00",
        "day": "2026-03-02",
        "at": "09:30:00",
        "amount": "-123456789012345678.90",
        "uuid": "00000000-0000-0000-0000-000000000005",
        "image": "AP8=",
        "code": "YWI=",
        "state": "CLOSED",
        "note": None,
        "either": {"x": 3},
        "counts": {"a": 9007199254740993},
        "names": ["Ä", "b"],
        "score": None,
        "next": None,
    }
    value = AvroSerializer(client, json.dumps(ALL_TYPES), conf=BY_TOPIC)({**record, "next": record}, context())
    assert value is not None
    assert read(opened(registry, "avro"), value) == {**plain, "next": plain}


def test_every_protobuf_type_becomes_json_as_documented(
    registry: LocalRegistry, client: SchemaRegistryClient, opened: Callable[..., SchemaValues]
) -> None:
    pool = proto_pool()
    order, customer = message_class(pool, "shop.Order"), message_class(pool, "shop.Customer")
    made = order(
        order_id="A1",
        number=2**53 + 1,
        state="CLOSED",
        image=b"\x00\xff",
        customer=customer(name="Ann"),
        card="visa",
        past=[0, 1, 7],
        rate=math.inf,
        codes=[1, 2],
        lines=[{"item": "tea", "price": 2.5, "part": {"item": "bag"}}],
        by_place={3: {"item": "cup"}},
        by_answer={True: "yes"},
        paid={"currency_code": "EUR", "units": 5, "nanos": 10},
        mask={"paths": ["a.b"]},
    )
    made.bought.FromJsonString("2026-03-02T09:00:00.123456789Z")
    made.waited.FromMilliseconds(1500)
    made.more.update({"x": [1, None, {"y": True}]})
    made.list.extend(["a", 1])
    made.count.value = 2**60
    made.any.Pack(customer(name="Bob", number=4))
    serialize = ProtobufSerializer(order, client, BY_TOPIC)
    value = serialize(made, context())
    line = {"item": "tea", "price": 2.5, "part": {"item": "bag", "price": 0.0}}
    assert value is not None
    assert read(opened(registry, "protobuf"), value) == {
        "order_id": "A1",
        "number": 9007199254740993,
        "state": "CLOSED",
        "lines": [line],
        "by_place": {"3": {"item": "cup", "price": 0.0}},
        "by_answer": {"true": "yes"},
        "image": "AP8=",
        "customer": {"name": "Ann", "number": 0},
        "bought": "2026-03-02T09:00:00.123456789Z",
        "waited": "1.500s",
        "more": {"x": [1.0, None, {"y": True}]},
        "count": 2**60,
        "any": {"@type": "type.googleapis.com/shop.Customer", "name": "Bob", "number": 4},
        "paid": {"currency_code": "EUR", "units": 5, "nanos": 10},
        "card": "visa",
        "past": ["OPEN", "CLOSED", 7],
        "rate": None,
        "mask": "a.b",
        "list": ["a", 1.0],
        "codes": [1, 2],
    }


def test_protobuf_fields_that_cannot_be_absent_are_there_with_their_defaults(
    registry: LocalRegistry, client: SchemaRegistryClient, opened: Callable[..., SchemaValues]
) -> None:
    order = message_class(proto_pool(), "shop.Order")
    value = ProtobufSerializer(order, client, BY_TOPIC)(order(), context())
    assert value is not None
    told = read(opened(registry, "protobuf"), value)
    assert (told["number"], told["state"], told["lines"], told["by_place"]) == (0, "OPEN", [], {})
    assert not {"note", "customer", "card", "cash", "bought", "any"} & told.keys()


def test_a_nested_protobuf_message_is_found_by_its_path(
    registry: LocalRegistry, client: SchemaRegistryClient, opened: Callable[..., SchemaValues]
) -> None:
    line = message_class(proto_pool(), "shop.Order.Line")
    value = ProtobufSerializer(line, client, BY_TOPIC)(line(item="tea", price=1), context())
    assert value is not None
    assert read(opened(registry, "protobuf"), value) == {"item": "tea", "price": 1.0}


def test_an_any_of_an_unknown_type_keeps_its_bytes(
    registry: LocalRegistry, opened: Callable[..., SchemaValues]
) -> None:
    pool = proto_pool()
    number = registry.register("shop/common.proto", descriptor(pool, "shop/common.proto"), "PROTOBUF")
    references = [{"name": "shop/common.proto", "subject": "shop/common.proto", "version": 1}]
    number = registry.register("x", descriptor(pool, "shop/order.proto"), "PROTOBUF", references)
    order = message_class(pool, "shop.Order")(any={"type_url": "type.googleapis.com/who.Knows", "value": b"\1"})
    told = read(opened(registry, "protobuf"), struct.pack(">bI", 0, number) + b"\x02\x02" + order.SerializeToString())
    assert told["any"] == {"@type": "type.googleapis.com/who.Knows", "value": "AQ=="}


def test_json_schema_values_are_what_follows_the_id(
    registry: LocalRegistry, client: SchemaRegistryClient, opened: Callable[..., SchemaValues]
) -> None:
    schema = '{"title": "Case", "type": "object", "properties": {"id": {"type": "string"}}}'
    value = JSONSerializer(schema, client, conf=BY_TOPIC)({"id": "1"}, context())
    assert value is not None
    assert read(opened(registry, "json_schema"), value) == {"id": "1"}


def test_the_guid_of_a_schema_may_be_in_a_header(
    registry: LocalRegistry, client: SchemaRegistryClient, opened: Callable[..., SchemaValues]
) -> None:
    told = context()
    serialize = AvroSerializer(
        client, json.dumps(CASE), conf={**BY_TOPIC, "schema.id.serializer": header_schema_id_serializer}
    )
    value = serialize({"id": "1", "opened": datetime.datetime(2026, 3, 2, tzinfo=UTC)}, told)
    assert value is not None
    assert value[0] != 0
    assert read(opened(registry, "avro"), value, carried(told)) == {"id": "1", "opened": "2026-03-02T00:00:00Z"}
    line = message_class(proto_pool(), "shop.Order.Line")
    told = context()
    conf = {**BY_TOPIC, "schema.id.serializer": header_schema_id_serializer}
    value = ProtobufSerializer(line, client, conf)(line(item="tea"), told)
    assert value is not None
    assert read(opened(registry, "protobuf"), value, carried(told)) == {"item": "tea", "price": 0.0}


def test_schemas_that_refer_to_others_are_put_together_each_once(
    registry: LocalRegistry, opened: Callable[..., SchemaValues]
) -> None:
    base = {"type": "record", "name": "Base", "namespace": "a", "fields": [{"name": "n", "type": "int"}]}
    left = {"type": "record", "name": "Left", "namespace": "a", "fields": [{"name": "base", "type": "Base"}]}
    top = {
        "type": "record",
        "name": "Top",
        "namespace": "b",
        "fields": [{"name": "left", "type": "a.Left"}, {"name": "base", "type": "a.Base"}],
    }
    to_base = {"name": "a.Base", "subject": "base", "version": 1}
    registry.register("base", json.dumps(base))
    registry.register("left", json.dumps(left), references=[to_base])
    to_left = {"name": "a.Left", "subject": "left", "version": 1}
    number = registry.register("top", json.dumps(top), references=[to_left, to_base])
    told = read(opened(registry, "avro"), struct.pack(">bI", 0, number) + b"\x02\x04")
    assert told == {"left": {"base": {"n": 1}}, "base": {"n": 2}}


def carried(context: SerializationContext) -> list[tuple[str, bytes | None]]:
    """Return the headers that a serializer has set."""
    headers = context.headers
    assert isinstance(headers, list)
    return [(name, value.encode() if isinstance(value, str) else value) for name, value in headers]


def poison(reader: SchemaValues, value: bytes) -> RecordError:
    with pytest.raises(RecordError) as caught:
        read(reader, value)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("avro", b"", "begins with nothing"),
        ("avro", b'{"id": "1"}', "expected a magic byte of 0 or 1"),
        ("avro", b"\x00\x00\x00", "expected a magic byte of 0 or 1"),
        ("avro", b"\x00\x00\x00\x00\x63\x02", "schema 99: the registry has none"),
        ("avro", b"\x01" + b"x" * 16, "the registry has none"),
        ("avro", b"\x00\x00\x00\x00\x01\x02", "do not fit Avro schema 1"),
        ("avro", b"\x00\x00\x00\x00\x01\x02a\x00zz", "2 are left over"),
        ("avro", b"\x00\x00\x00\x00\x02\x00", "it is of type PROTOBUF, and the feed's value is avro"),
        ("avro", b"\x00\x00\x00\x00\x03\x00", "it is no Avro schema"),
        ("avro", b"\x00\x00\x00\x00\x04\x02a", "gives str, not an object"),
        ("avro", b"\x00\x00\x00\x00\x05\x02a", "Subject 'gone' not found"),
        ("protobuf", b"\x00\x00\x00\x00\x01\x00", "it is of type AVRO, and the feed's value is protobuf"),
        ("protobuf", b"\x00\x00\x00\x00\x02\x00\xff", "do not fit Protobuf schema 2"),
        ("protobuf", b"\x00\x00\x00\x00\x02\x02\x0a\x00", "has no message type at [5]"),
        ("protobuf", b"\x00\x00\x00\x00\x02\xff", "cut short"),
        ("protobuf", b"\x00\x00\x00\x00\x02\xfe\xff\xff\xff\x0f", "message indexes"),
        ("protobuf", b"\x00\x00\x00\x00\x06\x00", "it is no Protobuf schema"),
        ("json_schema", b"{}", "expected a magic byte"),
        ("json_schema", b"\x00\x00\x00\x00\x01{}", "it is of type AVRO, and the feed's value is json_schema"),
    ],
)
def test_poison_is_told_with_its_reason(
    registry: LocalRegistry, opened: Callable[..., SchemaValues], kind: str, value: bytes, message: str
) -> None:
    pool = proto_pool({"one.proto": 'syntax = "proto3"; message One { string x = 1; }'})
    registry.register("1", json.dumps(CASE))
    registry.register("2", descriptor(pool, "one.proto"), "PROTOBUF")
    registry.register("3", '{"type": "recrd"}')
    registry.register("4", '"string"')
    registry.register("5", '{"type": "record", "name": "X", "fields": []}', references=[
        {"name": "y", "subject": "gone", "version": 1}
    ])  # fmt: skip
    registry.register("6", descriptor(proto_pool(), "shop/order.proto"), "PROTOBUF")
    error = poison(opened(registry, kind), value)
    assert message in error.detail
    assert error.reason is (Reason.NOT_AN_OBJECT if "not an object" in message else Reason.UNDECODABLE)


def test_a_schema_that_a_registry_hears_of_a_moment_later_is_no_poison(
    registry: LocalRegistry, opened: Callable[..., SchemaValues], monkeypatch: pytest.MonkeyPatch
) -> None:
    get = registry.get

    def hears_behind_its_answer(*asked: Any) -> Any:
        answer = get(*asked)
        if not registry.asked:
            registry.register("1", json.dumps(CASE))
        return answer

    monkeypatch.setattr(registry, "get", hears_behind_its_answer)
    reader = opened(registry, "avro")
    with pytest.raises(SchemaAwaited):
        reader.json(b"\x00\x00\x00\x00\x01\x02a\x00", ())
    assert read(reader, b"\x00\x00\x00\x00\x01\x02a\x00")["id"] == "a"


def test_schemas_are_asked_for_once(registry: LocalRegistry, opened: Callable[..., SchemaValues]) -> None:
    registry.register("1", json.dumps(CASE))
    reader = opened(registry, "avro")
    for _ in range(10):
        read(reader, b"\x00\x00\x00\x00\x01\x02a\x00")
    assert registry.asked == ["/schemas/ids/1"]


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[tuple[SchemaValues, SchemaValues]]:
    server = LocalRegistry().start()
    pool = proto_pool()
    server.register("1", json.dumps(ALL_TYPES))
    server.register("shop/common.proto", descriptor(pool, "shop/common.proto"), "PROTOBUF")
    references = [{"name": "shop/common.proto", "subject": "shop/common.proto", "version": 1}]
    server.register("3", descriptor(pool, "shop/order.proto"), "PROTOBUF", references)
    readers = values(server, "avro"), values(server, "protobuf")
    yield readers
    for reader in readers:
        reader.close()
    server.stop()


def told_or_reason(reader: SchemaValues, value: bytes) -> type | Reason:
    try:
        return type(read(reader, value))
    except RecordError as error:
        return error.reason


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(body=st.binary(max_size=200))
def test_any_bytes_are_a_value_or_poison_and_never_anything_else(
    fuzzed: tuple[SchemaValues, SchemaValues], body: bytes
) -> None:
    avro, protobuf = fuzzed
    for reader, head in ((avro, b"\0\0\0\0\1"), (protobuf, b"\0\0\0\0\3\2\2"), (protobuf, b""), (avro, b"")):
        assert told_or_reason(reader, head + body) in {dict, Reason.UNDECODABLE, Reason.NOT_AN_OBJECT}
