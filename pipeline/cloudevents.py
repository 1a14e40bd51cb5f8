"""Liberties that CloudEvents 1.0 gives to senders, taken back before a record is called bad: the slow path.

``null`` for an attribute that is not set, whole numbers in their canonical text form, and ``data_base64`` that holds
JSON. A record that needs none of this never comes here. Source: the JSON event format of CloudEvents 1.0.2, sections
2.2 (type system) and 3.1 (handling of data), https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence

import msgspec

from detectors.events import Event
from pipeline.events import decode_many
from pipeline.reasons import Reason, RecordError

_TOP: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT: msgspec.json.Decoder[str] = msgspec.json.Decoder(str)
_WHOLE = re.compile(rb'"(-?(?:0|[1-9][0-9]{0,18}))"')
_JSON_TYPE = re.compile(r"[^/;\s]+/(?:[^;\s]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.DOTALL)
_ATTRIBUTES = ("specversion", "type", "source", "id", "time", "subject", "sequence", "rev")
_NUMBERS = ("sequence", "rev")
_CURABLE = frozenset({Reason.WRONG_TYPE, Reason.MISSING_FIELD})

Failures = list[tuple[int, RecordError]]


def take_liberties(records: Sequence[bytes], events: list[Event], errors: Failures) -> tuple[list[Event], Failures]:
    """Decode anew what failed only because of a liberty.

    Args:
        records: as given to :func:`pipeline.events.decode_many`.
        events: what it answered, in the order of their records.
        errors: what it answered beside them.

    Returns:
        The same, with the events found added in the order of their records. A record that fails for something else as
        well has that as its error.
    """
    cured: dict[int, Event] = {}
    left: Failures = []
    for index, error in errors:
        plain = canonical(records[index]) if error.reason in _CURABLE else None
        if plain is None:
            left.append((index, error))
            continue
        found, still = decode_many([plain])
        if found:
            cured[index] = found[0]
        else:
            left.append((index, still[0][1]))
    if not cured:
        return events, left
    failed = {index for index, _ in errors}
    rest = iter(events)
    merged = [
        cured[index] if index in cured else next(rest)
        for index in range(len(records))
        if index in cured or index not in failed
    ]
    return merged, left


def canonical(raw: bytes) -> bytes | None:
    """Return a record without liberties, or None where it takes none (or is no JSON object)."""
    try:
        fields = _TOP.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    changed = False
    for name in _ATTRIBUTES:
        if name in fields and bytes(fields[name]) == b"null":
            del fields[name]
            changed = True
    for name in _NUMBERS:
        matched = _WHOLE.fullmatch(bytes(fields[name])) if name in fields else None
        if matched is not None:
            fields[name] = msgspec.Raw(matched[1])
            changed = True
    if "data_base64" in fields and "data" not in fields:
        data = _json_in(fields)
        if data is not None:
            fields["data"] = msgspec.Raw(data)
            changed = True
    return msgspec.json.encode(fields) if changed else None


def _json_in(fields: dict[str, msgspec.Raw]) -> bytes | None:
    """Return the JSON object in ``data_base64``, or None where there is none, or another content type is declared."""
    try:
        declared = fields.get("datacontenttype")
        content_type = "a/json" if declared is None or bytes(declared) == b"null" else _TEXT.decode(declared)
        if _JSON_TYPE.fullmatch(content_type) is None:
            return None
        data = b64decode(_TEXT.decode(fields["data_base64"]), validate=True)
        _TOP.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Base64Error, ValueError):
        return None
    return data
