"""CloudEvents in Kafka records: events whose attributes are in headers become the JSON that is decoded.

Kafka protocol binding 1.0.2: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

import re
from collections.abc import Sequence

import msgspec

from pipeline.reasons import Reason, RecordError, shown

Headers = Sequence[tuple[str, bytes | None]]
SPECVERSION = "ce_specversion"
CONTENT_TYPE = "content-type"
_PREFIX = "ce_"
_STRUCTURED = "application/cloudevents"
_NEEDED = (SPECVERSION, "ce_id", "ce_source", "ce_type", "ce_time")
"""The binding leaves ``ce_time`` out; an event without a time is of no use here."""
_NUMBERS = {"sequence", "rev"}
"""Attributes that are numbers in the JSON that is decoded; headers hold text only."""
_NUMBER = re.compile(r"-?\d{1,19}")
_JSON = re.compile(r"(application|text)/(json|[\w.+-]+\+json)", re.IGNORECASE)
_ENCODER = msgspec.json.Encoder()


def is_structured(headers: Headers) -> bool:
    """Say whether a record's value is a whole event by its content type.

    Raises:
        RecordError: when it is one in a format other than JSON.
    """
    for name, value in headers:
        if name == CONTENT_TYPE and value is not None and value[: len(_STRUCTURED)].lower() == _STRUCTURED.encode():
            media_type = _text(name, value).partition(";")[0].strip().lower()
            if media_type not in {f"{_STRUCTURED}+json", _STRUCTURED}:
                detail = f"header {name}: expected {_STRUCTURED}+json, got {shown(media_type, 60)}"
                raise RecordError(Reason.INVALID_VALUE, detail)
            return True
    return False


def is_binary(headers: Headers) -> bool:
    """Say whether headers hold the attributes of an event."""
    return any(name == SPECVERSION for name, _ in headers)


def envelope(headers: Headers, data: bytes | None, *, decoded: bool) -> bytes:
    """Return the structured JSON of an event in binary mode.

    Args:
        headers: of the record.
        data: its value; None for an event without data.
        decoded: ``data`` was made JSON by us, whatever the content type says of the value.

    Raises:
        RecordError: naming the header that is missing or wrong.
    """
    told: dict[str, object] = {}
    for name, value in headers:
        if name.startswith(_PREFIX):
            attribute = name.removeprefix(_PREFIX)
            if attribute in {"data", "data_base64", "datacontenttype"}:
                detail = f"header {name}: no attribute has this name; data is the value, its type is in {CONTENT_TYPE}"
                raise RecordError(Reason.INVALID_VALUE, detail)
            text = _text(name, value)
            told[attribute] = int(text) if attribute in _NUMBERS and _NUMBER.fullmatch(text) else text
        elif name == CONTENT_TYPE and value is not None and not decoded:
            told["datacontenttype"] = content_type = _text(name, value)
            _expect_json(content_type)
    for name in _NEEDED:
        if not told.get(name.removeprefix(_PREFIX)):
            raise RecordError(Reason.MISSING_FIELD, f"header {name}: there is none, or it is empty")
    if told["specversion"] != "1.0":
        detail = f"header {SPECVERSION}: expected 1.0, got {shown(told['specversion'])}"
        raise RecordError(Reason.INVALID_VALUE, detail)
    head = _ENCODER.encode(told)
    if data is None:
        return head
    if not decoded:
        _prove_json(data)
    return b'%b,"data":%b}' % (head[:-1], data)


def _expect_json(content_type: str) -> None:
    media_type, _, parameters = content_type.partition(";")
    charset = re.search(r"charset\s*=\s*\"?([\w-]+)", parameters, re.IGNORECASE)
    wrong_charset = charset is not None and charset[1].lower() not in {"utf-8", "utf8", "us-ascii"}
    if wrong_charset or not _JSON.fullmatch(media_type.strip()):
        detail = f"header {CONTENT_TYPE}: expected application/json in UTF-8, got {shown(content_type, 60)}"
        raise RecordError(Reason.INVALID_VALUE, detail)


def _prove_json(data: bytes) -> None:
    """Refuse a value that is not one whole JSON value: put into the envelope, it could pass for attributes."""
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RecordError(Reason.INVALID_JSON, f"data: {error}") from error


def _text(name: str, value: bytes | None) -> str:
    try:
        return (value or b"").decode()
    except UnicodeDecodeError as error:
        raise RecordError(Reason.INVALID_UTF8, f"header {name}: not UTF-8") from error
