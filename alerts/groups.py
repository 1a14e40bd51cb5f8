"""Groups in the store: which changes are in none, which groups are due, and what was decided of them.

A group is leased to one notifier while it decides. The decision is written in one step, and only under the lease; a
notifier that dies before has changed nothing. A change is in ``pending`` from when the store takes it until every group
that it belongs to has accounted for it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from alerts.connection import Scripts, StoreUnavailableError, store_errors
from alerts.group_plans import Claimed, Outgoing, Plan, Target, Unrouted, group_key
from alerts.group_reading import group_of
from alerts.store import AlertStore
from detectors.contract import AlertChange

__all__ = ["HEAD", "Claimed", "Groups", "Outgoing", "Plan", "Target", "Unrouted", "group_key"]
HEAD = Path(__file__).parent / "clock.lua"
_AT_ONCE = 500
_TOLD_KEPT_US = 5 * 86_400_000_000
"""Alertmanager keeps its notification log as long."""
_FIRST_AGAIN_MS = 15 * 60_000
"""After so long without a word about something, the next one is the first again."""
_to_change = msgspec.json.Decoder(AlertChange)
_json = msgspec.json.Encoder(order="deterministic")


class Groups:
    """The groups of a store.

    Args:
        store: whose.
        clock_us: None: the clock of Redis, which all notifiers share. Tests inject their own.

    Every method raises :class:`StoreUnavailableError` while Redis is away.
    """

    def __init__(self, store: AlertStore, *, clock_us: Callable[[], int] | None = None) -> None:
        self._store = store
        self._keys = store.keys
        self._clock_us = clock_us
        self._retention_ms = store.settings.retention // 1000
        self._scripts = Scripts(store.client, Path(__file__).parent, [HEAD])

    def look(self, changes: int, groups: int, lease_us: int) -> tuple[list[Unrouted], list[Claimed]]:
        """Return changes that are in no group, the oldest first, and lease groups that are due, in one round trip."""
        answers: list[Any] = self._scripts.run_mixed(
            [("unrouted", self._arguments(changes)), ("claim_groups", self._arguments(-(-lease_us // 1000), groups))]
        )
        flat: list[str] = answers[0]
        unrouted = []
        for text in flat[1::2]:
            accepted, _, change = text.partition("|")
            unrouted.append(Unrouted(change=_to_change.decode(change), accepted_us=int(accepted) * 1000))
        return unrouted, [_claimed(*entry) for entry in answers[1]]

    def assign(
        self,
        assigned: Sequence[tuple[AlertChange, Sequence[Target]]],
        *,
        others: bool = False,
        before: tuple[str, Sequence[tuple[str | int, ...]]] = ("", ()),
    ) -> list[Exception]:
        """Put changes into their groups; what is there already is left.

        Args:
            assigned: changes, each with its groups.
            others: a change is news also in other groups that its alert is in: by other routes than there are now.
            before: a script of others, and its arguments for each of its runs: they come first, in the same round trip.

        Returns:
            What failed of ``before``.
        """
        text, runs = before
        if runs:
            self._scripts.adopt("before", text)
        calls: list[tuple[str, tuple[str | int, ...]]] = [("before", run) for run in runs]
        for change, targets in assigned:
            more = (change.change_id, change.fingerprint, _json.encode(targets).decode(), "1" if others else "")
            calls.append(("assign", self._arguments(*more)))
        answers = self._scripts.run_each(calls)
        failed = [answer for answer in answers if isinstance(answer, Exception)]
        ours = [answer for answer in answers[len(runs) :] if isinstance(answer, Exception)]
        fatal = [*ours, *(error for error in failed if isinstance(error, StoreUnavailableError))]
        if fatal:
            raise fatal[0]
        return failed

    def follow(self, routes: str, targets: Callable[[AlertChange], Sequence[Target]]) -> None:
        """Put what fires where the routes of now have it, and look at every group, when they are others than before.

        Args:
            routes: names the settings that decide who is told what.
            targets: the groups of an alert.
        """
        name = self._keys.named("routes")
        with store_errors():
            if self._store.client.get(name) == routes:
                return
        firing = [record.current for record in self._store.list_alerts(status="firing")]
        for start in range(0, len(firing), _AT_ONCE):
            part = firing[start : start + _AT_ONCE]
            self._scripts.run_mixed(
                [
                    ("assign", self._arguments("", one.fingerprint, _json.encode(targets(one)).decode(), ""))
                    for one in part
                ]
            )
        self._scripts.run("follow", *self._arguments(routes))

    def flush(self, decided: Sequence[tuple[Claimed, Plan]]) -> list[bool]:
        """Write decisions, each in one step; return of each whether it was: not, when its lease was lost."""
        answers = self._scripts.run_mixed(
            [("flush", self._arguments(*self._flushed(claimed, plan))) for claimed, plan in decided]
        )
        return [answer == 1 for answer in answers]

    def _flushed(self, claimed: Claimed, plan: Plan) -> list[str]:
        """Return what ``flush.lua`` wants: long texts as arguments of their own, cheaper than JSON in JSON."""
        group, told = claimed.group, plan.told
        kept_us = max(_TOLD_KEPT_US, 2 * plan.repeat_us)
        fields = [] if plan.escalation == group.escalation else ["escalation", plan.escalation]
        if plan.assigned_us != group.assigned_us:
            fields += ["assigned", str(plan.assigned_us)]
        written = {
            "told_ms": 0 if told is not None and told.is_open else kept_us // 1000,
            "origin": group.origin_us // 1000,
            "news": len(plan.news),
            "members": len(group.members),
            "removed": [[member.change.fingerprint, member.order] for member in plan.removed],
            "accounts": [fingerprint for fingerprint, _account in plan.accounts],
            "settled": [f"news-{group.key}-{news.change_id}" for news in plan.news],
            "tick": "" if plan.tick_us is None else -(-plan.tick_us // 1000),
            "due": "" if plan.due_us is None else -(-plan.due_us // 1000),
            "fields": fields,
            "retention": self._retention_ms,
            "notes": [
                {
                    "key": one.key,
                    "receiver": one.receiver,
                    "line": one.line,
                    "urgency": one.urgency,
                    "accepted": one.accepted_us // 1000,
                    "thread": one.draft.thread,
                    "fps": one.fingerprints,
                    "what": one.what,
                    "firing": one.firing,
                    "resolved": len(one.fingerprints) - one.firing,
                    "first_ms": _FIRST_AGAIN_MS,
                }
                for one in plan.outgoing
            ],
        }
        texts: list[object] = [written, *(account for _fingerprint, account in plan.accounts)]
        encoded = [_json.encode(one).decode() for one in (*texts, *(out.draft for out in plan.outgoing))]
        return [
            group.key, claimed.token, encoded[0], "" if told is None else _json.encode(told).decode(), *encoded[1:]
        ]  # fmt: skip

    def _arguments(self, *more: str | int) -> tuple[str | int, ...]:
        now: str | int = "" if self._clock_us is None else self._clock_us() // 1000
        return (self._keys.prefix, now, *more)


def _claimed(
    key: str, token: str, flat: list[str], told: str, members: list[str], news: list[str], now_ms: str
) -> Claimed:
    group = group_of(key, flat, told, members, news)
    return Claimed(token=token, now_us=int(now_ms) * 1000, group=group)
