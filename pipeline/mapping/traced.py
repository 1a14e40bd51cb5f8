"""What is told of a record that went through a mapping."""

from typing import Any, Literal

import msgspec

Outcome = Literal["mapped", "filtered", "dead_letter"]


class TracedCondition(msgspec.Struct, frozen=True):
    """A condition at one record: ``setting`` is its place in the mapping, ``raw`` what the record has there."""

    setting: str
    field: str
    test: str
    raw: Any
    holds: bool


class TracedField(msgspec.Struct, frozen=True):
    """One value of an event.

    Attributes:
        setting: the place in the mapping (``events[0].data.status``).
        source: the path of the record that was taken, the template, or ``constant``.
        raw: what stands there.
        steps: what was done with it, in order.
        result: what the event has; None: no value.
        error: why there is none, where that makes the record a dead letter.
    """

    setting: str
    source: str
    raw: Any
    steps: list[str]
    result: Any
    error: str | None = None


class TracedEntry(msgspec.Struct, frozen=True):
    """One entry of ``events`` at one record (at one entry of a list, with ``each``); ``item`` counts those from 0.

    ``because``: why it makes no event; None where it makes one, or an error kept it from that.
    """

    setting: str
    item: int | None
    because: str | None
    conditions: list[TracedCondition]
    fields: list[TracedField]


class Trace(msgspec.Struct, frozen=True):
    """What became of one record.

    Attributes:
        outcome: ``mapped``, ``filtered`` or ``dead_letter``.
        events: the events, as CloudEvents.
        reason, detail: of a dead letter.
        because: why the record is filtered.
        where: the mapping's conditions, as far as they were asked.
        entries: the mapping's ``events``, one after another.
    """

    outcome: Outcome
    events: list[dict[str, Any]]
    reason: str | None
    detail: str | None
    because: str | None
    where: list[TracedCondition]
    entries: list[TracedEntry]
