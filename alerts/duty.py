"""Who is on duty: at an instant, and over a time. Nothing here reads a clock or a file.

A schedule's layers are its calendar and its rotations, in that order; a later one goes before an earlier one while it
has somebody. Overrides stand above all of them.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from threading import Lock
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from alerts.localtime import local_us
from alerts.rotations import Rotation
from config.duty import OverrideSettings, PersonSettings, ScheduleSettings


class Shift(NamedTuple):
    """A time over which the same people are on duty, half open; without people it is a gap."""

    start_us: int
    end_us: int
    people: tuple[str, ...]


class Layer(Protocol):
    """A part of a schedule that may have people on duty."""

    def at(self, at_us: int) -> tuple[str, ...]:
        """Return who is on duty by this layer."""
        ...

    def boundaries(self, from_us: int, to_us: int) -> Iterator[int]:
        """Yield every instant in a span at which the answer of :meth:`at` may change, and perhaps others."""
        ...


class Override(NamedTuple):
    """An override, compiled."""

    start_us: int
    end_us: int
    people: tuple[str, ...]
    instead_of: str | None

    def over(self, people: tuple[str, ...]) -> tuple[str, ...]:
        """Return who is on duty in place of those who would be."""
        if self.instead_of is None:
            return self.people
        if self.instead_of not in people:
            return people
        place = people.index(self.instead_of)
        return (*people[:place], *self.people, *people[place + 1 :])


class Schedule:
    """One schedule, compiled.

    Args:
        settings: of the schedule.
        calendar: what was imported for it; None: nothing.
    """

    def __init__(self, settings: ScheduleSettings, calendar: Layer | None = None) -> None:
        self.zone = ZoneInfo(settings.zone)
        rotations = [Rotation(rotation, self.zone) for rotation in settings.rotations]
        self._layers: tuple[Layer, ...] = (*rotations,) if calendar is None else (calendar, *rotations)
        self._together = settings.together
        self._overrides = tuple(self._override(override) for override in settings.overrides)

    def at(self, at_us: int) -> tuple[str, ...]:
        """Return who is on duty, each once; empty: nobody."""
        people: tuple[str, ...] = ()
        for layer in self._layers:
            here = layer.at(at_us)
            people = (*people, *here) if self._together else here or people
        for override in self._overrides:
            if override.start_us <= at_us < override.end_us:
                people = override.over(people)
        return tuple(dict.fromkeys(people))

    def shifts(self, from_us: int, to_us: int) -> list[Shift]:
        """Return who is on duty over a span, gaps included, without a hole between two of them."""
        found: list[Shift] = []
        for start_us, end_us in self._pieces(from_us, to_us):
            people = self.at(start_us)
            if found and found[-1].people == people:
                found[-1] = found[-1]._replace(end_us=end_us)
            else:
                found.append(Shift(start_us, end_us, people))
        return found

    def _pieces(self, from_us: int, to_us: int) -> Iterator[tuple[int, int]]:
        cuts = {from_us, to_us}
        for layer in self._layers:
            cuts.update(layer.boundaries(from_us, to_us))
        for override in self._overrides:
            cuts.update((override.start_us, override.end_us))
        inside = sorted(cut for cut in cuts if from_us <= cut <= to_us)
        yield from pairwise(inside)

    def _override(self, settings: OverrideSettings) -> Override:
        start_us, end_us = local_us(settings.from_, self.zone), local_us(settings.to, self.zone)
        return Override(start_us, end_us, settings.people, settings.instead_of)


class UnknownScheduleError(Exception):
    """There is no schedule of a name."""


class Duty:
    """All people and schedules of one settings file.

    Args:
        people: of the settings.
        schedules: of the settings.
        calendars: imported calendars, by the name of their schedule (see :mod:`alerts.duty_files`).
    """

    def __init__(
        self,
        people: Mapping[str, PersonSettings],
        schedules: Mapping[str, ScheduleSettings],
        calendars: Mapping[str, Layer] | None = None,
    ) -> None:
        self.people = people
        imported: Mapping[str, Layer] = {} if calendars is None else calendars
        self._schedules = {name: Schedule(entry, imported.get(name)) for name, entry in schedules.items()}
        self._lock = Lock()  # layers compute lazily, and several threads may ask

    def names(self) -> list[str]:
        """Return the names of the schedules, sorted."""
        return sorted(self._schedules)

    def zone(self, schedule: str) -> ZoneInfo:
        """Return the zone of a schedule."""
        return self._schedule(schedule).zone

    def on_duty(self, schedule: str, at_us: int) -> tuple[str, ...]:
        """Return the people on duty, each once; empty: nobody.

        Raises:
            UnknownScheduleError: naming those there are.
        """
        with self._lock:
            return self._schedule(schedule).at(at_us)

    def changes(self, schedule: str, from_us: int, to_us: int) -> list[Shift]:
        """Return who is on duty over a span, gaps included, without a hole between two of them.

        Raises:
            UnknownScheduleError: naming those there are.
        """
        with self._lock:
            return self._schedule(schedule).shifts(from_us, to_us)

    def gaps(self, schedule: str, from_us: int, to_us: int) -> list[Shift]:
        """Return when nobody is on duty."""
        return [shift for shift in self.changes(schedule, from_us, to_us) if not shift.people]

    def receiver(self, person: str) -> str:
        """Return the receiver by which a person is told."""
        return self.people[person].receiver

    def _schedule(self, name: str) -> Schedule:
        found = self._schedules.get(name)
        if found is None:
            msg = f"no schedule is called {name!r}; there are: {', '.join(self.names()) or 'none'}"
            raise UnknownScheduleError(msg)
        return found
