"""Whose number is it: the people of the settings, and the recipients of channels."""

from collections.abc import Mapping

import msgspec
import structlog

from config.duty import PersonSettings
from config.secret import SecretMissingError, SecretRef
from sinks.contract import ChannelSettings
from sinks.twilio_settings import TwilioSettings

_log = structlog.get_logger("makegood.callbacks")


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may answer.

    Attributes:
        name: in records: the person's, else the number.
        zone: in which this person is told times.
    """

    name: str
    zone: str = "UTC"


class Numbers:
    """Who has which phone number.

    Args:
        people, channels: of the settings.
        zone: for whom has none of their own.
    """

    def __init__(
        self, people: Mapping[str, PersonSettings], channels: Mapping[str, ChannelSettings], zone: str
    ) -> None:
        self._people = people
        self._zone = zone
        self._recipients = frozenset(
            number for entry in channels.values() if isinstance(entry, TwilioSettings) for number in entry.to
        )

    def owner(self, number: str) -> Known | None:
        """Return who has a number; None: nobody whom we know."""
        for name, person in self._people.items():
            if _number(name, person) == number:
                return Known(name=name, zone=self._zone if person.zone is None else str(person.zone))
        return Known(name=number, zone=self._zone) if number in self._recipients else None


def _number(name: str, person: PersonSettings) -> str | None:
    if not isinstance(person.phone, SecretRef):
        return person.phone
    try:
        return person.phone.resolve().get_secret_value().strip()
    except SecretMissingError as error:
        _log.warning("phone_not_known", person=name, detail=str(error))
        return None
