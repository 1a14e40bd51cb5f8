"""Reads the labels that a detector groups by out of events."""

import re
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated

from pydantic import AfterValidator

from detectors.events import Event

Group = tuple[str, ...]
"""Values of the ``group_by`` labels, in their order; an empty string where an event has none."""

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED = frozenset({"alertname", "detector", "severity"})
_DATA_FIELDS = frozenset({"service", "region", "channel", "queue"})
_COMMON_FIELDS = frozenset({"service", "region", "channel"})
_GROUP_MEMORY = 10_000
_PROFILE_FIELDS = frozenset({"tier", "language", "contract"})
_SOURCE_NAMES = frozenset({"feed", "source"})


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
