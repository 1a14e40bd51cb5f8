"""Avro: schemas into functions that read values.

Logical types become what JSON has for them: instants RFC 3339 in UTC, local timestamps, dates and times ISO 8601
without an offset, decimals text with all their digits, UUIDs text; bytes and fixed become Base64, enums their symbols,
unions the value alone. A float that is no number becomes null.
"""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

from confluent_kafka.schema_registry import Schema
from fastavro import parse_schema, schemaless_reader
from fastavro.schema import SchemaParseException, UnknownType

from pipeline.feeds.kafka_values.framing import Frame
from pipeline.feeds.kafka_values.registry import BadSchemaError, Reference
from pipeline.reasons import Reason, RecordError, shortened

Decode = Callable[[bytes, Frame], object]
"""``decode(value, frame)``: plain data for JSON. Raises :class:`RecordError`."""
_KIND = "AVRO"
_UNFIT = (ValueError, LookupError, EOFError, ArithmeticError, TypeError, AttributeError, RecursionError, MemoryError)
"""What fastavro raises for bytes that do not fit: it trusts its input, so nearly anything."""


def compile_avro(schema: Schema, reference: Reference) -> Decode:
    """Return what reads values of an Avro schema.

    Raises:
        BadSchemaError: when it is no Avro schema.
    """
    named: dict[str, Any] = {}
    parsed = _parse(schema, reference, named, set())

    def decode(value: bytes, frame: Frame) -> object:
        stream = BytesIO(value)
        stream.seek(frame.at)
        try:
            plain = schemaless_reader(stream, parsed, None)
        except _UNFIT as error:
            detail = f"the bytes do not fit Avro schema {frame.key}: {type(error).__name__} {error}"
            raise RecordError(Reason.UNDECODABLE, shortened(detail)) from error
        left = len(value) - stream.tell()
        if left:
            detail = f"the bytes do not fit Avro schema {frame.key}: {left} are left over"
            raise RecordError(Reason.UNDECODABLE, detail)
        return plain

    return decode


def _parse(schema: Schema, reference: Reference, named: dict[str, Any], seen: set[tuple[str, int]]) -> Any:
    if (schema.schema_type or _KIND) != _KIND:
        msg = f"it is of type {schema.schema_type}, and the feed's value is avro"
        raise BadSchemaError(msg)
    for needed in schema.references or ():
        place = (str(needed.subject), int(needed.version or 0))
        if place not in seen:
            seen.add(place)
            _parse(reference(*place), reference, named, seen)
    text = schema.schema_str or ""
    try:
        # Bare names of primitives are written both with and without quotes.
        return parse_schema(json.loads(text) if text[:1] in {"{", "[", '"'} else text.strip(), named_schemas=named)
    except (SchemaParseException, UnknownType, ValueError, LookupError, TypeError, AttributeError) as error:
        msg = shortened(f"it is no Avro schema: {type(error).__name__} {error}")
        raise BadSchemaError(msg) from error
