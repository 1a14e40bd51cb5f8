"""From changes to notifications: routes them into groups, and decides of groups that are due what is told.

Nothing here waits or sends. A turn reads what is there, decides by pure functions (:mod:`alerts.routing`,
:mod:`alerts.grouping`), and writes each decision in one step; what is cut short is done again by whoever comes next.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec
import structlog

from alerts.assigning import Assigning
from alerts.connection import StoreUnavailableError
from alerts.drafting import Drafts, about, accounts_by, idempotency_key
from alerts.escalating import Escalations, also_told
from alerts.grouping import Decision, Timing, decide, tick_after
from alerts.groups import Claimed, Groups, Plan, Target, group_key
from alerts.incidents import Incidents
from alerts.muting import Mute
from alerts.observing import Observer
from alerts.routing import RouteMatch, Router
from config.delivery import ReceiverSettings
from config.urgency import UrgencySettings
from detectors.contract import AlertChange

__all__ = ["Dispatcher", "Hiding", "idempotency_key", "target_of"]
_log = structlog.get_logger("makegood.notifier")
_json = msgspec.json.Encoder(order="deterministic")

_EDGES_EVERY_US = 100_000
_REMEMBERED = 100_000
_Mutes = Callable[[AlertChange], Mute | None]


class Hiding(Protocol):
    """What hides alerts; :class:`alerts.mutes.Mutes` is the real one."""

    def __call__(self, now_us: int) -> _Mutes:
        """Return what answers why an alert is not told at a time."""
        ...

    def pass_edges(self, now_us: int) -> None:
        """Wake groups for what has begun or ended by the clock."""
        ...


class Dispatcher:
    """Decides for one settings file.

    Args:
        groups: of the store.
        router: of the settings.
        receivers: of the settings.
        hiding: what hides alerts.
        escalations: of the settings.
        assigning: who is told that alerts were given to them.
        incidents: of the store.
        lapse: wakes groups whose acknowledgement has run out.
        clock: microseconds since 1970 UTC.
        urgency: how urgent alerts are.
        on_defect: is told of each unexpected error; what it concerned was handled in the plainest way.
        on_step: is told how far a turn has come: ``looked``, ``routed``, ``decided``, ``written``. For tests that kill.
        observer: looks on.
        routes: names the settings; where others were before, what fires is put where these have it.
    """

    def __init__(
        self,
        groups: Groups,
        router: Router,
        receivers: Mapping[str, ReceiverSettings],
        *,
        hiding: Hiding,
        escalations: Escalations,
        assigning: Assigning,
        incidents: Incidents,
        lapse: Callable[[int], object],
        clock: Callable[[], int],
        urgency: UrgencySettings,
        on_defect: Callable[[], None],
        on_step: Callable[[str], None] = lambda _step: None,
        observer: Observer | None = None,
        routes: str | None = None,
    ) -> None:
        self._observer = Observer() if observer is None else observer
        self._groups = groups
        self._router = router
        self._receivers = receivers
        self._hiding = hiding
        self._escalations = escalations
        self._assigning = assigning
        self._incidents = incidents
        self._lapse = lapse
        self._clock = clock
        self._drafts = Drafts(receivers, urgency)
        self._on_defect = on_defect
        self._on_step = on_step
        self._routes: str | None = routes
        self._edges_us = 0
        self._receivers_of: dict[str, dict[str, str]] = {}

    def turn(self, limit: int, lease_us: int) -> int:
        """Work on up to ``limit`` changes and as many groups; return how many there were.

        Raises:
            StoreUnavailableError: Redis is away. What was not written is done again.
        """
        now_us = self._clock()
        if self._routes is not None:
            self._groups.follow(self._routes, self._targets)
            self._routes = None
        if not 0 <= now_us - self._edges_us < _EDGES_EVERY_US:
            self._edges_us = now_us
            self._hiding.pass_edges(now_us)
            self._lapse(now_us)
        changes, claimed = self._groups.look(limit, limit, lease_us)
        if changes or claimed:
            self._on_step("looked")
        if changes:
            self._route([one.change for one in changes])
            self._on_step("routed")
            self._observer.routed(changes)
        if claimed:
            mutes = self._hiding(claimed[0].now_us)
            plans = self._with_incidents([(one, self._plan(one, mutes)) for one in claimed])
            self._on_step("decided")
            written = self._groups.flush(plans)
            self._on_step("written")
            for one in (one for one, was_written in zip(plans, written, strict=True) if was_written):
                self._observer.decided(*one)
        return len(changes) + len(claimed)

    def _route(self, changes: Sequence[AlertChange]) -> None:
        """Put changes into their incidents and groups."""
        gathering: tuple[str, Sequence[tuple[str | int, ...]]] = ("", ())
        try:
            gathering = self._incidents.writing(changes)
        except Exception as error:  # what belongs together is a help to people; without it they are told all the same
            self._defect(error)
        assigned = [(change, self._targets(change)) for change in changes]
        for failed in self._groups.assign(assigned, others=True, before=gathering):
            self._defect(failed)

    def _with_incidents(self, plans: list[tuple[Claimed, Plan]]) -> list[tuple[Claimed, Plan]]:
        """Say in each notification to which incident its first alert belongs."""
        first = [out.fingerprints[0] for _, plan in plans for out in plan.outgoing if out.fingerprints]
        if not first:
            return plans
        try:
            notes = self._incidents.notes(first, plans[0][0].now_us)
        except StoreUnavailableError:
            raise
        except Exception as error:  # as above
            self._defect(error)
            return plans
        return [
            (
                claimed,
                msgspec.structs.replace(plan, outgoing=tuple(about(out, notes) for out in plan.outgoing)),
            )
            for claimed, plan in plans
        ]

    def _targets(self, change: AlertChange) -> Sequence[Target]:
        try:
            return [target_of(match, change.labels) for match in self._router.match(change.labels)]
        except Exception as error:  # a defect must not keep an alert from being told: the root takes everything
            self._defect(error)
            return [target_of(self._router.root.match, change.labels)]

    def _elsewhere(self, change: AlertChange, group: str) -> Mute | None:
        """Return why an alert is not told in a group: by the routes of now it is not in it. That it ends, is told."""
        known = self._receivers_of.get(change.fingerprint)
        if known is None:
            if len(self._receivers_of) >= _REMEMBERED:
                self._receivers_of.clear()
            known = {target.key: target.receiver for target in self._targets(change)}
            self._receivers_of[change.fingerprint] = known
        if group in known:
            return None
        now = ", ".join(dict.fromkeys(known.values()))
        return Mute(kind="rerouted", by=now, detail="the routes have changed")

    def _plan(self, claimed: Claimed, mutes: _Mutes) -> Plan:
        match = self._router.route(claimed.group.route) or self._router.root.match
        receiver = claimed.group.receiver if claimed.group.receiver in self._receivers else match.receiver
        try:
            return self._decided(claimed, match, receiver, mutes)
        except StoreUnavailableError:
            raise
        except Exception as error:  # as above: told without asking what hides it, and to its receiver only
            self._defect(error)
            return self._decided(claimed, msgspec.structs.replace(match, escalation=None), receiver, lambda _: None)

    def _decided(self, claimed: Claimed, match: RouteMatch, receiver: str, mutes: _Mutes) -> Plan:
        group, now_us, timing = claimed.group, claimed.now_us, match.timing
        on_tick = group.tick_us is not None and now_us >= group.tick_us

        def mute(change: AlertChange) -> Mute | None:
            return self._elsewhere(change, group.key) or mutes(change)

        step = self._escalations.look(group, match.escalation, mute, now_us, on_tick=on_tick)
        if on_tick:
            settings = self._receivers[receiver]
            decision = decide(group, now_us, timing=timing, mute=mute, send_resolved=settings.send_resolved)
        else:  # woken between ticks: what there is to tell, is told on the next
            tick_us = tick_after(group.origin_us, timing.interval_us, now_us)
            if group.tick_us is not None:  # that was when something could come of it before it was woken
                tick_us = min(tick_us, group.tick_us)
            decision = Decision(kind=None, members=(), told=None, removed=(), accounts=(), look_again_us=tick_us)
        handovers, assigned_us = self._assigning.look(group, now_us)
        outgoing = self._drafts.of(claimed, decision, step, receiver, handovers)
        given = [name for one in handovers for name in one.receivers if name in self._receivers]
        return Plan(
            told=decision.told,
            repeat_us=timing.repeat_us,
            removed=decision.removed,
            accounts=accounts_by(group, decision, outgoing) if on_tick else (),
            outgoing=outgoing,
            news=group.news if on_tick else (),
            tick_us=decision.look_again_us,
            due_us=step.due_us,
            escalation=also_told(step.kept, given),
            assigned_us=assigned_us,
        )

    def _defect(self, error: Exception) -> None:
        where = "".join(traceback.format_tb(error.__traceback__))  # no message, no locals: they can hold secrets
        _log.error("dispatcher_defect", error=type(error).__name__, where=where)
        self._on_defect()


def target_of(match: RouteMatch, labels: Mapping[str, str]) -> Target:
    """Return the group that an alert belongs to at a node of the tree."""
    name = match.group_key(labels)
    timing: Timing = match.timing
    return Target(
        key=group_key(match.receiver, name),
        receiver=match.receiver,
        labels=_json.encode(match.group_labels(labels)).decode(),
        route=match.route,
        wait_ms=-(-timing.wait_us // 1000),
        interval_ms=max(1, timing.interval_us // 1000),
    )
