"""What is taken from requests: alerts and silences as they are sent."""

import msgspec

from alerts.push_model import Given
from config.matcher_syntax import written
from dashboards.api.v2.wire import ShapeError, time_us


class PostableAlert(msgspec.Struct, frozen=True, rename="camel"):
    """An alert as it is sent."""

    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    starts_at: str | None = None
    ends_at: str | None = None
    generator_url: str | None = msgspec.field(default=None, name="generatorURL")

    def given(self) -> Given:
        """Return it as it is kept.

        Raises:
            ShapeError: it has no label, a name is empty, or it ends before it begins.
        """
        labels = {name: value for name, value in self.labels.items() if value}
        annotations = self.annotations or {}
        if not labels:
            msg = "at least one label pair required"
            raise ShapeError(msg)
        if "" in labels or "" in annotations:
            msg = 'invalid label set: invalid name ""'
            raise ShapeError(msg)
        starts_us = time_us(self.starts_at) if self.starts_at else None
        ends_us = time_us(self.ends_at) if self.ends_at else None
        if starts_us is not None and ends_us is not None and ends_us < starts_us:
            msg = "start time must be before end time"
            raise ShapeError(msg)
        return Given(
            labels=labels,
            annotations=annotations,
            starts_us=starts_us,
            ends_us=ends_us,
            generator=self.generator_url or "",
        )


class WireMatcher(msgspec.Struct, frozen=True, rename="camel"):
    """One condition of a silence."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool | None = None

    def text(self) -> str:
        """Return it as Alertmanager writes it in a text."""
        equal = self.is_equal is None or self.is_equal
        operator = ("=~" if equal else "!~") if self.is_regex else ("=" if equal else "!=")
        return written(self.name, operator, self.value)


class PostableSilence(msgspec.Struct, frozen=True, rename="camel"):
    """A silence as it is sent; with an id, one that is to be changed."""

    matchers: list[WireMatcher]
    starts_at: str
    ends_at: str
    created_by: str
    comment: str
    id: str | None = None


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What JSON raises that is none, or of other things, or deeper than anybody means it."""
_to_raws = msgspec.json.Decoder(list[msgspec.Raw])
_to_alert = msgspec.json.Decoder(PostableAlert)
_to_silence = msgspec.json.Decoder(PostableSilence)


def read_alerts(body: bytes) -> tuple[list[Given], list[str]]:
    """Return the alerts of a request, and what is wrong with those that are none.

    Raises:
        ShapeError: the whole is no array.
    """
    try:
        raws = _to_raws.decode(body)
    except _UNREADABLE as error:
        msg = f"the body is no array of alerts: {error}"
        raise ShapeError(msg) from error
    found: list[Given] = []
    wrong: list[str] = []
    for number, raw in enumerate(raws):
        try:
            found.append(_to_alert.decode(raw).given())
        except (*_UNREADABLE, ShapeError) as error:
            wrong.append(f"alert {number}: {error}" if len(raws) > 1 else str(error))
    return found, wrong


def read_silence(body: bytes) -> PostableSilence:
    """Return the silence of a request.

    Raises:
        ShapeError: it is none.
    """
    try:
        return _to_silence.decode(body)
    except _UNREADABLE as error:
        msg = f"the body is no silence: {error}"
        raise ShapeError(msg) from error
