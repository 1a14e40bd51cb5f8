"""What cases of all lives have in common: fields of promises and of events, and a life lived up to a moment."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
from pydantic import Field

from config.base import SettingsModel
from config.calendars import CalendarSettings
from detectors.events import EVENT_CLASSES, CaseData, Event, Profile, SurveyData
from detectors.promises.openhours import to_us

HOUR_US = 3_600_000_000
YEARS = "3650d"
"""For what is never to be forgotten within a case."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS_US = {"seconds": 1_000_000, "minutes": 60_000_000, "hours": HOUR_US, "days": 24 * HOUR_US}
_WHEN = ("at", "known_at", "deadline")


class UnknownPartError(Exception):
    """A case has a part that this program does not know: it is skipped, and the reason says which."""


class EventSettings(SettingsModel, extra="allow"):
    """One event of a case. Further fields are data of the event (``to``, ``reason``, ``score``, ``customer``, ...)."""

    id: str
    type: str
    at: datetime
    known_at: datetime | None = None
    rev: int = 0
    sequence: int = 0
    tier: str = ""
    deadline: datetime | None = None

    @property
    def at_us(self) -> int:
        """When it happened."""
        return to_us(self.at)

    @property
    def known_us(self) -> int:
        """When it became known."""
        return to_us(self.at if self.known_at is None else self.known_at)

    @property
    def more(self) -> Mapping[str, Any]:
        """The further fields."""
        return self.model_extra or {}

    def text(self, *names: str) -> str:
        """Return the first further field that is given, as text; empty for none."""
        for name in names:
            value = self.more.get(name)
            if value is not None:
                return str(value)
        return ""

    def moment_us(self, *names: str) -> int | None:
        """Return the first further field that is given, an instant; None for none.

        Raises:
            ValueError: for anything but an instant with an offset.
        """
        for name in names:
            value = self.deadline if name == "deadline" else self.more.get(name)
            if value is not None:
                try:
                    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
                except ValueError as error:
                    msg = f"{name}: {value!r} is no instant; write for example 2026-02-02T10:00+00:00"
                    raise ValueError(msg) from error
                return to_us(with_offset(name, found))
        return None

    def check(self) -> None:
        """Look at the instants.

        Raises:
            ValueError: for one without an offset.
        """
        for name in _WHEN:
            moment = getattr(self, name)
            if moment is not None:
                with_offset(name, moment)


class LifeCase(SettingsModel):
    """One case: a promise, events, and what is expected of them at one moment.

    Attributes:
        detector: which detector the case is for.
        zone: for the reader; instants carry their offset.
    """

    name: str
    detector: str = "sla_breach"
    zone: str = "UTC"
    calendar: str | None = None
    promise: dict[str, Any]
    events: tuple[EventSettings, ...]
    as_of: datetime | None = None
    expected: dict[str, Any] = Field(default_factory=dict)
    note: str = ""


Calendars = Mapping[str, CalendarSettings]


class Runner(Protocol):
    """Runs a case of one detector."""

    def __call__(self, case: LifeCase, calendars: Calendars) -> dict[str, Any]:
        """Return the computed values.

        Raises:
            UnknownPartError: for a part that is not known.
            ValueError: for a value that cannot be used, naming the field.
        """
        ...


def with_offset(name: str, moment: datetime) -> datetime:
    """Return an instant.

    Raises:
        ValueError: when it has no offset.
    """
    if moment.tzinfo is None:
        msg = f"{name}: {moment} has no offset; write for example 2026-02-02T10:00+00:00"
        raise ValueError(msg)
    return moment


def as_of_us(case: LifeCase) -> int | None:
    """Return the moment of knowledge: that of the case, or of what is expected; None: everything is known."""
    moment = case.expected.get("as_of") if case.as_of is None else case.as_of
    if moment is None:
        return None
    return to_us(with_offset("as_of", moment if isinstance(moment, datetime) else datetime.fromisoformat(str(moment))))


def instant(time_us: int, zone: Any = UTC) -> str:
    """Return an instant as RFC 3339."""
    return (_EPOCH + timedelta(microseconds=time_us)).astimezone(zone).isoformat()


def seconds(amount_us: int) -> int | float:
    """Return an amount of time in seconds."""
    return amount_us // 1_000_000 if amount_us % 1_000_000 == 0 else amount_us / 1_000_000


def duration_us(promise: Mapping[str, Any], name: str) -> int | None:
    """Return a duration whose unit stands at the end of its key (``window_hours``); None where it is not given.

    Raises:
        ValueError: for anything but a number that is not negative.
    """
    for unit, unit_us in _UNITS_US.items():
        value = promise.get(f"{name}_{unit}")
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                msg = f"promise.{name}_{unit}: expected a number that is not negative, not {value!r}"
                raise ValueError(msg)
            return round(value * unit_us)
    return None


def with_units(*names: str) -> frozenset[str]:
    """Return the keys that :func:`duration_us` reads."""
    return frozenset(f"{name}_{unit}" for name in names for unit in _UNITS_US)


def check_known(promise: Mapping[str, Any], known: Iterable[str]) -> None:
    """Look at the keys of a promise.

    Raises:
        UnknownPartError: for one that is not known.
    """
    unknown = sorted(set(promise) - {"kind", "name", *known})
    if unknown:
        msg = f"promise.{unknown[0]} is not known"
        raise UnknownPartError(msg)


def case_event(given: EventSettings, step: str, case_id: str, *, at_us: int | None = None, **more: Any) -> Event:
    """Return a step of a case; ``customer`` and fields of its data are in ``more``."""
    customer = more.pop("customer", "")
    data = msgspec.convert({"case_id": case_id, **more}, CaseData)
    return _event(f"crm.case.{step}", given, given.at_us if at_us is None else at_us, customer, data)


def survey_event(given: EventSettings, customer: str, data: SurveyData) -> Event:
    """Return an answer."""
    return _event("survey.response", given, given.at_us, customer, data)


def _event(kind: str, given: EventSettings, at_us: int, customer: str, data: Any) -> Event:
    profile = Profile(customer=customer, tier=given.tier) if given.tier else None
    return EVENT_CLASSES[kind](  # type: ignore[return-value]
        id=given.id if at_us == given.at_us else f"{given.id}@{at_us}",
        source="case",
        subject=customer,
        time=_EPOCH + timedelta(microseconds=at_us),
        time_us=at_us,
        rev=given.rev,
        sequence=given.sequence,
        recordedtime=_EPOCH + timedelta(microseconds=max(given.known_us, at_us))
        if at_us != given.at_us
        else given.known_at,
        profile=profile,
        data=data,
    )  # type: ignore[call-arg]
