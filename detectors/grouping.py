"""Reads the labels that a detector groups by out of events."""

import re
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated

import numpy as np
from pydantic import AfterValidator

from detectors.columns import Columns, Ints
from detectors.events import Event
from detectors.panes import Group

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED = frozenset({"alertname", "detector", "severity"})
_DATA_FIELDS = frozenset({"service", "region", "channel", "queue"})
_COMMON_FIELDS = frozenset({"service", "region", "channel"})
_GROUP_MEMORY = 10_000
_PROFILE_FIELDS = frozenset({"tier", "language", "contract"})
_SOURCE_NAMES = frozenset({"feed", "source"})
_MOST_PLACES = 1 << 18
"""Of a table of the groups of all combinations of texts; beyond it they are looked up one by one."""


def _valid_name(name: str) -> str:
    if not _LABEL_NAME.fullmatch(name):
        msg = f"{name!r} is not a label name: letters, digits and underscores, not beginning with a digit"
        raise ValueError(msg)
    if name in _RESERVED:
        msg = f"{name!r} is set by the detector itself and cannot be grouped by"
        raise ValueError(msg)
    return name


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        msg = f"group_by names a label twice: {', '.join(names)}"
        raise ValueError(msg)
    return names


LabelName = Annotated[str, AfterValidator(_valid_name)]
"""A settings field with a Prometheus label name that is free for groups."""

GroupBy = Annotated[tuple[LabelName, ...], AfterValidator(_distinct)]
"""A settings field with the labels to group by."""


def group_reader(names: Sequence[str]) -> Callable[[Event], Group]:
    """Return a function that reads the group of an event.

    A name is looked up in the event's own labels, then in the field of that name: ``service``, ``region``,
    ``channel``, ``queue`` of the data, ``tier``, ``language``, ``contract`` of the customer's profile, and ``feed``
    or ``source``, which both are the CloudEvents source. What is nowhere reads as an empty string.
    """
    readers = [_reader(name) for name in names]
    if names and set(names) <= _COMMON_FIELDS:
        return _fields_reader(names, readers)
    if len(readers) == 1:
        only = readers[0]
        return lambda event: (only(event),)
    return lambda event: tuple([read(event) for read in readers])


class GroupNumbers:
    """Numbers the groups that come along: many events are read at once, and numbers are cheaper to sort than groups.

    Args:
        names: of the labels to group by, as :func:`group_reader` takes them.

    Attributes:
        groups: by their numbers.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._read = group_reader(names)
        # Of these names all data has fields, and an event without labels of its own has nothing else to look at.
        self._fields = attrgetter(*names) if names and set(names) <= _COMMON_FIELDS else None
        self._columns = column_names(names)
        self._forget()

    def _forget(self) -> None:
        self.groups: list[Group] = []
        self._by_group: dict[Group, int] = {}
        self._by_fields: dict[object, int] = {}
        self._by_codes: dict[int, int] = {}
        self._table = np.full(1, -1, dtype=np.int64)
        self._shape: tuple[int, ...] = ()

    def trim(self, most: int) -> None:
        """Begin to count anew when there are more than ``most`` groups."""
        if len(self._by_fields) + len(self.groups) > most:
            self._forget()

    def numbers(self, events: Sequence[Event]) -> list[int]:
        """Return the number of each event's group."""
        fields = self._fields
        datas = [event.data for event in events]
        if fields is None or any([data.labels for data in datas]):  # noqa: C419 - a list is faster here
            return [self._number(self._read(event)) for event in events]
        number_of = self._by_fields.__getitem__
        try:
            return list(map(number_of, map(fields, datas)))
        except KeyError:
            for event, data in zip(events, datas, strict=True):
                if fields(data) not in self._by_fields:
                    self._by_fields[fields(data)] = self._number(self._read(event))
        return list(map(number_of, map(fields, datas)))

    def numbers_of(self, columns: Columns) -> Ints:
        """Return the number of each event's group, as :meth:`numbers` does, out of columns.

        Raises:
            ValueError: when columns do not have the labels.
        """
        if self._columns is None:
            msg = "these labels cannot be read out of columns"
            raise ValueError(msg)
        texts = [columns.texts(name) for name in self._columns]
        shape = (columns.generation, *(len(known).bit_length() for known in texts))
        keys = np.zeros(len(columns), dtype=np.int64)
        for name, bits in zip(self._columns, shape[1:], strict=True):
            keys = (keys << bits) + (columns.codes(name) + 1)
        places = 1 << sum(shape[1:])
        if shape != self._shape:
            self._shape, self._by_codes = shape, {}
            self._table = np.full(places if places <= _MOST_PLACES else 0, -1, dtype=np.int64)
        if places > _MOST_PLACES:
            return np.array([self._number_by_codes(key, texts) for key in keys.tolist()], dtype=np.int64)
        numbers = self._table.take(keys)
        if len(numbers) and int(numbers.min()) < 0:
            for key in keys[numbers < 0].tolist():
                self._table[key] = self._number_by_codes(key, texts)
            numbers = self._table.take(keys)
        return numbers

    def _number_by_codes(self, key: int, texts: Sequence[Sequence[str]]) -> int:
        number = self._by_codes.get(key)
        if number is None:
            rest, group = key, []
            for known, bits in zip(reversed(texts), reversed(self._shape[1:]), strict=True):
                code = (rest & ((1 << bits) - 1)) - 1
                group.append(known[code] if code >= 0 else "")
                rest >>= bits
            number = self._by_codes[key] = self._number(tuple(reversed(group)))
        return number

    def _number(self, group: Group) -> int:
        number = self._by_group.get(group)
        if number is None:
            number = self._by_group[group] = len(self.groups)
            self.groups.append(group)
        return number


def column_names(names: Sequence[str]) -> tuple[str, ...] | None:
    """Return the columns that groups are read out of where no event has labels; None where events are needed."""
    if not set(names) <= _DATA_FIELDS | _SOURCE_NAMES:
        return None
    return tuple("source" if name in _SOURCE_NAMES else name for name in names)


def _fields_reader(names: Sequence[str], readers: Sequence[Callable[[Event], str]]) -> Callable[[Event], Group]:
    """Return a faster reader for names of fields that the data of all events has."""
    values_of = attrgetter(*names)
    single = len(names) == 1
    known: dict[object, Group] = {}

    def read(event: Event) -> Group:
        data = event.data
        if data.labels:
            return tuple([read_one(event) for read_one in readers])
        values = values_of(data)
        group = known.get(values)
        if group is None:
            group = tuple([value or "" for value in ((values,) if single else values)])
            if len(known) < _GROUP_MEMORY:
                known[values] = group
        return group

    return read


def _reader(name: str) -> Callable[[Event], str]:
    if name in _DATA_FIELDS:

        def read_data(event: Event) -> str:
            data = event.data
            value = data.labels.get(name)
            if value is None:
                value = getattr(data, name, None)
            return value or ""

        return read_data
    if name in _PROFILE_FIELDS:

        def read_profile(event: Event) -> str:
            value = event.data.labels.get(name)
            if value is None and event.profile is not None:
                return str(getattr(event.profile, name))
            return value or ""

        return read_profile
    if name in _SOURCE_NAMES:
        return lambda event: event.data.labels.get(name) or event.source
    return lambda event: event.data.labels.get(name, "")
