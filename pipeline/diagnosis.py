"""From what msgspec says about a bad record to a reason of the closed set: the slow path, for bad records only."""

import re

import msgspec

from detectors.events import EVENT_CLASSES
from pipeline.reasons import Reason, RecordError, shown

_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`", re.DOTALL)
_ANYTHING: msgspec.json.Decoder[object] = msgspec.json.Decoder()
_FAMILIES = ", ".join(
    sorted(
        {
            name if "case" not in name and "trans" not in name else name.rsplit(".", 1)[0] + ".*"
            for name in EVENT_CLASSES
        }
    )
)


def diagnose(raw: bytes, error: Exception) -> RecordError:
    """Return why ``raw`` is not an event, given the exception that decoding it raised."""
    return unreadable(raw) or diagnose_validation(error)


def unreadable(raw: bytes) -> RecordError | None:
    """Return why ``raw`` is not JSON in UTF-8, or None if it is."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return RecordError(Reason.INVALID_UTF8, f"byte {error.start} is not UTF-8: {error.reason}")
    if not raw.strip():
        return RecordError(Reason.INVALID_JSON, "expected a JSON object, got an empty record")
    try:
        _ANYTHING.decode(raw)
    except msgspec.ValidationError:
        return None  # a number out of range: JSON, but not a value that a field can hold
    except msgspec.DecodeError as error:
        return RecordError(Reason.INVALID_JSON, f"expected a JSON object: {error}")
    except RecursionError:
        return RecordError(Reason.INVALID_JSON, "nested too deeply")
    return None


def diagnose_validation(error: Exception) -> RecordError:
    """Return the reason and the field out of a msgspec validation error."""
    matched = _MESSAGE.fullmatch(str(error))
    what = str(error) if matched is None else matched["what"]
    path = "" if matched is None or matched["path"] is None else matched["path"].lstrip(".")
    missing = _MISSING.fullmatch(what)
    if missing is not None:
        return RecordError(
            Reason.MISSING_FIELD, f"{f'{path}.' if path else ''}{missing['name']}: expected a value, got none"
        )
    if not path:
        reason = Reason.NOT_AN_OBJECT if what.startswith("Expected `object`") else Reason.INVALID_VALUE
        return RecordError(reason, what)
    if path == "type" and what.startswith("Invalid value"):
        found = what.removeprefix("Invalid value ").strip("'")
        return RecordError(Reason.UNKNOWN_TYPE, f"type: expected one of {_FAMILIES}; got {shown(found)}")
    if path == "specversion" and what.startswith("Invalid enum value"):
        found = what.removeprefix("Invalid enum value ").strip("'")
        return RecordError(Reason.INVALID_VALUE, f"specversion: expected 1.0 of CloudEvents, got {shown(found)}")
    if "RFC3339" in what or "timezone" in what:
        return RecordError(
            Reason.INVALID_TIME, f"{path}: expected an RFC 3339 time with an offset, like 2024-05-01T09:30:00Z"
        )
    reason = Reason.WRONG_TYPE if ", got `" in what or what == "Expected `str`" else Reason.INVALID_VALUE
    return RecordError(reason, f"{path}: {what[:1].lower()}{what[1:]}")
