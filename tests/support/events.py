"""Small events for tests."""

from typing import Any

from detectors.events import Event
from pipeline.events import decode_event, encode_event

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
START_US = 1_772_409_600_000_000  # 2026-03-02T00:00:00Z, a Monday


def rfc3339(time_us: int) -> str:
    """Return a time as text."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).isoformat()


def raw_event(kind: str, event_id: str, time_us: int, data: dict[str, Any], **envelope: Any) -> bytes:
    """Return one CloudEvent as JSON bytes."""
    import msgspec  # noqa: PLC0415

    body = {
        "specversion": "1.0",
        "type": kind,
        "id": event_id,
        "source": envelope.pop("source", "test"),
        "time": rfc3339(time_us),
        "data": data,
        **envelope,
    }
    return msgspec.json.encode(body)


def make_event(kind: str, event_id: str, time_us: int, data: dict[str, Any], **envelope: Any) -> Event:
    """Return one decoded event."""
    return decode_event(raw_event(kind, event_id, time_us, data, **envelope))


def raw(event: Event) -> bytes:
    """Return an event's bytes."""
    return encode_event(event)
