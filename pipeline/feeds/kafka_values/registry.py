"""Gets schemas from a registry in the background and keeps what was made of them.

Questions to a registry block; the flow must not. A record whose schema is not there yet waits, and with it its
partition. A registry that does not answer says nothing about the record, so it is asked for ever, with back-off; only
its own word that there is no such schema makes the record a bad one.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import OAuthTokenError, SchemaRegistryError

from config.secret import SecretMissingError
from pipeline.feeds.kafka_records import SchemaAwaited
from pipeline.feeds.kafka_values.framing import SchemaKey
from pipeline.reasons import Reason, RecordError, shortened

_FIRST_RETRY_S = 0.25
_LAST_RETRY_S = 5.0
_SECOND_LOOK_S = 1.0
"""A registry may read from a follower that has not heard of a new schema yet."""
_FORGET_MISSING_S = 60.0
_NO_SUCH_SCHEMA = {40401, 40402, 40403}
"""Confluent's error codes for subject, version and schema not found."""
_CLOSE_S = 5.0
CompiledT = TypeVar("CompiledT")
Reference = Callable[[str, int], Schema]
"""``reference(subject, version)``: a schema that another one refers to."""


class BadSchemaError(Exception):
    """A schema is there and of no use: records of it are bad records. Says why."""


class RegistryError(Exception):
    """The registry's answer is none that can be understood; another one, or a later one, may be."""


class _Missing(msgspec.Struct, frozen=True):
    detail: str
    until_s: float


class Registry(Generic[CompiledT]):
    """Schemas by id, compiled.

    Args:
        properties: of the registry's client.
        compile_schema: makes of a schema what records are read with; may ask for schemas that it refers to. Called in
            the background. Raises :class:`BadSchemaError` for a schema of no use.
        text_format: in which form schemas are asked for (``serialized``: Protobuf as descriptors); None: as they are.

    Attributes:
        trouble: why the registry does not answer; None while it does.

    Raises:
        ValueError: when the client refuses its properties.
        OSError: when a file of certificates cannot be read.
    """

    def __init__(
        self,
        properties: dict[str, Any],
        compile_schema: Callable[[Schema, Reference], CompiledT],
        text_format: str | None = None,
    ) -> None:
        self.trouble: str | None = None
        self._compile = compile_schema
        self._format = text_format
        self._known: dict[SchemaKey, CompiledT | _Missing] = {}
        self._wanted: dict[SchemaKey, None] = {}
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._client = SchemaRegistryClient(properties)
        self._thread = threading.Thread(target=self._run, name="kafka-schemas", daemon=True)
        self._thread.start()

    def get(self, key: SchemaKey) -> CompiledT:
        """Return what was made of a schema. Never waits.

        Raises:
            SchemaAwaited: it is not there yet; ask again later.
            RecordError: the registry says that there is none, or it is of no use.
        """
        found = self._known.get(key)
        if isinstance(found, _Missing):
            if time.monotonic() < found.until_s:
                raise RecordError(Reason.UNDECODABLE, found.detail)
            found = None
        if found is None:
            if key not in self._wanted:
                self._wanted[key] = None
                self._wake.set()
            raise SchemaAwaited
        return found

    def close(self) -> None:
        """Stop asking."""
        self._stop.set()
        self._wake.set()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        retry_s = _FIRST_RETRY_S
        try:
            while not self._stop.is_set():
                self._wake.wait()
                self._wake.clear()
                while self._wanted and not self._stop.is_set():
                    key = next(iter(self._wanted))
                    try:
                        self._known[key] = self._look_up(key)
                    except Exception as error:  # whatever it is, it says nothing about a record: shown, tried again
                        self.trouble = _told(error)
                        self._stop.wait(retry_s)
                        retry_s = min(2 * retry_s, _LAST_RETRY_S)
                    else:
                        del self._wanted[key]
                        self.trouble, retry_s = None, _FIRST_RETRY_S
        finally:
            self._client.close()

    def _look_up(self, key: SchemaKey) -> CompiledT | _Missing:
        try:
            schema = self._twice(key)
            return self._compile(schema, self._reference)
        except SchemaRegistryError as error:
            if error.error_code not in _NO_SUCH_SCHEMA:
                raise
            detail = f"schema {key}: the registry has none, or none that it refers to: {error.error_message}"
        except BadSchemaError as error:
            detail = f"schema {key}: {error}"
        return _Missing(shortened(detail), time.monotonic() + _FORGET_MISSING_S)

    def _twice(self, key: SchemaKey) -> Schema:
        try:
            return self._fetch(key)
        except SchemaRegistryError as error:
            if error.error_code not in _NO_SUCH_SCHEMA or self._stop.wait(_SECOND_LOOK_S):
                raise
        return self._fetch(key)

    def _fetch(self, key: SchemaKey) -> Schema:
        if isinstance(key, int):
            return self._client.get_schema(key, fmt=self._format)
        return self._client.get_schema_by_guid(key, fmt=self._format)

    def _reference(self, subject: str, version: int) -> Schema:
        # Deleted ones too: records that were written with them are still there.
        return self._client.get_version(subject, version, deleted=True, fmt=self._format).schema


def _told(error: Exception) -> str:
    """Return a trouble in words, without what the registry's answer may repeat of ours."""
    if isinstance(error, SchemaRegistryError):
        hint = {401: ": it does not know us", 403: ": we may not"}.get(error.http_status_code, "")
        said = "" if error.error_code in {-1, None} else f": {error.error_message}"
        return shortened(f"the schema registry answered HTTP {error.http_status_code}{hint}{said}", 200)
    if isinstance(error, RegistryError | SecretMissingError):
        return str(error)
    if isinstance(error, OAuthTokenError):
        return "the schema registry's token could not be had"
    return shortened(f"the schema registry does not answer: {type(error).__name__}: {error}", 200)
