"""Escalations of groups: asks the pure rules of :mod:`alerts.escalation`, and says who is told what."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from alerts.duty import Duty
from alerts.escalation import START, Advance, EscalationState, Recipients, advance, recipients
from alerts.grouping import NEVER_TOLD, Group, Member
from alerts.muting import Mute
from alerts.responses import Acknowledgement, Responses
from config.escalations import EscalationSettings
from detectors.contract import AlertChange

_json = msgspec.json.Encoder()


class Running(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A group's escalation, as it is kept with the group.

    Attributes:
        policy: name in the settings.
        receivers: who was told by it and has not heard of the resolve.
    """

    policy: str
    state: EscalationState = START
    receivers: tuple[str, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a group's escalation says.

    Attributes:
        kept: the group's escalation from now on, as JSON; empty: none.
        due_us: when to look again.
        members: who is open and not acknowledged: what a step tells.
        to: who is told the step now. resolved_to: who is told that all is over.
        notes: lines for people, under the step.
    """

    kept: str
    due_us: int | None = None
    members: tuple[Member, ...] = ()
    to: tuple[str, ...] = ()
    resolved_to: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


NOTHING = Step(kept="")
_to_running = msgspec.json.Decoder(Running)


class Escalations:
    """The escalations of one settings file.

    Args:
        policies: ``escalations`` of the settings.
        duty: answers who is on duty.
        responses: who has acknowledged what.
        next_change_us: when what hides alerts changes next by the clock alone.
    """

    def __init__(
        self,
        policies: Mapping[str, EscalationSettings],
        duty: Callable[[], Duty],
        responses: Responses,
        next_change_us: Callable[[int], int | None],
    ) -> None:
        self._policies = policies
        self._duty = duty
        self._responses = responses
        self._next_change_us = next_change_us

    def look(
        self,
        group: Group,
        policy_name: str | None,
        mute: Callable[[AlertChange], Mute | None],
        now_us: int,
        *,
        on_tick: bool,
    ) -> Step:
        """Return what is to be done about a group's escalation.

        Args:
            group: as it stands.
            policy_name: of its route; None: it has none.
            mute: what hides an alert now.
            now_us: microseconds UTC.
            on_tick: whether the group's content is told now as well: resolves are.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        policy = None if policy_name is None else self._policies.get(policy_name)
        running = _to_running.decode(group.escalation) if group.escalation else None
        firing = [member for member in group.members if member.change.status == "firing"]
        if policy is None or policy_name is None:  # any more: who was told hears of the end all the same
            over = on_tick and not firing
            return Step(kept="", resolved_to=running.receivers) if running and over else Step(kept=group.escalation)
        if running is None and (not firing or now_us < group.origin_us):
            return NOTHING
        state = START if running is None or running.policy != policy_name else running.state
        told = () if running is None else running.receivers
        held = self._responses.acknowledgements([member.change for member in firing]) if firing else {}
        open_ = [member for member in firing if not _in_hand(member.change, held, now_us)]
        before = NEVER_TOLD if group.told is None else group.told
        # Between ticks, only who was told: nobody hears of an alert by a step of the escalation first.
        shown = [
            member for member in open_
            if (on_tick or member.change.fingerprint in before.firing) and mute(member.change) is None
        ]  # fmt: skip
        step = advance(
            policy,
            state,
            now_us,
            open_=bool(firing),
            acknowledged=not open_,
            paused=bool(open_) and not shown,
            joined=any(not before.knows(member.change.fingerprint) for member in shown),
        )
        if not firing:
            kept = "" if on_tick else _kept(Running(policy=policy_name, receivers=told))
            return Step(kept=kept, resolved_to=told if on_tick else ())
        to: tuple[str, ...] = ()
        notes: tuple[str, ...] = ()
        if step.targets:
            found: Recipients = recipients(step.targets, self._duty(), now_us, catch_all=policy.then)
            to = found.receivers
            notes = (_headline(step, policy), *step.notes, *found.notes)
        return Step(
            kept=_kept(Running(policy=policy_name, state=step.state, receivers=tuple(dict.fromkeys((*told, *to))))),
            due_us=self._due_us(step, open_, list(held.values()), mute, now_us),
            members=tuple(shown),
            to=to,
            notes=notes,
        )

    def _due_us(
        self,
        step: Advance,
        open_: Sequence[Member],
        held: Sequence[Acknowledgement],
        mute: Callable[[AlertChange], Mute | None],
        now_us: int,
    ) -> int | None:
        """Return when the next step is due, or a pause or an acknowledgement ends by the clock, or a pause begins."""
        times = [] if step.next_due_us is None else [step.next_due_us]
        times += [one.until_us for one in held if one.until_us is not None and one.until_us > now_us]
        if step.state.phase == "waiting" and open_:
            whys = [mute(member.change) for member in open_]
            times += [why.until_us for why in whys if why is not None and why.until_us is not None]
            change_us = self._next_change_us(now_us)
            times += [] if change_us is None else [change_us]
        return max(min(times), now_us + 1) if times else None


def also_told(kept: str, receivers: Sequence[str]) -> str:
    """Return a group's escalation with others who are to hear of its end: those that it was given to."""
    if not receivers:
        return kept
    running = _to_running.decode(kept) if kept else Running(policy="")
    return _kept(msgspec.structs.replace(running, receivers=tuple(dict.fromkeys((*running.receivers, *receivers)))))


def _in_hand(change: AlertChange, held: Mapping[str, Acknowledgement], now_us: int) -> bool:
    found = held.get(change.fingerprint)
    return found is not None and found.holds(change, now_us)


def _kept(running: Running) -> str:
    return _json.encode(running).decode()


def _headline(step: Advance, policy: EscalationSettings) -> str:
    if step.step > len(policy.steps):
        return "Last resort of the escalation."
    again = f", round {step.round}" if step.round > 1 else ""
    return f"Step {step.step} of {len(policy.steps)} of the escalation{again}."
