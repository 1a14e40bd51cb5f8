"""Declared mappings: how other people's records become events, said in the settings and not in code.

``pipeline.mapping`` compiles these models. Values compare as text (``true``/``false`` in lower case, whole numbers
without ``.0``), so that one mapping reads a CSV export and the same table as JSON or Parquet.
"""

from typing import Any, Self

from pydantic import Field, model_validator

from config.base import SettingsModel
from config.values import Condition, TimeFormat, ValueSettings, Zone


class DataSettings(SettingsModel):
    """Where the values of an event's ``data`` come from. Which fields fit is a matter of the event's type."""

    case_id: ValueSettings | None = None
    order_id: ValueSettings | None = None
    status: ValueSettings | None = None
    priority: ValueSettings | None = None
    queue: ValueSettings | None = None
    service: ValueSettings | None = None
    region: ValueSettings | None = None
    channel: ValueSettings | None = None
    to: ValueSettings | None = None
    reason: ValueSettings | None = None
    deadline: ValueSettings | None = None
    sentiment: ValueSettings | None = None
    text: ValueSettings | None = None
    score: ValueSettings | None = None
    scale: ValueSettings | None = None
    amount: ValueSettings | None = None
    currency: ValueSettings | None = None
    latency_ms: ValueSettings | None = None
    author: ValueSettings | None = None
    labels: dict[str, ValueSettings] = Field(default_factory=dict)


class EventMapping(SettingsModel):
    """One event that a record may become.

    Attributes:
        type: the CloudEvents type, or a value whose ``map`` gives one (a value mapped to null makes no event).
        when: conditions that must all hold, or the event is not made (the record's other events are).
        optional: true: a record without the time makes no event, instead of being a dead letter.
        id: template; with ``source`` it identifies the event.
        source: template; default: the feed's name.
        time: event time.
        subject: the customer.
        sequence: the source's own order among events of equal time.
        rev: revision; of two events with one id the higher counts.
        recordedtime: when the source recorded it.
        data: what the event says.
    """

    type: str | ValueSettings
    when: list[Condition] = Field(default_factory=list)
    optional: bool = False
    id: str = Field(min_length=1)
    source: str | None = Field(default=None, min_length=1)
    time: ValueSettings
    subject: ValueSettings | None = None
    sequence: ValueSettings | None = None
    rev: ValueSettings | None = None
    recordedtime: ValueSettings | None = None
    data: DataSettings = DataSettings()


class MappingExample(SettingsModel):
    """A record, and what it must become: examples are run by ``makegood check``.

    Attributes:
        record: the record as a JSON object.
        expect: the events, in order; each is compared in the fields that it names (``data`` likewise).
        filtered: the record makes no event.
        dead_letter: the reason for which it cannot be mapped.
    """

    record: dict[str, Any]
    expect: list[dict[str, Any]] | None = None
    filtered: bool = False
    dead_letter: str | None = None

    @model_validator(mode="after")
    def _one_outcome(self) -> Self:
        if [self.expect is not None, self.filtered, self.dead_letter is not None].count(True) != 1:
            msg = "an example has exactly one of expect, filtered: true, dead_letter"
            raise ValueError(msg)
        return self


class MappingSettings(SettingsModel):
    """How the records of a feed become events.

    Attributes:
        where: conditions that must all hold; a record that does not meet them is filtered (counted, neither event nor
            a dead letter).
        missing: texts that mean "no value" in any field.
        formats: time formats, tried in order: ``rfc3339``, ``iso8601`` (an offset may be left out), ``epoch_s``,
            ``epoch_ms``, ``epoch_us``, or a pattern like ``%d/%m/%Y %H:%M`` (numbers need no leading zero).
        zone: zone of times without an offset; without it such times are dead letters.
        events: what a record may become.
        examples: records with what they must become.
    """

    where: list[Condition] = Field(default_factory=list)
    missing: list[str] = Field(default=[""])
    formats: list[TimeFormat] = Field(default=["rfc3339"], min_length=1)
    zone: Zone | None = None
    events: list[EventMapping] = Field(min_length=1)
    examples: list[MappingExample] = Field(default_factory=list)
