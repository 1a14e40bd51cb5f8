"""Protobuf messages as plain data for JSON: one :class:`Shape` a message type."""

import re
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

Convert = Callable[[Any], object]
_WRAPPED = re.compile(r"google\.protobuf\.(Double|Float|Int64|UInt64|Int32|UInt32|Bool|String|Bytes)Value")
_TEXT_OR_TREE = {
    "google.protobuf.Timestamp",
    "google.protobuf.Duration",
    "google.protobuf.FieldMask",
    "google.protobuf.Struct",
    "google.protobuf.Value",
    "google.protobuf.ListValue",
}
"""Types that the JSON mapping of Protobuf gives a form of their own: https://protobuf.dev/programming-guides/json/."""
_EXACT = Context(prec=10_000)


class Shape:
    """How messages of a type become plain data.

    Args:
        descriptor: of the type.
        pool: where the types of ``Any`` are looked for.
        shapes: of this pool, by full name: types may hold themselves.
    """

    def __init__(self, descriptor: Descriptor, pool: DescriptorPool, shapes: dict[str, "Shape"]) -> None:
        shapes[descriptor.full_name] = self
        self._pool = pool
        self._shapes = shapes
        self._special = self._special_form(descriptor.full_name)
        self._fields: list[tuple[str, bool, Convert | None]] = []
        if self._special is None:
            self._fields = [(field.name, field.has_presence, self._convert(field)) for field in descriptor.fields]

    def plain(self, message: Message) -> object:
        """Return a message as plain data."""
        if self._special is not None:
            return self._special(message)
        out: dict[str, object] = {}
        for name, may_be_absent, convert in self._fields:
            if may_be_absent and not message.HasField(name):
                continue
            value = getattr(message, name)
            out[name] = value if convert is None else convert(value)
        return out

    def _special_form(self, name: str) -> Convert | None:
        if _WRAPPED.fullmatch(name):
            return lambda message: message.value
        if name in _TEXT_OR_TREE:
            return _as_json
        if name == "google.protobuf.Any":
            return self._any
        if name == "confluent.type.Decimal":
            return _decimal
        return None

    def _convert(self, field: FieldDescriptor) -> Convert | None:
        """Return what converts a field's value; None where it is as it should be."""
        message_type = field.message_type
        if message_type is not None and message_type.GetOptions().map_entry:
            keys, values = message_type.fields
            of_value = self._convert(values)
            of_key: Convert = _bool_key if keys.type == FieldDescriptor.TYPE_BOOL else str
            if of_value is None:
                return lambda entries: {of_key(key): value for key, value in entries.items()}
            return lambda entries: {of_key(key): of_value(value) for key, value in entries.items()}
        convert: Convert | None = None
        if message_type is not None:
            convert = self._shape(message_type).plain
        elif field.enum_type is not None:
            names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
            convert = lambda number: names.get(number, number)  # noqa: E731 - a value of a later version has no name
        if not field.is_repeated:
            return convert
        return list if convert is None else lambda values: [convert(value) for value in values]

    def _shape(self, descriptor: Descriptor) -> "Shape":
        found = self._shapes.get(descriptor.full_name)
        return Shape(descriptor, self._pool, self._shapes) if found is None else found

    def _any(self, message: Any) -> object:
        """Return what an ``Any`` holds; of a type that the schema does not import, its bytes."""
        told: dict[str, object] = {"@type": message.type_url}
        try:
            descriptor = self._pool.FindMessageTypeByName(message.type_url.rpartition("/")[2])
        except KeyError:
            return {**told, "value": message.value}
        inner = self._shape(descriptor).plain(GetMessageClass(descriptor).FromString(message.value))
        return {**told, **inner} if isinstance(inner, dict) else {**told, "value": inner}


def _as_json(message: Message) -> object:
    return json_format.MessageToDict(message)


def _bool_key(key: bool) -> str:
    return "true" if key else "false"


def _decimal(message: Any) -> Decimal:
    return Decimal(int.from_bytes(message.value, "big", signed=True)).scaleb(-message.scale, _EXACT)
