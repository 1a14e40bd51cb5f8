"""Schemas for the tests of values, and what asks until they are there."""

import base64
import importlib
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc

from pipeline.feeds.kafka_cloudevents import Headers
from pipeline.feeds.kafka_records import SchemaAwaited
from pipeline.feeds.kafka_settings import KafkaSettings
from pipeline.feeds.kafka_values.reader import SchemaValues
from tests.support.patience import PATIENCE_S
from tests.support.schema_registry import LocalRegistry

CASE = {
    "type": "record",
    "name": "Case",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "opened", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}
PROTO = {
    "shop/common.proto": """
        syntax = "proto3";
        package shop;
        message Customer { string name = 1; int64 number = 2; }
    """,
    "shop/order.proto": """
        syntax = "proto3";
        package shop;
        import "shop/common.proto";
        import "google/protobuf/any.proto";
        import "google/protobuf/duration.proto";
        import "google/protobuf/field_mask.proto";
        import "google/protobuf/struct.proto";
        import "google/protobuf/timestamp.proto";
        import "google/protobuf/wrappers.proto";
        import "google/type/money.proto";
        message Unused { string nothing = 1; }
        message Order {
          enum State { OPEN = 0; CLOSED = 1; }
          message Line { string item = 1; double price = 2; Line part = 3; }
          string order_id = 1;
          int64 number = 2;
          State state = 3;
          optional string note = 4;
          repeated Line lines = 5;
          map<int32, Line> by_place = 6;
          map<bool, string> by_answer = 7;
          bytes image = 8;
          Customer customer = 9;
          google.protobuf.Timestamp bought = 10;
          google.protobuf.Duration waited = 11;
          google.protobuf.Struct more = 12;
          google.protobuf.Int64Value count = 13;
          google.protobuf.Any any = 14;
          google.type.Money paid = 15;
          oneof how { string card = 16; bool cash = 17; }
          repeated State past = 18;
          float rate = 19;
          google.protobuf.FieldMask mask = 20;
          google.protobuf.ListValue list = 21;
          repeated int32 codes = 22;
        }
    """,
}


def proto_pool(files: dict[str, str] = PROTO) -> DescriptorPool:
    """Return the descriptors of ``.proto`` files, compiled by protoc."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            place = Path(folder, name)
            place.parent.mkdir(exist_ok=True)
            place.write_text(text, encoding="utf-8")
        own = Path(importlib.import_module("google.type").__path__[0]).parents[1]
        included = [own, Path(protoc.__file__).parent / "_proto"]
        out = Path(folder, "out")
        paths = [f"-I{path}" for path in (folder, *included)]
        status = protoc.main(["protoc", *paths, "--include_imports", f"--descriptor_set_out={out}", *files])
        assert status == 0
        pool = DescriptorPool()
        for file in FileDescriptorSet.FromString(out.read_bytes()).file:
            pool.Add(file)
    return pool


def message_class(pool: DescriptorPool, name: str) -> Any:
    return GetMessageClass(pool.FindMessageTypeByName(name))


def descriptor(pool: DescriptorPool, file: str) -> str:
    """Return a file's descriptor as a registry gives it."""
    return base64.b64encode(pool.FindFileByName(file).serialized_pb).decode()


def values(registry: LocalRegistry | str, kind: str, **more: object) -> SchemaValues:
    url = registry if isinstance(registry, str) else registry.url
    settings = {"type": "kafka", "bootstrap": "localhost:9092", "topics": ["t"], "value": kind}
    return SchemaValues(KafkaSettings.model_validate({**settings, "schema_registry": {"url": url, **more}}))


def read(reader: SchemaValues, value: bytes, headers: Headers = ()) -> Any:
    """Return a value as plain data, as soon as its schema is there."""
    give_up_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return msgspec.json.decode(reader.json(value, headers))
        except SchemaAwaited:
            assert time.monotonic() < give_up_s, reader.trouble
            time.sleep(0.002)
