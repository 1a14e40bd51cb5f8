"""Protobuf: descriptors out of a registry into functions that read values.

Fields have the names of the ``.proto`` file. Fields that cannot be absent (proto3 without ``optional``, repeated ones,
maps) are always there, with their default where nothing was written; others are left out when absent. Whole numbers of
any size are numbers, enums their names, bytes Base64; a float that is no number becomes null.
"""

import base64
import binascii
import importlib
import re
from typing import Any

from confluent_kafka.schema_registry import Schema
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from pipeline.feeds.kafka_values.framing import Frame
from pipeline.feeds.kafka_values.protobuf_shape import Shape
from pipeline.feeds.kafka_values.registry import BadSchemaError, Reference, RegistryError
from pipeline.reasons import Reason, RecordError, shortened

FORMAT = "serialized"
"""The form that schemas are asked for in: descriptors, as there is no compiler here."""
_KIND = "PROTOBUF"
_ROOT = "makegood/record.proto"
_BUILT_IN = re.compile(r"(google/(?:protobuf|type)|confluent(?:/types?)?)/[a-z_]+\.proto")
"""Files that come with the libraries; registries do not have them."""
_UNFIT = (DecodeError, ValueError, OverflowError, RecursionError)


class ProtobufSchema:
    """Reads the values of one schema: a file with message types.

    Args:
        schema: with descriptors as Base64.
        reference: gets the files that it imports.

    Raises:
        BadSchemaError: when it is no Protobuf schema.
        RegistryError: when the registry gives text instead of descriptors.
    """

    def __init__(self, schema: Schema, reference: Reference) -> None:
        self._pool = DescriptorPool()
        self._readers: dict[tuple[int, ...], tuple[type[Message], Shape]] = {}
        try:
            self._file = _load(self._pool, _ROOT, schema, reference, {})
        except (TypeError, KeyError, DecodeError) as error:
            msg = shortened(f"it is no Protobuf schema: {error}")
            raise BadSchemaError(msg) from error

    def __call__(self, value: bytes, frame: Frame) -> object:
        """Return a value as plain data for JSON.

        Raises:
            RecordError: when its bytes do not fit.
        """
        reader = self._readers.get(frame.path)
        if reader is None:
            descriptor = self._find(frame)
            reader = self._readers[frame.path] = (GetMessageClass(descriptor), Shape(descriptor, self._pool, {}))
        message_class, shape = reader
        try:
            return shape.plain(message_class.FromString(value[frame.at :]))
        except _UNFIT as error:
            detail = f"the bytes do not fit Protobuf schema {frame.key}: {error}"
            raise RecordError(Reason.UNDECODABLE, shortened(detail)) from error

    def _find(self, frame: Frame) -> Descriptor:
        names = [self._file.package] if self._file.package else []
        inside: Any = self._file.message_type
        for index in frame.path:
            if not 0 <= index < len(inside):
                detail = f"Protobuf schema {frame.key} has no message type at {list(frame.path)}"
                raise RecordError(Reason.UNDECODABLE, detail)
            found: DescriptorProto = inside[index]
            names.append(found.name)
            inside = found.nested_type
        return self._pool.FindMessageTypeByName(".".join(names))


def _load(
    pool: DescriptorPool, name: str, schema: Schema, reference: Reference, loaded: dict[str, None]
) -> FileDescriptorProto:
    """Add a file to the pool, after those that it imports."""
    if schema.schema_type != _KIND:
        msg = f"it is of type {schema.schema_type}, and the feed's value is protobuf"
        raise BadSchemaError(msg)
    file = _parse(name, schema.schema_str or "")
    places = {needed.name: (str(needed.subject), int(needed.version or 0)) for needed in schema.references or ()}
    for wanted in file.dependency:
        if wanted in loaded:
            continue
        loaded[wanted] = None
        if wanted in places:
            _load(pool, wanted, reference(*places[wanted]), reference, loaded)
        elif _BUILT_IN.fullmatch(wanted):
            _load_built_in(pool, wanted, loaded)
        # Anything else is missing, which the pool says when the file is added.
    pool.AddSerializedFile(file.SerializeToString())
    return file


def _load_built_in(pool: DescriptorPool, name: str, loaded: dict[str, None]) -> None:
    module = name.removesuffix(".proto").replace("/", ".") + "_pb2"
    package = "" if name.startswith("google/") else "confluent_kafka.schema_registry."
    try:
        content = importlib.import_module(package + module).DESCRIPTOR.serialized_pb
    except ImportError:
        return  # missing, which the pool says
    for wanted in FileDescriptorProto.FromString(content).dependency:
        if wanted not in loaded:
            loaded[wanted] = None
            _load_built_in(pool, wanted, loaded)
    pool.AddSerializedFile(content)


def _parse(name: str, text: str) -> FileDescriptorProto:
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        msg = "the schema registry gives Protobuf schemas as text only; one that knows format=serialized is needed"
        raise RegistryError(msg) from error
    file = FileDescriptorProto.FromString(content)
    file.name = name
    return file
