"""A calendar that is kept elsewhere, as a layer of a schedule: its events say who is on duty (iCalendar, RFC 5545).

Recurrence, exceptions, single occurrences that were moved, and zones are the library's work; which event is about whom
is decided here. All-day events are from midnight to midnight, and times without a zone are read, in the zone of the
schedule.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from alerts.localtime import local_us, moment, moment_us
from config.duty import DAY_US, PersonSettings
from config.localtimes import parse_local_time

_CHUNK_US = 32 * DAY_US
_MOST_CHUNKS = 64
_TOO_FINE = {"SECONDLY", "MINUTELY"}
_BETWEEN_NAMES = re.compile(r"\s*[,;&+]\s*|\s+and\s+")
_DEFECTS = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)


class CalendarError(Exception):
    """A calendar cannot be used: what is wrong with it."""


class Event(NamedTuple):
    """One occurrence: who is on duty from when to when."""

    start_us: int
    end_us: int
    people: tuple[str, ...]


class ImportedCalendar:
    """The events of a file.

    Args:
        content: of the file.
        zone: of the schedule.
        people: who there is.
        names: what the calendar calls people.

    Attributes:
        strangers: what events say that are about nobody known, each once, sorted.

    Raises:
        CalendarError: when it is no calendar, or an event recurs more often than every hour.
    """

    def __init__(
        self, content: bytes, zone: ZoneInfo, people: Mapping[str, PersonSettings], names: Mapping[str, str]
    ) -> None:
        self._zone = zone
        self._by_mail = {entry.email.casefold(): name for name, entry in people.items() if entry.email is not None}
        known = {**{name.casefold(): name for name in people}, **self._by_mail}
        self._by_name = {**known, **{text.casefold(): name for text, name in names.items()}}
        self._chunks: dict[int, list[Event]] = {}
        try:
            calendars = icalendar.Calendar.from_ical(content, multiple=True)
        except _DEFECTS as error:
            msg = f"is not an iCalendar file: {error}"
            raise CalendarError(msg) from error
        if not calendars:
            msg = "is not an iCalendar file: it holds no BEGIN:VCALENDAR"
            raise CalendarError(msg)
        events = [event for calendar in calendars for event in calendar.walk("VEVENT")]
        for event in events:
            _check_rule(event)
        try:
            self._queries = [recurring_ical_events.of(calendar, components=["VEVENT"]) for calendar in calendars]
        except _DEFECTS as error:
            raise _unreadable(error) from error
        self._events(0)  # so that more of what may be wrong shows here
        self.strangers = sorted({_told(event) for event in events if not _cancelled(event) and not self._who(event)})

    def at(self, at_us: int) -> tuple[str, ...]:
        """Return the people of all events at an instant."""
        return tuple(
            person
            for event in self._events(at_us // _CHUNK_US)
            if event.start_us <= at_us < event.end_us
            for person in event.people
        )

    def boundaries(self, from_us: int, to_us: int) -> Iterator[int]:
        """Yield when events begin and end."""
        for chunk in range(from_us // _CHUNK_US, to_us // _CHUNK_US + 1):
            for event in self._events(chunk):
                yield event.start_us
                yield event.end_us

    def _events(self, chunk: int) -> list[Event]:
        """Return the events that may overlap a piece of time, by their start."""
        found = self._chunks.get(chunk)
        if found is None:
            start, end = moment((chunk * _CHUNK_US) - DAY_US), moment((chunk + 1) * _CHUNK_US + DAY_US)
            try:
                occurrences = [one for query in self._queries for one in query.between(start, end)]
                found = sorted(event for one in occurrences if (event := self._event(one)) is not None)
            except _DEFECTS as error:
                raise _unreadable(error) from error
            if len(self._chunks) >= _MOST_CHUNKS:
                self._chunks.clear()
            self._chunks[chunk] = found
        return found

    def _event(self, occurrence: Any) -> Event | None:
        people = () if _cancelled(occurrence) else self._who(occurrence)
        start_us, end_us = self._us(occurrence.start), self._us(occurrence.end)
        return Event(start_us, end_us, people) if people and start_us < end_us else None

    def _us(self, when: date | datetime) -> int:
        if isinstance(when, datetime) and when.tzinfo is not None:
            return moment_us(when)
        return local_us(parse_local_time(when), self._zone)

    def _who(self, event: Any) -> tuple[str, ...]:
        attendees = event.get("ATTENDEE", [])
        listed = attendees if isinstance(attendees, list) else [attendees]
        mails = [str(entry).casefold().removeprefix("mailto:") for entry in listed]
        invited = [self._by_mail[mail] for mail in mails if mail in self._by_mail]
        if invited:
            return tuple(dict.fromkeys(invited))
        summary = str(event.get("SUMMARY", "")).strip().casefold()
        texts = [summary] if summary in self._by_name else _BETWEEN_NAMES.split(summary)
        named = [self._by_name[text] for text in texts if text in self._by_name]
        return tuple(dict.fromkeys(named))


def _check_rule(event: Any) -> None:
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        frequency = {str(text).upper() for text in rule.get("FREQ", [])}
        if frequency & _TOO_FINE:
            msg = f"the event {_told(event)!r} recurs more often than every hour; give its RRULE FREQ=HOURLY or longer"
            raise CalendarError(msg)


def _unreadable(error: Exception) -> CalendarError:
    return CalendarError(f"holds an event that cannot be read: {error}")


def _cancelled(event: Any) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _told(event: Any) -> str:
    return str(event.get("SUMMARY", "")).strip() or f"UID {event.get('UID', 'unknown')}"
