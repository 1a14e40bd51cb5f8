"""Declared mappings, compiled: a record's bytes to the events it becomes."""

from collections.abc import Sequence
from typing import Any

import msgspec

from config.mapping import MappingSettings
from detectors.events import Event
from pipeline.diagnosis import diagnose
from pipeline.mapping.conditions import compile_condition
from pipeline.mapping.paths import Fields, Getter
from pipeline.mapping.step import EventCompiler
from pipeline.mapping.values import Scope, named
from pipeline.reasons import Reason, RecordError, shown


class Mapped(msgspec.Struct):
    """What a list of records became: every record is accepted (made events), filtered (made none), or an error.

    Attributes:
        events: of all accepted records, in order.
        accepted, filtered: numbers of records.
        errors: index and error of each record that cannot be mapped; none of its events is in ``events``.
    """

    events: list[Event]
    accepted: int
    filtered: int
    errors: list[tuple[int, RecordError]]


class Mapper:
    """A compiled mapping. Immutable, apart from caches.

    Args:
        settings: the declared mapping.
        feed: name of the feed: the events' source where the mapping names none.

    Raises:
        ValueError: naming the setting: an unknown event type, a field that the type does not have, a path or template
            that cannot be read.
    """

    def __init__(self, settings: MappingSettings, feed: str) -> None:
        scope = Scope(settings, Fields())
        self._where = [
            named(f"where[{index}]", compile_condition, condition, scope)
            for index, condition in enumerate(settings.where)
        ]
        self._steps = [
            EventCompiler(event, scope, feed, f"events[{index}]").compile()
            for index, event in enumerate(settings.events)
        ]
        each = [
            None if event.each is None else named(f"events[{index}].each", scope.getter, event.each)
            for index, event in enumerate(settings.events)
        ]
        self._each = each if any(each) else None
        for name in settings.data.given():
            if name not in scope.fitting:
                msg = f"data.{name}: none of this mapping's events has such a field"
                raise ValueError(msg)
        self._decode = scope.fields.decoder()

    def __call__(self, raw: bytes) -> list[Event] | None:
        """Return the events of one record, or None where it makes none (it is filtered).

        Raises:
            RecordError: with the reason, and the setting and field concerned.
        """
        try:
            if not raw.isascii():
                raw.decode()
            record = self._decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise diagnose(raw, error) from None
        for condition in self._where:
            if not condition(record):
                return None
        if self._each is not None:
            return self._of_entries(record, self._each) or None
        events = []
        for step in self._steps:
            event = step(record)
            if event is not None:
                events.append(event)
        return events or None

    def _of_entries(self, record: Any, each: Sequence[Getter | None]) -> list[Event]:
        """Return the events of a record where some are made for each entry of a list in it."""
        made: list[Event | None] = []
        for index, (step, entries_of) in enumerate(zip(self._steps, each, strict=True)):
            entries = [None] if entries_of is None else entries_of(record)
            if entries is None:
                continue
            if not isinstance(entries, list | dict):
                detail = f"events[{index}].each: expected a list, got {shown(entries)}"
                raise RecordError(Reason.WRONG_TYPE, detail)
            for entry in [entries] if isinstance(entries, dict) else entries:
                record.item_ = entry
                made.append(step(record))
        return [event for event in made if event is not None]

    def map_many(self, records: Sequence[bytes]) -> Mapped:
        """Map a list of records."""
        events: list[Event] = []
        errors: list[tuple[int, RecordError]] = []
        filtered = 0
        for index, raw in enumerate(records):
            try:
                made = self(raw)
            except RecordError as error:
                errors.append((index, error))
                continue
            if made is None:
                filtered += 1
            else:
                events += made
        return Mapped(events, len(records) - filtered - len(errors), filtered, errors)


def compile_mapping(settings: MappingSettings, feed: str) -> Mapper:
    """Return the compiled mapping of a feed.

    Raises:
        ValueError: naming the setting that cannot be.
    """
    return Mapper(settings, feed)
