"""The wire format of Confluent's serializers: which schema a value was written with, and where it begins.

Before the value, or in the header ``__value_schema_id``, stands a magic byte: 0, then the schema's number in four
bytes; or 1, then its GUID in sixteen. With Protobuf the path to the message type within the schema follows.
https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from pipeline.reasons import Reason, RecordError

SchemaKey = int | str
"""A schema's number in its registry, or its GUID as text."""
HEADER = "__value_schema_id"
_MAX_DEPTH = 64


class Frame(msgspec.Struct, frozen=True):
    """Which schema a value was written with.

    Attributes:
        key: of the schema.
        at: where the value begins.
        path: Protobuf: index of the message type in the file, then in the one around it, and so on.
    """

    key: SchemaKey
    at: int
    path: tuple[int, ...] = ()


def read_frame(value: bytes, headers: Sequence[tuple[str, bytes | None]] | None, *, with_path: bool) -> Frame:
    """Return what stands before a value, or in its header, which comes first.

    Raises:
        RecordError: when there is neither.
    """
    for name, content in headers or ():
        if name == HEADER:
            frame = _parse(content or b"", f"header {HEADER}", with_path=with_path)
            return Frame(frame.key, 0, frame.path)
    return _parse(value, "value", with_path=with_path)


def _parse(data: bytes, where: str, *, with_path: bool) -> Frame:
    magic = data[0] if data else None
    if magic == 0 and len(data) >= 5:
        key: SchemaKey = int.from_bytes(data[1:5], "big")
        at = 5
    elif magic == 1 and len(data) >= 17:
        key, at = str(UUID(bytes=data[1:17])), 17
    else:
        begins = data[:8].hex(" ") or "nothing"
        detail = f"{where}: expected a magic byte of 0 or 1 and the id of a schema; it begins with {begins}"
        raise RecordError(Reason.UNDECODABLE, detail)
    if not with_path:
        return Frame(key, at)
    if data[at : at + 1] == b"\0":  # short for the path [0], which nearly all have
        return Frame(key, at + 1, (0,))
    count, at = _varint(data, at, where)
    if not 0 < count <= _MAX_DEPTH:
        raise RecordError(Reason.UNDECODABLE, f"{where}: a path of {count} message indexes")
    path = []
    for _ in range(count):
        index, at = _varint(data, at, where)
        path.append(index)
    return Frame(key, at, tuple(path))


def _varint(data: bytes, at: int, where: str) -> tuple[int, int]:
    """Return the zigzag number at a place, and the place after it."""
    number = shift = 0
    while at < len(data) and shift < 35:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
    raise RecordError(Reason.UNDECODABLE, f"{where}: the message indexes behind the schema's id are cut short")
