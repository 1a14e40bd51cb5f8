"""Bytes to events and back: CloudEvents 1.0 JSON, decoded in bulk. This is the hot path.

Times must lie within 1990 to 2099 and whole numbers within 64 bits; everything else that is wrong with a record is
found by the types of :mod:`detectors.events`. Unknown fields pass and are dropped.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Union, cast

import msgspec

from detectors.events import EVENT_CLASSES, CaseEvent, Event, TransactionEvent
from pipeline.diagnosis import diagnose
from pipeline.reasons import Reason, RecordError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(time: datetime) -> int:
    """Return an aware time as microseconds since 1970 UTC, exactly.

    >>> to_us(datetime(1970, 1, 2, tzinfo=UTC))
    86400000000
    """
    return (time - EPOCH) // _MICROSECOND


EARLIEST_US = to_us(datetime(1990, 1, 1, tzinfo=UTC))
LATEST_US = to_us(datetime(2100, 1, 1, tzinfo=UTC))
"""Event times are in ``[EARLIEST_US, LATEST_US)``."""

ANY_EVENT: Any = Union[tuple(EVENT_CLASSES.values())]  # noqa: UP007 - built from a table
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(ANY_EVENT)
_ENCODER = msgspec.json.Encoder()


def decode_event(raw: bytes) -> Event:
    """Return the event in ``raw``, one CloudEvents JSON object.

    Raises:
        RecordError: with the reason, for anything else.
    """
    events, errors = decode_many([raw])
    if errors:
        raise errors[0][1]
    return events[0]


def decode_many(records: Sequence[bytes]) -> tuple[list[Event], list[tuple[int, RecordError]]]:
    """Decode a list of records.

    Returns:
        The events in the order of their records, and for each record that is none its index and error.
        ``len(events) + len(errors) == len(records)``.
    """
    errors: list[tuple[int, RecordError]] = []
    if all(map(bytes.isascii, records)) or _is_utf8(records):
        events: list[Event] = []
        decoded = map(_DECODER.decode, records)
        while True:
            try:
                events.extend(decoded)  # keeps what came before a record that is none, and goes on behind it
                break
            except (msgspec.MsgspecError, RecursionError) as error:
                index = len(events) + len(errors)
                errors.append((index, diagnose(records[index], error)))
    else:
        events = _decode_each(records, errors)
    suspects = _set_times(events)
    if suspects:
        problems = {index: problem for index in suspects if (problem := range_problem(events[index])) is not None}
        bad = set(map(_index, errors))
        places = [index for index in range(len(records)) if index not in bad]
        errors += [(places[index], problem) for index, problem in problems.items()]
        errors.sort(key=_index)
        events = [event for index, event in enumerate(events) if index not in problems]
    return events, errors


def _is_utf8(records: Sequence[bytes]) -> bool:
    """Return whether every record is UTF-8: the decoder does not look at the bytes of fields that no event has."""
    try:
        # Joined by what is no part of any character, they are UTF-8 if and only if each of them is.
        b"\n".join(records).decode()
    except UnicodeDecodeError:
        return False
    return True


def _decode_each(records: Sequence[bytes], errors: list[tuple[int, RecordError]]) -> list[Event]:
    """Decode records of which some are not UTF-8."""
    events: list[Event] = []
    for index, raw in enumerate(records):
        try:
            if not raw.isascii():
                raw.decode()
            events.append(_DECODER.decode(raw))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            errors.append((index, diagnose(raw, error)))
    return events


def _set_times(events: Sequence[Event]) -> Sequence[int]:
    """Set what is not the wire's; return the indices of events that may have a time out of range."""
    epoch, microsecond = EPOCH, _MICROSECOND
    for event in events:
        event.time_us = (event.time - epoch) // microsecond
    # A look at all of them together costs less than one at each inside the loop.
    times_us = [event.time_us for event in events]
    if times_us and not (min(times_us) >= EARLIEST_US and max(times_us) < LATEST_US):
        return range(len(events))
    # Few events have these: two short loops over all of them are cheaper than one that asks for both.
    more = [event for event in events if event.recordedtime is not None]
    more += [event for event in events if event.data.deadline is not None]
    return range(len(events)) if more else ()


def _index(error: tuple[int, RecordError]) -> int:
    return error[0]


def range_problem(event: Event) -> RecordError | None:
    """Return what is out of range in an event whose ``time_us`` is set, or None."""
    deadline = None if not isinstance(event, CaseEvent | TransactionEvent) else event.data.deadline
    for name, time in (("time", event.time), ("recordedtime", event.recordedtime), ("data.deadline", deadline)):
        if time is not None and not EARLIEST_US <= to_us(time) < LATEST_US:
            return RecordError(
                Reason.TIME_OUT_OF_RANGE, f"{name}: expected a time in 1990 to 2099, got {time.isoformat()}"
            )
    return None


def convert_event(plain: dict[str, Any], kind: Any = ANY_EVENT) -> Event:
    """Return the event in a plain dict (times may be datetimes), checked like the wire's. ``time_us`` is not set.

    Raises:
        msgspec.ValidationError: naming the path and what was expected.
    """
    return cast("Event", msgspec.convert(plain, kind))


def encode_event(event: Event) -> bytes:
    """Return an event as CloudEvents JSON: what :func:`decode_event` reads back as an equal event (without profile)."""
    if event.profile is not None:
        event = msgspec.structs.replace(event, profile=None)
    # Inside a JSON string these quotes would be escaped, and labels hold no numbers: the bytes below occur only once.
    internal = b',"(makegood) time_us":%d,"(makegood) profile":null' % event.time_us
    return _ENCODER.encode(event).replace(internal, b"", 1)
