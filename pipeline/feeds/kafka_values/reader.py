"""Values with a schema become JSON."""

from collections.abc import Callable

import msgspec
from confluent_kafka.schema_registry import Schema

from pipeline.feeds.kafka_cloudevents import Headers
from pipeline.feeds.kafka_settings import KafkaSettings
from pipeline.feeds.kafka_values.avro import Decode, compile_avro
from pipeline.feeds.kafka_values.framing import Frame, read_frame
from pipeline.feeds.kafka_values.protobuf import FORMAT, ProtobufSchema
from pipeline.feeds.kafka_values.registry import BadSchemaError, Reference, Registry
from pipeline.reasons import Reason, RecordError, shortened

_ENCODE = msgspec.json.Encoder().encode


class SchemaValues:
    """Reads values in the wire format of Confluent's serializers (the protocol is ``Values`` in ``kafka_records``).

    Args:
        settings: of the feed; ``value`` is not ``json``.

    Raises:
        ValueError: when the registry's client refuses its properties.
        OSError: when a file of certificates cannot be read.
        SecretMissingError: when a secret is not where the settings say.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._with_path = settings.value == "protobuf"
        self._registry: Registry[Decode] | None = None
        if settings.schema_registry is not None:
            compilers: dict[str, Callable[[Schema, Reference], Decode]] = {
                "avro": compile_avro,
                "protobuf": ProtobufSchema,
                "json_schema": _prove_json_schema,
            }
            text_format = FORMAT if settings.value == "protobuf" else None
            properties = settings.schema_registry.client_properties()
            self._registry = Registry(properties, compilers[settings.value], text_format)

    @property
    def trouble(self) -> str | None:
        """Why the registry does not answer; None while it does."""
        return None if self._registry is None else self._registry.trouble

    def json(self, value: bytes, headers: Headers) -> bytes:
        """Return a value as JSON: an object.

        Raises:
            SchemaAwaited: its schema is not there yet; ask again later.
            RecordError: it cannot be read.
        """
        frame = read_frame(value, headers, with_path=self._with_path)
        if self._registry is None:
            return value[frame.at :]
        plain = self._registry.get(frame.key)(value, frame)
        if isinstance(plain, msgspec.Raw):
            return bytes(plain)
        if not isinstance(plain, dict):
            detail = f"schema {frame.key} gives {type(plain).__name__}, not an object"
            raise RecordError(Reason.NOT_AN_OBJECT, detail)
        try:
            return _ENCODE(plain)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
            detail = shortened(f"a value of schema {frame.key} cannot be JSON: {error}")
            raise RecordError(Reason.UNDECODABLE, detail) from error

    def close(self) -> None:
        """Stop asking for schemas."""
        if self._registry is not None:
            self._registry.close()


def _prove_json_schema(schema: Schema, reference: Reference) -> Decode:
    """Return what takes the value as it is: JSON describes itself."""
    del reference
    if schema.schema_type != "JSON":
        msg = f"it is of type {schema.schema_type}, and the feed's value is json_schema"
        raise BadSchemaError(msg)
    return _after_frame


def _after_frame(value: bytes, frame: Frame) -> object:
    return msgspec.Raw(value[frame.at :])
