"""One entry of a mapping's ``events``, compiled: a decoded record to the event it becomes."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from config.mapping import EventMapping
from config.values import ValueSettings
from detectors.events import EVENT_CLASSES, Event
from pipeline.diagnosis import diagnose_validation
from pipeline.events import convert_event
from pipeline.mapping.conditions import compile_condition
from pipeline.mapping.numbers import divided, integer_reader, number_reader
from pipeline.mapping.parts import Parts, Reader
from pipeline.mapping.values import (
    Scope,
    compile_origin,
    compile_template,
    described,
    from_us,
    named,
    time_reader,
    to_text,
)
from pipeline.reasons import Reason, RecordError

Step = Callable[[Any], Event | None]
_NUMBERS = frozenset({"score", "amount", "latency_ms", "sentiment"})
_TIMES = frozenset({"deadline"})
_ENVELOPE_NUMBERS = ("sequence", "rev")


class EventCompiler:
    """Compiles one entry of a mapping's ``events``.

    Args:
        settings: the entry.
        scope: of the mapping.
        feed: name of the feed.
        where: what errors call the entry (``events[0]``).
    """

    def __init__(self, settings: EventMapping, scope: Scope, feed: str, where: str) -> None:
        self._settings = settings
        self._scope = scope
        self._feed = feed
        self._where = where

    def compile(self) -> Step:
        """Return what makes the event out of a decoded record, or None where there is none to make.

        Raises:
            ValueError: naming the setting that cannot be.
        """
        where, what, optional = self._where, described(self._settings.time), self._settings.optional
        conditions, kind_of, time_of, envelope, data = self.parts()

        def step(record: Any) -> Event | None:
            for condition in conditions:
                if not condition(record):
                    return None
            kind = kind_of(record)
            if kind is None:
                return None
            time_us = time_of(record)
            if time_us is None:
                if optional:
                    return None
                raise RecordError(Reason.MISSING_FIELD, f"{where}.time: {what} has no value")
            plain: dict[str, Any] = {"time": from_us(time_us)}
            for name, read in envelope:
                value = read(record)
                if value is not None:
                    plain[name] = value
            plain["data"] = inner = {}
            for name, read in data[kind]:
                value = read(record)
                if value is not None:
                    inner[name] = value
            try:
                event = convert_event(plain, EVENT_CLASSES[kind])
            except msgspec.ValidationError as error:
                problem = diagnose_validation(error)
                raise RecordError(problem.reason, f"{where}.{problem.detail}") from None
            event.time_us = time_us
            return event

        return step

    def parts(self) -> Parts:
        """Return what the event is made by.

        Raises:
            ValueError: naming the setting that cannot be.
        """
        settings, scope, where = self._settings, self._scope, self._where
        conditions = [
            named(f"{where}.when[{index}]", compile_condition, condition, scope)
            for index, condition in enumerate(settings.when)
        ]
        kind_of, types = self._types()
        data = {name: self._data(types[name]) for name in types}
        envelope = self._envelope()
        time_of = self._read("time", settings.time, named(f"{where}.time", time_reader, settings.time, scope))
        return Parts(conditions, kind_of, time_of, envelope, data)

    def _types(self) -> tuple[Callable[[Any], str | None], dict[str, type]]:
        """Return what finds a record's event type, and all types that it may find."""
        chosen = self._settings.type
        where = f"{self._where}.type"
        if isinstance(chosen, str):
            chosen = ValueSettings(const=chosen)
        if chosen.const is None and (chosen.map is None or chosen.keep):
            msg = f"{where}: expected a type or a field with a map of types, without keep"
            raise ValueError(msg)
        names = [chosen.const, chosen.default, *(chosen.map or {}).values()]
        wanted = [str(name) for name in names if name is not None]
        for name in wanted:
            if name not in EVENT_CLASSES:
                msg = f"{where}: {name!r} is not an event type; there are: {', '.join(sorted(EVENT_CLASSES))}"
                raise ValueError(msg)
        types = {name: EVENT_CLASSES[name] for name in wanted}
        if chosen.const is not None:
            only = str(chosen.const)
            return (lambda _record: only), types
        read = self._read("type", chosen, str)
        if chosen.default is not None:
            return read, types
        # A value that is mapped to null makes no event; a missing one is an error.
        found = compile_origin(chosen.model_copy(update={"map": None}), self._scope)
        present = self._required(where, found, described(chosen))
        return (lambda record: read(record) if present(record) is not None else None), types

    def _envelope(self) -> list[tuple[str, Reader]]:
        settings, scope = self._settings, self._scope
        templates = {"id": settings.id, "source": settings.source or self._feed.replace("{", "{{").replace("}", "}}")}
        readers: list[tuple[str, Reader]] = []
        for name, template in templates.items():
            fill = named(f"{self._where}.{name}", compile_template, template, scope)
            readers.append((name, self._required(f"{self._where}.{name}", fill, f"a field of {template!r}")))
        subject = settings.subject or scope.settings.subject
        if subject is not None:
            readers.append(("subject", self._read("subject", subject, to_text)))
        for name in _ENVELOPE_NUMBERS:
            value: ValueSettings | None = getattr(settings, name)
            if value is not None:
                readers.append((name, self._read(name, value, self._integer_or_time(name, value))))
        if settings.recordedtime is not None:
            readers.append(("recordedtime", self._read_time("recordedtime", settings.recordedtime)))
        return readers

    def _integer_or_time(self, name: str, value: ValueSettings) -> Callable[[Any], int]:
        if value.formats is None:
            return integer_reader(value)
        return named(f"{self._where}.{name}", time_reader, value, self._scope)

    def _data(self, kind: type) -> list[tuple[str, Reader]]:
        shape = msgspec.structs.fields(kind)
        data_type = next(field.type for field in shape if field.name == "data")
        known = {field.name: field for field in msgspec.structs.fields(data_type)}
        readers: list[tuple[str, Reader]] = []
        self._scope.fitting.update(known)
        shared = {name: value for name, value in self._scope.settings.data.given().items() if name in known}
        for name, value in {**shared, **self._settings.data.given()}.items():
            if name not in known:
                msg = f"{self._where}.data.{name}: events of type {kind.type} have no such field"  # type: ignore[attr-defined]
                raise ValueError(msg)
            required = known[name].required
            readers.append((name, self._data_reader(name, value, required=required)))
        for name, field in known.items():
            if field.required and name not in dict(readers):
                msg = f"{self._where}.data.{name}: events of type {kind.type} need it"  # type: ignore[attr-defined]
                raise ValueError(msg)
        labels = {**self._scope.settings.data.labels, **self._settings.data.labels}
        if any(labels.values()):
            readers.append(("labels", self._labels(labels)))
        return sorted(readers, key=lambda pair: pair[0])

    def _data_reader(self, name: str, value: ValueSettings, *, required: bool) -> Reader:
        path = f"data.{name}"
        if name in _TIMES:
            return self._read_time(path, value)
        if name in _NUMBERS:
            read = self._read(path, value, number_reader(value), required=required)
            return read if value.divide is None else self._divided(path, read, value.divide)
        if value.divide is not None:
            msg = f"{self._where}.{path}.divide: only numbers can be divided: {', '.join(sorted(_NUMBERS))}"
            raise ValueError(msg)
        return self._read(path, value, to_text, required=required)

    def _divided(self, path: str, read: Reader, by: float | ValueSettings) -> Reader:
        path = f"{path}.divide"
        settings = by if isinstance(by, ValueSettings) else ValueSettings(const=by)
        where = f"{self._where}.{path}"
        divisor = self._required(where, self._read(path, settings, number_reader(settings)), described(settings))
        return divided(read, divisor, where)

    def _labels(self, labels: Mapping[str, ValueSettings | None]) -> Reader:
        readers = [
            (name, self._read(f"data.labels.{name}", value, to_text))
            for name, value in sorted(labels.items())
            if value is not None
        ]

        def read(record: Any) -> dict[str, str]:
            found = ((name, label(record)) for name, label in readers)
            return {name: text for name, text in found if text is not None}

        return read

    def _read_time(self, name: str, value: ValueSettings) -> Reader:
        read = self._read(name, value, named(f"{self._where}.{name}", time_reader, value, self._scope))

        def read_time(record: Any) -> Any:
            time_us = read(record)
            return None if time_us is None else from_us(time_us)

        return read_time

    def _read(
        self, name: str, value: ValueSettings, convert: Callable[[Any], Any], *, required: bool = False
    ) -> Reader:
        """Return what finds and converts a value; an error names the setting and the field."""
        where = f"{self._where}.{name}"
        origin = named(where, compile_origin, value, self._scope)
        what = described(value)

        def read(record: Any) -> Any:
            try:
                found = origin(record)
                if found is not None:
                    return convert(found)
            except RecordError as error:
                raise RecordError(error.reason, f"{where}: {what}: {error.detail}") from None
            return None

        return self._required(where, read, what) if required else read

    @staticmethod
    def _required(where: str, read: Reader, what: str) -> Reader:
        def read_required(record: Any) -> Any:
            found = read(record)
            if found is None:
                raise RecordError(Reason.MISSING_FIELD, f"{where}: {what} has no value")
            return found

        return read_required
