"""What becomes of what people answer, by text message, in a call or by a link: one place for all of them."""

import time
from collections.abc import Callable
from typing import Literal

import msgspec

from alerts.codes import ShortCodes
from alerts.connection import store_errors
from alerts.hastening import Hastening
from alerts.incident_scope import feeds_by_detector
from alerts.incidents import Incidents
from alerts.lookup import Found, Lookup, NotFoundError
from alerts.replies import Reply, parse
from alerts.reply_words import answer_text
from alerts.response_model import Answer, Kind, ResponseError, Said, Way
from alerts.responses import Responses
from alerts.store import AlertStore
from alerts.trail import Trail
from alerts.trail_answers import answers_entry
from config.settings import Settings
from detectors.contract import AlertChange
from sinks.callbacks.people import Known

_PASSING, _PASSING_PAUSE_S = 40, 0.05  # deciding about a group takes milliseconds
_TOLD_NOTHING = "You were not told anything lately: put the alert's code after the first word, like ACK K7F."


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is answered.

    Attributes:
        words: short, for a phone.
        result: for the count of requests.
    """

    words: str
    result: Literal["taken", "repeated", "not_understood"]


class Desk:
    """Takes responses. Used by several threads.

    Args:
        store: of the alerts.
        settings: the whole file.
        clock_us: answers the time.
        script_clock_us: None: scripts go by the clock of Redis. Tests inject their own.
    """

    def __init__(
        self,
        store: AlertStore,
        settings: Settings,
        clock_us: Callable[[], int],
        *,
        script_clock_us: Callable[[], int] | None = None,
    ) -> None:
        feeds = feeds_by_detector(settings.detectors, settings.incidents)
        self._store = store
        self._clock_us = clock_us
        self._lookup = Lookup(store, Incidents(store, settings.incidents, feeds))
        self._responses = Responses(store, settings.responses)
        self._codes = ShortCodes(store)
        self._trail = Trail(store)
        self._hastening = Hastening(store, clock_us=script_clock_us)

    def reply(self, message: str, number: str, known: Known, id_: str) -> Heard:
        """Take a text message.

        Args:
            message: as it was written.
            number: of who wrote it.
            known: who that is.
            id_: the provider's id of the message, which it has again when it is sent again.

        Raises:
            StoreUnavailableError: nothing is certain; the same again is right.
        """
        asked = parse(message)
        if not isinstance(asked, Reply) or asked.kind == "help":
            return Heard(words=answer_text(asked, []), result="not_understood")
        target = asked.target or self._told_last(number)
        if not target:
            return Heard(words=_TOLD_NOTHING, result="not_understood")
        lasts_us = asked.lasts_us
        try:
            found, answers = self.respond(target, asked.kind, id_, known, "sms", lasts_us=lasts_us, text=asked.text)
        except (NotFoundError, ResponseError):
            return Heard(words=f"There is no alert {target} any more: nothing was done.", result="not_understood")
        return _heard(answer_text(asked, answers, name=self._name(found), zone=known.zone), answers)

    def respond(
        self,
        target: str,
        kind: Kind,
        id_: str,
        known: Known,
        via: Way,
        *,
        episode_us: int | None = None,
        lasts_us: int | None = None,
        text: str = "",
    ) -> tuple[Found, list[Answer]]:
        """Give a response to everything that ``target`` names and that is meant.

        Raises:
            NotFoundError: nothing is called so.
            ResponseError: nobody can say that.
            StoreUnavailableError: nothing is certain; the same again is right.
        """
        now_us = self._clock_us()
        said = Said(id=id_, by=known.name, via=via, at_us=now_us, episode_us=episode_us)
        until_us = None if lasts_us is None else now_us + lasts_us
        found = self._lookup.find(target)
        give = self._responses.respond
        answers = [give(one.fingerprint, kind, said, until_us=until_us, text=text) for one in found.meant]
        entry = answers_entry(
            kind, answers, by=known.name, via="token" if via == "api" else via, at_us=now_us, text=text
        )
        if entry is not None:
            self._trail.append(entry)
        return found, answers

    def find(self, target: str) -> Found:
        """Return what is called so.

        Raises:
            NotFoundError: nothing is.
        """
        return self._lookup.find(target)

    def acknowledged_by(self, alert: AlertChange) -> str:
        """Return who has acknowledged an alert; empty: nobody."""
        standing = self._responses.of(alert.fingerprint)
        if standing is None or standing.acknowledgement is None or not standing.acknowledged(self._clock_us()):
            return ""
        return standing.acknowledgement.by

    def pass_on(self, key: str) -> bool:
        """Have the next step of the escalation taken that a notification belongs to; return whether there is one.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        with store_errors():
            group = self._store.client.hget(self._store.keys.note(key), "group")
        if not group:
            return False
        for _ in range(_PASSING):
            answer = self._hastening.hasten(group)
            if answer != "busy":
                return answer == "done"
            time.sleep(_PASSING_PAUSE_S)
        return False

    def _told_last(self, number: str) -> str:
        with store_errors():
            key = self._store.client.hget(self._store.keys.named("told_last"), number)
        return key or ""

    def _name(self, found: Found) -> str:
        if found.kind == "incident":
            return found.name
        if len(found.alerts) == 1:
            return self._codes.short_code(found.alerts[0].fingerprint)
        return ""


def _heard(words: str, answers: list[Answer]) -> Heard:
    repeated = bool(answers) and all(answer.result == "repeated" for answer in answers)
    return Heard(words=words, result="repeated" if repeated else "taken")
