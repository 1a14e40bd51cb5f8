"""What becomes of one record, field by field: the path, the value found there, each step, the result.

The results come from the very closures that map in the flow (:meth:`EventCompiler.parts`), and what becomes of the
record as a whole from :class:`Mapper`; only the way to a result is told here a second time.
"""

from typing import Any

import msgspec

from config.mapping import EventMapping, MappingSettings
from config.values import Condition, ValueSettings
from detectors.events import Event
from pipeline.events import encode_event
from pipeline.mapping.compile import Mapper
from pipeline.mapping.conditions import compile_condition
from pipeline.mapping.parts import Parts, Reader
from pipeline.mapping.paths import Fields
from pipeline.mapping.step import EventCompiler
from pipeline.mapping.traced import Trace, TracedCondition, TracedEntry, TracedField
from pipeline.mapping.values import Scope, from_us
from pipeline.mapping.ways import Way, condition_text, way_of
from pipeline.reasons import RecordError


class Tracer:
    """Tells what a mapping does.

    Args:
        settings: the mapping.
        feed: name of the feed.

    Raises:
        ValueError: naming the setting, when the mapping cannot be compiled.
    """

    def __init__(self, settings: MappingSettings, feed: str) -> None:
        self._mapper = Mapper(settings, feed)
        self._settings = settings
        scope = self._scope = Scope(settings, Fields())
        self._where = [(condition, compile_condition(condition, scope)) for condition in settings.where]
        self._entries = [
            (entry, EventCompiler(entry, scope, feed, f"events[{index}]").parts())
            for index, entry in enumerate(settings.events)
        ]
        self._ways = [_ways(entry, parts, scope, feed) for entry, parts in self._entries]
        self._conditions = {
            condition.field: scope.getter(condition.field)
            for condition in [*settings.where, *(one for entry in settings.events for one in entry.when)]
        }
        self._each = [None if entry.each is None else scope.getter(entry.each) for entry in settings.events]
        self._decode = scope.fields.decoder()

    def __call__(self, raw: bytes) -> Trace:
        """Return what becomes of one record, given as JSON."""
        try:
            events = self._mapper(raw)
        except RecordError as error:
            where, entries = self._inside(raw)
            return Trace("dead_letter", [], str(error.reason), error.detail, None, where, entries)
        where, entries = self._inside(raw)
        if events is None:
            return Trace("filtered", [], None, None, _why_none(where, entries), where, entries)
        return Trace("mapped", [_plain(event) for event in events], None, None, None, where, entries)

    def _inside(self, raw: bytes) -> tuple[list[TracedCondition], list[TracedEntry]]:
        try:
            record = self._decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return [], []
        where: list[TracedCondition] = []
        for index, (condition, holds) in enumerate(self._where):
            where.append(self._condition(f"where[{index}]", condition, holds, record))
            if not where[-1].holds:
                return where, []
        entries: list[TracedEntry] = []
        for index in range(len(self._entries)):
            entries += self._entry(index, record)
        return where, entries

    def _condition(self, setting: str, condition: Condition, holds: Any, record: Any) -> TracedCondition:
        try:
            raw, held = self._conditions[condition.field](record), holds(record)
        except RecordError:
            raw, held = None, False
        return TracedCondition(setting, condition.field, condition_text(condition), raw, held)

    def _entry(self, index: int, record: Any) -> list[TracedEntry]:
        each = self._each[index]
        if each is None:
            return [self._made(index, record, None)]
        items = each(record)
        if not isinstance(items, list | dict):
            text = "is no list" if items is not None else "has no value"
            because = f"{self._settings.events[index].each} {text}"
            return [TracedEntry(f"events[{index}]", None, because, [], [])]
        traced = []
        for number, item in enumerate([items] if isinstance(items, dict) else items):
            record.item_ = item
            traced.append(self._made(index, record, number))
        return traced or [TracedEntry(f"events[{index}]", None, "the list is empty", [], [])]

    def _made(self, index: int, record: Any, item: int | None) -> TracedEntry:
        entry, parts = self._entries[index]
        setting = f"events[{index}]"
        conditions: list[TracedCondition] = []
        for number, (condition, holds) in enumerate(zip(entry.when, parts.conditions, strict=True)):
            conditions.append(self._condition(f"{setting}.when[{number}]", condition, holds, record))
            if not conditions[-1].holds:
                return TracedEntry(setting, item, _unmet(conditions[-1]), conditions, [])
        ways = self._ways[index]
        kind = _field(f"{setting}.type", ways["type"], parts.kind_of, record)
        fields = [kind]
        because = None
        if kind.result is None and kind.error is None:
            because = f"{kind.source}: the value is mapped to no type"
        else:
            fields.append(_field(f"{setting}.time", ways["time"], parts.time_of, record, is_time=True))
            if fields[-1].result is None and fields[-1].error is None:
                if entry.optional:
                    because = f"{fields[-1].source} has no value: there is no time"
                else:
                    fields[-1] = msgspec.structs.replace(fields[-1], error="missing_field: the time has no value")
        if because is None:
            readers = [*parts.envelope, *((f"data.{name}", read) for name, read in parts.data.get(kind.result, []))]
            for name, read in readers:
                fields += _fields(setting, name, ways, read, record)
        return TracedEntry(setting, item, because, conditions, fields)


def _ways(entry: EventMapping, parts: Parts, scope: Scope, feed: str) -> dict[str, Way]:
    """Return the way of each value of an event, by its name as in the mapping."""
    said: dict[str, ValueSettings] = {
        "type": ValueSettings(const=entry.type) if isinstance(entry.type, str) else entry.type,
        "time": entry.time,
        "id": ValueSettings(template=entry.id),
        "source": ValueSettings(const=feed) if entry.source is None else ValueSettings(template=entry.source),
    }
    subject = entry.subject or scope.settings.subject
    other = {"subject": subject, "sequence": entry.sequence, "rev": entry.rev, "recordedtime": entry.recordedtime}
    said |= {name: value for name, value in other.items() if value is not None}
    said |= {f"data.{name}": value for name, value in (scope.settings.data.given() | entry.data.given()).items()}
    labels = {**scope.settings.data.labels, **entry.data.labels}
    said |= {f"data.labels.{name}": value for name, value in labels.items() if value is not None}
    times = {"time", "recordedtime", "data.deadline"}
    return {name: way_of(value, scope, is_time=name in times) for name, value in said.items()}


def _fields(setting: str, name: str, ways: dict[str, Way], read: Reader, record: Any) -> list[TracedField]:
    if name != "data.labels":
        return [_field(f"{setting}.{name}", ways[name], read, record)]
    try:
        labels, error = read(record), None
    except RecordError as caught:
        labels, error = {}, str(caught)
    found = []
    for label in sorted(way for way in ways if way.startswith("data.labels.")):
        result = labels.get(label.removeprefix("data.labels."))
        told = error if error is not None and f".{label}:" in error else None
        found.append(_row(f"{setting}.{label}", ways[label], record, result, told))
    return found


def _field(setting: str, way: Way, read: Reader, record: Any, *, is_time: bool = False) -> TracedField:
    try:
        result, error = read(record), None
    except RecordError as caught:
        result, error = None, str(caught)
    if is_time and result is not None:
        result = from_us(result)
    return _row(setting, way, record, result, error)


def _row(setting: str, way: Way, record: Any, result: Any, error: str | None) -> TracedField:
    found = way(record)
    return TracedField(setting, found.source, found.raw, found.steps, result, error)


def _unmet(condition: TracedCondition) -> str:
    return f"{condition.setting} does not hold: {condition.field} {condition.test}"


def _why_none(where: list[TracedCondition], entries: list[TracedEntry]) -> str:
    if where and not where[-1].holds:
        return _unmet(where[-1])
    reasons = dict.fromkeys(
        entry.because if ".when[" in (entry.because or "") else f"{entry.setting}: {entry.because}" for entry in entries
    )
    return "; ".join(str(reason) for reason in reasons)


def _plain(event: Event) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.json.decode(encode_event(event))
    return plain
