"""How things are written on the wire: times, alerts, silences."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from starlette.responses import Response

from alerts.muting import Mute
from alerts.push_model import Pushed
from alerts.silencing import Silence
from config.matchers import Matcher, matchers_of
from dashboards.mirror import OpenAlert

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNSET = datetime(1, 1, 1, tzinfo=UTC)
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(?:([Zz])|([+-])(\d\d):?(\d\d))?"
)
_encode = msgspec.json.Encoder(order="deterministic").encode


class ShapeError(ValueError):
    """What was sent is not as it should be. Says where, and what was expected."""


class Json(Response):
    """An answer in JSON that nobody keeps."""

    media_type = "application/json"

    def __init__(self, content: bytes, status_code: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(content, status_code, {"Cache-Control": "no-store", **(headers or {})})


def said(text: str, status: int, headers: dict[str, str] | None = None) -> Json:
    """Return a text as Alertmanager's errors are written: a JSON string."""
    return Json(_encode(text) + b"\n", status, headers)


def listed(parts: list[bytes]) -> bytes:
    """Return a JSON array of what is encoded already."""
    return b"[" + b",".join(parts) + b"]\n"


def time_text(time_us: int) -> str:
    """Return a time as Alertmanager writes it: RFC 3339 in UTC, to the millisecond.

    >>> time_text(1_424_520_000_123_456)
    '2015-02-21T12:00:00.123Z'
    """
    try:
        moment = _EPOCH + timedelta(microseconds=time_us)
    except OverflowError:
        moment = datetime.max.replace(tzinfo=UTC) if time_us > 0 else _UNSET
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def time_us(text: str) -> int | None:
    """Return the time that a text names, microseconds UTC; None where it is Go's time that nobody has set.

    A time without a zone is taken for UTC, as Alertmanager does.

    Raises:
        ShapeError: when it is none.

    >>> time_us("2015-02-21T12:00:00.5+01:00"), time_us("0001-01-01T00:00:00.000Z")
    (1424516400500000, None)
    """
    found = _TIME.fullmatch(text)
    if found is None:
        msg = f"{text[:64]!r} is no time: it is written like 2026-03-02T10:00:00Z"
        raise ShapeError(msg)
    *numbers, part, _zulu, sign, hours, minutes = found.groups()
    try:
        moment = datetime(*map(int, numbers), tzinfo=UTC)  # type: ignore[misc,arg-type]
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        moment = moment + offset if sign == "-" else moment - offset
    except (ValueError, OverflowError) as error:
        msg = f"{text[:64]!r} is no time: {error}"
        raise ShapeError(msg) from error
    if moment <= _UNSET:
        return None
    return (moment - _EPOCH) // timedelta(microseconds=1) + int((part or "").ljust(6, "0")[:6])


def alert_parts(alert: OpenAlert, pushed: Pushed | None, *, acked: bool) -> tuple[bytes, bytes, bytes]:
    """Return an alert in JSON without its end and its status: what stands before, between and behind these.

    Its end is a promise that moves on with every answer; its status changes for many alerts at once.
    """
    annotations = alert.change.annotations
    acknowledgement = alert.acknowledgement
    if acked and acknowledgement is not None:
        annotations = {**annotations, "ack_by": acknowledgement.by}
        if acknowledgement.until_us is not None:
            annotations["ack_until"] = time_text(acknowledgement.until_us)
    updated_us = alert.seq.ms * 1000 if pushed is None else pushed.heard_us
    middle = {
        "fingerprint": alert.fingerprint,
        "receivers": [{"name": name} for name in alert.receivers],
        "startsAt": time_text(alert.change.starts_at_us),
    }
    behind: dict[str, Any] = {"updatedAt": time_text(updated_us)}
    if pushed is not None and pushed.generator:
        behind["generatorURL"] = pushed.generator
    behind["labels"] = dict(sorted(alert.labels.items()))
    return (
        b'{"annotations":' + _encode(annotations) + b',"endsAt":"',
        b'",' + msgspec.json.encode(middle)[1:-1] + b',"status":',
        b"," + msgspec.json.encode(behind)[1:],
    )


def status_json(mutes: tuple[Mute, ...]) -> bytes:
    """Return the status of an alert in JSON."""
    if not mutes:
        return b'{"inhibitedBy":[],"mutedBy":[],"silencedBy":[],"state":"active"}'
    return msgspec.json.encode(
        {
            "inhibitedBy": list(dict.fromkeys(one.source for one in mutes if one.kind == "inhibited")),
            "mutedBy": [one.by for one in mutes if one.kind == "maintenance"],
            "silencedBy": sorted(one.by for one in mutes if one.kind == "silenced"),
            "state": "suppressed",
        }
    )


def wire_matcher(matcher: Matcher) -> dict[str, object]:
    """Return a matcher as silences have it."""
    return {
        "isEqual": matcher.operator in {"=", "=~"},
        "isRegex": matcher.operator in {"=~", "!~"},
        "name": matcher.label,
        "value": matcher.value,
    }


def silence_json(silence: Silence, now_us: int) -> bytes:
    """Return a silence in JSON."""
    return msgspec.json.encode(
        {
            "id": silence.id,
            "status": {"state": silence.state(now_us)},
            "updatedAt": time_text(silence.updated_us),
            "annotations": {},
            "comment": silence.comment,
            "createdBy": silence.author,
            "endsAt": time_text(silence.ends_us),
            "matchers": [wire_matcher(one) for one in matchers_of(silence.matchers)],
            "startsAt": time_text(silence.starts_us),
        }
    )
