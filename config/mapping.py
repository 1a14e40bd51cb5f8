"""Declared mappings: how other people's records become events, said in the settings and not in code.

``pipeline.mapping`` compiles these models. Values compare as text (``true``/``false`` in lower case, whole numbers
without ``.0``), so that one mapping reads a CSV export and the same table as JSON or Parquet.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from config.base import SettingsModel
from config.using import known_name, shipped_names, taken
from config.values import Condition, TimeFormat, ValueSettings, Zone

ShippedName = Annotated[str, AfterValidator(known_name)]
Link = Annotated[str, Field(pattern=r"^https://\S+$")]
Origin = Literal["published", "trimmed", "recorded", "varied"]


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
    labels: dict[str, ValueSettings | None] = Field(default_factory=dict)

    def given(self) -> dict[str, ValueSettings]:
        """Return the values that are said, without labels, by the field of ``data`` that they fill."""
        said = {name: getattr(self, name) for name in type(self).model_fields if name != "labels"}
        return {name: value for name, value in said.items() if value is not None}


class EventMapping(SettingsModel):
    """One event that a record may become.

    Attributes:
        type: the CloudEvents type, or a value whose ``map`` gives one (a value mapped to null makes no event).
        when: conditions that must all hold, or the event is not made (the record's other events are).
        each: path of a list: the event is made for each of its entries, whose fields have paths like ``@item.id``
            (``@item`` itself, where the entries are no objects). An object in place of the list is its one entry.
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
    each: str | None = Field(default=None, min_length=1)
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
        docs: link to the page where the sender publishes such a record.
        origin: where the record comes from. ``published``: from the sender's own documentation or repository, whole.
            ``trimmed``: the same, without some fields or entries. ``recorded``: the sender sent it, and somebody else
            published it (perhaps trimmed). ``varied``: another example with some values changed.
        varies: of a varied record: which example it varies, counted from 0.
        note: what was trimmed; of a varied record: which fields differ.
        expect: the events, in order; each is compared in the fields that it names (``data`` likewise).
        filtered: the record makes no event.
        dead_letter: the reason for which it cannot be mapped.
    """

    record: dict[str, Any]
    docs: Link | None = None
    origin: Origin | None = None
    varies: int | None = Field(default=None, ge=0)
    note: str | None = Field(default=None, min_length=1)
    expect: list[dict[str, Any]] | None = None
    filtered: bool = False
    dead_letter: str | None = None

    @model_validator(mode="after")
    def _one_outcome(self) -> Self:
        if [self.expect is not None, self.filtered, self.dead_letter is not None].count(True) != 1:
            msg = "an example has exactly one of expect, filtered: true, dead_letter"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _says_how_it_varies(self) -> Self:
        if self.origin == "varied" and (self.varies is None or self.note is None):
            msg = "a varied example says which one it varies (varies), and which fields differ (note)"
            raise ValueError(msg)
        if self.origin != "varied" and self.varies is not None:
            msg = "only an example with origin: varied varies another"
            raise ValueError(msg)
        return self


class MappingSettings(SettingsModel):
    """How the records of a feed become events: said here in ``events``, or taken with ``use`` from what is shipped.

    Beside ``use``: ``where`` comes on top of the shipped conditions; ``missing``, ``formats``, ``zone``, ``subject``
    and every value under ``data`` hold in place of the shipped ones, in all events (``null`` takes a value out).

    Attributes:
        use: name of a shipped mapping.
        where: conditions that must all hold; a record that does not meet them is filtered (counted, neither event nor
            a dead letter).
        missing: texts that mean "no value" in any field.
        formats: time formats, tried in order: ``rfc3339``, ``iso8601`` (an offset may be left out), ``epoch_s``,
            ``epoch_ms``, ``epoch_us``, or a pattern like ``%d/%m/%Y %H:%M`` (numbers need no leading zero).
        zone: zone of times without an offset; without it such times are dead letters.
        subject: the customer, for every event that says nothing of its own.
        data: values for every event whose type has them and that says nothing of its own.
        events: what a record may become.
        examples: records with what they must become. Those of a mapping taken with ``use`` are run as well, through the
            mapping as it is shipped.
    """

    use: ShippedName | None = Field(default=None, json_schema_extra={"examples": list(shipped_names())})
    where: list[Condition] = Field(default_factory=list)
    missing: list[str] = Field(default=[""])
    formats: list[TimeFormat] = Field(default=["rfc3339"], min_length=1)
    zone: Zone | None = None
    subject: ValueSettings | None = None
    data: DataSettings = DataSettings()
    events: list[EventMapping] = Field(default_factory=list)
    examples: list[MappingExample] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _with_shipped(cls, written: Any) -> Any:
        if isinstance(written, dict) and written.get("use") is not None and written.get("events"):
            msg = "use takes the events of a shipped mapping: give use or events, not both"
            raise ValueError(msg)
        return taken(written)

    @model_validator(mode="after")
    def _has_events(self) -> Self:
        if not self.events:
            msg = f"a mapping needs events, or use with the name of a shipped mapping: {', '.join(shipped_names())}"
            raise ValueError(msg)
        return self


class ShippedMapping(SettingsModel):
    """A file of ``config/mappings``: the mapping of a provider's records, with where its rules come from.

    Attributes:
        title: the provider and what of it is read.
        sends: which messages, and by which way they come: webhook, export, API.
        docs: links to the published pages that the rules and examples come from, each with its version or date in
            parentheses where it gives one.
        unpublished: messages that are mapped and of which no published payload was found, and what their rules come
            from instead.
        mapping: the mapping, with at least one example. Every example has its link and its origin.
    """

    title: str = Field(min_length=1)
    sends: str = Field(min_length=1)
    docs: list[Annotated[str, Field(pattern=r"^https://\S+( \(.+\))?$")]] = Field(min_length=1)
    unpublished: str | None = Field(default=None, min_length=1)
    mapping: MappingSettings

    @model_validator(mode="after")
    def _examples_say_where_they_come_from(self) -> Self:
        examples = self.mapping.examples
        for index, example in enumerate(examples):
            where = f"mapping.examples[{index}]"
            if example.docs is None or example.origin is None:
                msg = f"{where}: a shipped example has docs and origin"
                raise ValueError(msg)
            if example.varies is not None and (
                example.varies >= len(examples) or examples[example.varies].origin == "varied"
            ):
                msg = f"{where}.varies: {example.varies} is not an example that is itself published or recorded"
                raise ValueError(msg)
        return self
