"""What people do about alerts: on what they saw, and nothing else; and taking it back for a few seconds.

An act on several alerts names the view: its query, its states, the place in the log up to which it was read, and how
many it showed. Alerts that began to fire later are left alone, and it is said how many these are.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
from starlette.requests import HTTPConnection

from alerts.connection import StoreError, StoreUnavailableError
from alerts.response_model import Answer, Kind, Said
from alerts.responses import Responses
from config.durations import US_PER_SECOND
from dashboards.console.outcome import Act, Change, Outcome, skipped_words
from dashboards.console.table import Row
from dashboards.priority import ACKNOWLEDGED_FOR_US

KINDS: dict[str, Kind] = {
    "acknowledge": "acknowledge",
    "unacknowledge": "unacknowledge",
    "assign": "reassign",
    "comment": "comment",
    "resolve": "resolve",
}
_KEPT_US = 120 * US_PER_SECOND
_MOST_KEPT = 500


class Wish(NamedTuple):
    """An act as it was asked for.

    Attributes:
        id: of the request: sent again it has no effect.
        minutes: how long an acknowledgement holds; None: as the priority says.
    """

    id: str
    act: Act
    by: str
    now_us: int
    minutes: int | None = None
    to: str = ""
    text: str = ""


class Acts:
    """Does them, and remembers for a while what is to be undone. Its calls block; they are made in threads."""

    def __init__(self, responses: Responses) -> None:
        self._responses = responses
        self._kept: dict[str, Outcome] = {}

    def told(self, act_id: str) -> Outcome | None:
        """Return what became of an act lately; None where nothing is known of it."""
        return self._kept.get(act_id)

    def do(self, wish: Wish, rows: Sequence[Row], later: int = 0, gone: int = 0) -> Outcome:
        """Act on alerts as they were seen.

        Args:
            wish: what is to be done.
            rows: the alerts.
            later: how many match that nobody had seen: they are left alone.
            gone: how many were seen that match no more.
        """
        results: Counter[str] = Counter()
        changes: list[Change] = []
        failed = ""
        for row in rows:
            try:
                answer = self._one(wish, row)
            except (StoreUnavailableError, StoreError) as error:
                left = len(rows) - sum(results.values())
                failed = f"{left:,} could not be changed: {error}"
                break
            results[answer.result] += 1
            if answer.result == "done":
                changes.append(_change(row))
        skipped = {words: results[name] for name, words in _SKIPPED.items() if results[name]}
        outcome = Outcome(
            id=wish.id,
            act=wish.act,
            by=wish.by,
            at_us=wish.now_us,
            done=results["done"],
            skipped={**skipped, **skipped_words(later, gone)},
            failed=failed,
            changes=tuple(changes),
            to=wish.to,
        )
        self.keep(outcome)
        return outcome

    def undo(self, outcome: Outcome, by: str, now_us: int) -> Outcome:
        """Take an act back; return what became of that."""
        act_id, done, failed = secrets.token_hex(8), 0, ""
        for change in outcome.changes:
            said = Said(id=act_id, by=by, via="api", at_us=now_us, episode_us=change.episode_us)
            give = self._back(outcome.act, change, said)
            if give is None:
                continue
            try:
                done += give().result == "done"
            except (StoreUnavailableError, StoreError) as error:
                failed = str(error)
                break
        act: Act = "acknowledge" if outcome.act == "unacknowledge" else "unacknowledge"
        undone = Outcome(
            id=act_id,
            act="assign" if outcome.act == "assign" else act,
            by=by,
            at_us=now_us,
            done=done,
            skipped={},
            failed=failed,
            changes=(),
            to="whom they were with" if outcome.act == "assign" else "",
        )
        self.keep(msgspec.structs.replace(outcome, undone=True))
        self.keep(undone)
        return undone

    def _back(self, act: Act, change: Change, said: Said) -> Callable[[], Answer] | None:
        if act == "acknowledge":
            return lambda: self._responses.unacknowledge(change.fingerprint, said, text="taken back at once")
        if act == "assign":
            return lambda: self._responses.reassign(change.fingerprint, said, change.to)
        until_us = change.until_us
        if until_us is not None and until_us <= said.at_us:
            return None  # it would have ended by now
        return lambda: self._responses.acknowledge(change.fingerprint, said, until_us=until_us)

    def _one(self, wish: Wish, row: Row) -> Answer:
        alert = row.alert
        said = Said(id=wish.id, by=wish.by, via="api", at_us=wish.now_us, episode_us=alert.change.starts_at_us)
        until_us = None
        if wish.act == "acknowledge":
            held_us = ACKNOWLEDGED_FOR_US[row.priority] if wish.minutes is None else wish.minutes * 60 * US_PER_SECOND
            until_us = wish.now_us + held_us
        return self._responses.respond(
            alert.fingerprint, KINDS[wish.act], said, until_us=until_us, to=wish.to, text=wish.text
        )

    def keep(self, outcome: Outcome) -> None:
        """Remember what became of an act, so that it can be told and undone."""
        old = [name for name, one in self._kept.items() if outcome.at_us - one.at_us > _KEPT_US]
        for name in old if len(self._kept) < _MOST_KEPT else list(self._kept)[: _MOST_KEPT // 2]:
            self._kept.pop(name, None)
        self._kept[outcome.id] = outcome


_SKIPPED = {
    "repeated": "had been changed by this already",
    "unknown": "are gone",
    "resolved": "had resolved",
    "not_acknowledged": "were not acknowledged",
    "another_episode": "fired anew meanwhile and were left alone",
}


def _change(row: Row) -> Change:
    alert = row.alert
    return Change(
        fingerprint=alert.fingerprint,
        episode_us=alert.change.starts_at_us,
        until_us=None if alert.acknowledgement is None else alert.acknowledgement.until_us,
        to="" if alert.assignment is None else alert.assignment.to,
    )


def new_id() -> str:
    """Return an id for an act."""
    return secrets.token_hex(8)


def acts_of(request: HTTPConnection) -> Acts:
    """Return what does the acts of the application that a request came to."""
    acts: Acts = request.app.state.console.acts
    return acts
