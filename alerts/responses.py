"""Responses: what people say about alerts, kept in order, each once, and what follows from it.

Each response is one atomic step: it is kept, the alert counts as acknowledged or not, and the groups that hold the
alert are woken. A response is about an episode of an alert: when the alert fires anew, nobody has acknowledged it yet.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from redis.exceptions import WatchError

from alerts.acknowledging import BOUNDS
from alerts.connection import Scripts, StoreUnavailableError, store_errors
from alerts.model import CLOSED
from alerts.response_model import (
    Acknowledgement,
    Answer,
    Assignment,
    Kind,
    Response,
    ResponseError,
    Said,
    Standing,
    acknowledgement_of,
    assignment_of,
    checked,
    standing,
)
from alerts.store import AlertStore
from config.responses import ResponseSettings
from detectors.contract import AlertChange, alert_change

__all__ = ["Acknowledgement", "Answer", "Assignment", "Response", "ResponseError", "Responses", "Said", "Standing"]

_TRIES = 50
_LAPSES = 1000
_to_change = msgspec.json.Decoder(AlertChange)
_to_response = msgspec.json.Decoder(Response)


class Responses:
    """What people say about the alerts of a store. May be used by several threads and processes.

    Args:
        store: of the alerts.
        settings: how long an acknowledgement holds where nobody says.

    Every method raises :class:`StoreUnavailableError` while Redis is away: the same response, with the same id, may
    then be given again.
    """

    def __init__(self, store: AlertStore, settings: ResponseSettings | None = None) -> None:
        self._store = store
        self._settings = ResponseSettings() if settings is None else settings
        self._client: Any = store.client
        self._keys = store.keys
        self._scripts = Scripts(store.client, Path(__file__).parent)

    def acknowledge(self, fingerprint: str, said: Said, *, until_us: int | None = None, text: str = "") -> Answer:
        """Take an alert on: its escalation stops.

        Args:
            fingerprint: of the alert.
            said: who, when, by which way.
            until_us: when it counts as unacknowledged again; None: as the settings say, else when it fires anew.
            text: what else there is to say.

        Raises:
            ResponseError: when nobody is named, or ``until_us`` has passed.
        """
        return self.respond(fingerprint, "acknowledge", said, until_us=until_us, text=text)

    def unacknowledge(self, fingerprint: str, said: Said, *, text: str = "") -> Answer:
        """Take an acknowledgement back, whoever gave it: the escalation goes on."""
        return self.respond(fingerprint, "unacknowledge", said, text=text)

    def resolve(self, fingerprint: str, said: Said, *, text: str = "") -> Answer:
        """Resolve the alert's episode by hand.

        It is a change of the alert like any other, which receivers are told. The episode stays resolved, whatever its
        detector says of it later; a new episode fires as always.
        """
        return self.respond(fingerprint, "resolve", said, text=text)

    def comment(self, fingerprint: str, said: Said, text: str) -> Answer:
        """Say something. It changes nothing about the alert."""
        return self.respond(fingerprint, "comment", said, text=text)

    def reassign(self, fingerprint: str, said: Said, to: str, *, text: str = "") -> Answer:
        """Give the alert's episode to a person or a schedule. Whether there is one of that name, the caller knows."""
        return self.respond(fingerprint, "reassign", said, to=to, text=text)

    def respond(
        self, fingerprint: str, kind: Kind, said: Said, *, until_us: int | None = None, to: str = "", text: str = ""
    ) -> Answer:
        """Give a response of any kind.

        Raises:
            ResponseError: when nobody can have given it.
            StoreUnavailableError: it may have been kept all the same: give it again, with its id.
        """
        if kind == "acknowledge" and until_us is None and self._settings.acknowledged_for is not None:
            until_us = said.at_us + self._settings.acknowledged_for
        response = checked(
            Response(
                kind=kind,
                id=said.id,
                by=said.by.strip(),
                via=said.via,
                at_us=said.at_us,
                until_us=until_us,
                to=to.strip(),
                text=text.strip(),
            )
        )
        meant = "" if said.episode_us is None else str(said.episode_us)
        refused = "resolved" if kind in {"acknowledge", "resolve"} else ""
        arguments = (
            self._keys.prefix,
            fingerprint,
            response.id,
            kind,
            response.at_us // 1000,
            msgspec.json.encode(response).decode(),
            "" if until_us is None else until_us // 1000,
            meant,
            refused,
            BOUNDS,
        )
        if kind == "resolve":
            return self._resolve(fingerprint, response, meant, arguments)
        return _answer(fingerprint, self._scripts.run("respond", *arguments))

    def of(self, fingerprint: str) -> Standing | None:
        """Return what was said of an alert, and what holds now; None when there is no such alert."""
        with store_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.hget(self._keys.alert(fingerprint), "current")
            pipeline.hgetall(self._kept(fingerprint))
            current, kept = pipeline.execute()
        return None if current is None else standing(_to_change.decode(current), read_responses(kept))

    def acknowledgements(self, alerts: Iterable[AlertChange]) -> dict[str, Acknowledgement]:
        """Return, in one round trip, who has acknowledged the episodes of alerts, by fingerprint.

        Whether it holds now, :meth:`Acknowledgement.holds` says.
        """
        return {print_: acknowledgement_of(one) for print_, one in self._last("acknowledged", alerts).items()}

    def assignments(self, alerts: Iterable[AlertChange]) -> dict[str, Assignment]:
        """Return, in one round trip, to whom the episodes of alerts were reassigned last, by fingerprint."""
        return {print_: assignment_of(one) for print_, one in self._last("assigned", alerts).items()}

    def _last(self, what: str, alerts: Iterable[AlertChange]) -> dict[str, Response]:
        asked = list(alerts)
        with store_errors():
            pipeline = self._client.pipeline(transaction=False)
            for alert in asked:
                pipeline.hget(self._kept(alert.fingerprint), f"{what}:{alert.starts_at_us}")
            found = pipeline.execute()
        return {
            alert.fingerprint: _read("0", f"{alert.starts_at_us}|{text}")
            for alert, text in zip(asked, found, strict=True)
            if text is not None
        }

    def lapse(self, now_us: int) -> int:
        """Wake the groups of alerts whose acknowledgement has run out; return of how many alerts.

        That they count as unacknowledged does not depend on it: it is when somebody notices.
        """
        answer: Any = self._scripts.run("lapse", self._keys.prefix, now_us // 1000, _LAPSES)
        return int(answer)

    def _kept(self, fingerprint: str) -> str:
        return self._keys.named(f"responses:{fingerprint}")

    def _resolve(self, fingerprint: str, response: Response, meant: str, arguments: tuple[str | int, ...]) -> Answer:
        """Write the change and the response in one transaction, on the alert as it was read."""
        alert, kept = self._keys.alert(fingerprint), self._kept(fingerprint)
        with store_errors():
            for _ in range(_TRIES):
                pipeline = self._client.pipeline(transaction=True)
                try:
                    pipeline.watch(alert, kept)
                    text = pipeline.hget(alert, "current")
                    current = None if text is None else _to_change.decode(text)
                    repeated = pipeline.hexists(kept, f"id:{response.id}")
                    fires = current is not None and current.status == "firing"
                    if repeated or current is None or not fires or meant not in {"", str(current.starts_at_us)}:
                        pipeline.unwatch()
                        return _answer(fingerprint, self._scripts.run("respond", *arguments))
                    script, values = self._store.writing(closing(current, response))
                    pipeline.multi()
                    # First what is said, while the alert fires; then the change. Whole texts: within a transaction a
                    # script that the server has forgotten could not be loaded again.
                    pipeline.eval(self._scripts.text("respond"), 0, *arguments)
                    pipeline.eval(script, 0, *values)
                    pipeline.hget(alert, "current")
                    answer, _applied, after = pipeline.execute()
                except WatchError:
                    continue  # the alert changed meanwhile: look again
                finally:
                    pipeline.reset()
                told = _answer(fingerprint, answer)
                return msgspec.structs.replace(told, current=_to_change.decode(after))
        msg = f"alert {fingerprint} changes all the time; try again"
        raise StoreUnavailableError(msg)


def closing(current: AlertChange, response: Response) -> AlertChange:
    """Return the change by which a person resolves an alert's episode."""
    words = f"Resolved by {response.by}." + (f" {response.text}" if response.text else "")
    return closed(current, words, response.at_us)


def closed(current: AlertChange, why: str, at_us: int) -> AlertChange:
    """Return the change that resolves an alert's episode for good, whatever its detector says of it later.

    It stands at the event time of the change that it follows: so whatever the detector says later comes after it,
    however far events are behind the clock. It ends the episode at ``at_us``, or then, if that is later.
    """
    return alert_change(
        step=CLOSED,
        at_us=current.at_us,
        status="resolved",
        labels=current.labels,
        annotations={**current.annotations, "reason": why},
        starts_at_us=current.starts_at_us,
        ends_at_us=max(current.at_us, current.starts_at_us, at_us),
    )


def read_responses(kept: dict[str, str]) -> list[Response]:
    """Return the responses out of the hash in which an alert's are kept, in their order."""
    found = [_read(name[5:], text) for name, text in kept.items() if name.startswith("said:")]
    return sorted(found, key=lambda one: one.number)


def _read(number: str, text: str) -> Response:
    episode, _, response = text.partition("|")
    return msgspec.structs.replace(_to_response.decode(response), number=int(number), episode_us=int(episode))


def _answer(fingerprint: str, answer: Any) -> Answer:
    result, number, episode, response, current = answer
    return Answer(
        fingerprint=fingerprint,
        result=result,
        response=_read(number, f"{episode}|{response}") if response else None,
        current=_to_change.decode(current) if current else None,
    )
