"""What is written into the outbox of a decision: one notification for each receiver, with its key and its line."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import msgspec

from alerts.assigning import Handover
from alerts.escalating import Step
from alerts.group_model import Group, Member
from alerts.group_plans import Claimed, Outgoing
from alerts.grouping import Decision
from alerts.model import Account, Draft, IncidentNote, NotificationKind
from alerts.urgency import urgency
from config.delivery import ReceiverSettings
from config.urgency import UrgencySettings
from detectors.contract import AlertChange

_MANY = 2
"""Alerts from which an incident is worth telling of."""


def idempotency_key(*parts: str) -> str:
    """Return the key of the notification that these texts name: the same whoever computes it, whenever."""
    return "mg-" + blake2b("|".join(parts).encode(), digest_size=16).hexdigest()


class Drafts:
    """Makes the notifications of one settings file.

    Args:
        receivers, settings: of the file: ``receivers`` and ``urgency``.
    """

    def __init__(self, receivers: Mapping[str, ReceiverSettings], settings: UrgencySettings) -> None:
        self._receivers = receivers
        self._urgency = settings

    def of(
        self, claimed: Claimed, decision: Decision, step: Step, receiver: str, handovers: Sequence[Handover] = ()
    ) -> tuple[Outgoing, ...]:
        """Return the notifications of a decision.

        Args:
            claimed: the group.
            decision: of its content.
            step: of its escalation.
            receiver: of the group.
            handovers: alerts that were given to somebody.
        """
        group = claimed.group
        told = decision.told or group.told
        thread = f"{group.key}-{group.origin_us // 1000}" if told is None else told.thread
        made = []
        if decision.kind is not None:
            notes = step.notes if receiver in step.to else ()
            made.append(self._one(claimed, decision.kind, decision.members, receiver, thread, notes))
        made += [
            self._one(claimed, "escalation", step.members, name, thread, step.notes)
            for name in step.to
            if name in self._receivers and (name != receiver or decision.kind is None)
        ]
        resolved = tuple(member for member in group.members if member.change.status == "resolved")
        made += [
            self._one(claimed, "group", resolved, name, thread, ())
            for name in step.resolved_to
            if resolved and name != receiver and name in self._receivers and self._receivers[name].send_resolved
        ]
        if group.told is not None:
            made += [
                self._one(claimed, "escalation", one.members, name, group.told.thread, one.notes)
                for one in handovers
                for name in one.receivers
                if name in self._receivers
            ]
        return tuple(made)

    def _one(
        self,
        claimed: Claimed,
        kind: NotificationKind,
        members: Sequence[Member],
        receiver: str,
        thread: str,
        notes: tuple[str, ...],
    ) -> Outgoing:
        group, now_us = claimed.group, claimed.now_us
        changes = [member.change for member in members]
        most = self._receivers[receiver].max_alerts
        fresh = {news.fingerprint: news.accepted_us for news in group.news}
        ids = tuple(change.change_id for change in changes if change.fingerprint in fresh)
        times = [fresh[change.fingerprint] for change in changes if change.fingerprint in fresh]
        found = urgency(changes, self._urgency)
        return Outgoing(
            # The token: a clock that was set back can show the same time again.
            key=idempotency_key(group.key, thread, str(now_us), claimed.token, receiver, kind, *notes, *ids),
            receiver=receiver,
            line=f"{receiver}/{group.key}",
            urgency=found.rank,
            accepted_us=min(times) if times and kind == "group" else now_us,
            draft=Draft(
                kind=kind,
                alerts=tuple(changes[:most]),
                group_labels=group.labels,
                group=group.name,
                thread=thread,
                changes=ids,
                truncated=_left_out(changes[most:]),
                notes=notes,
                urgency=found,
            ),
            fingerprints=tuple(change.fingerprint for change in changes),
            firing=sum(change.status == "firing" for change in changes),
            what=_what(changes[0]),
        )


def about(out: Outgoing, notes: Mapping[str, IncidentNote]) -> Outgoing:
    """Return a notification that says to which incident its first alert belongs; ``notes`` are by fingerprint."""
    note = notes.get(out.fingerprints[0]) if out.fingerprints else None
    if note is None or (note.alerts < _MANY and not note.blind):
        return out
    return msgspec.structs.replace(out, draft=msgspec.structs.replace(out.draft, incident=note))


def accounts_by(group: Group, decision: Decision, outgoing: Sequence[Outgoing]) -> tuple[tuple[str, Account], ...]:
    """Return what became of changes, by fingerprint; where that is a notification, with its key."""
    key = outgoing[0].key if decision.kind is not None else ""
    found = []
    for news, account in zip(group.news, decision.accounts, strict=True):
        told = account.verdict in {"told", "replaced"}
        found.append((news.fingerprint, msgspec.structs.replace(account, by=key) if told else account))
    found += [(print_, msgspec.structs.replace(account, by=key)) for print_, account in decision.after_all]
    return tuple(found)


def _what(change: AlertChange) -> str:
    return change.labels.get("service") or change.labels.get("alertname", "")


def _left_out(changes: Sequence[AlertChange]) -> dict[str, int]:
    """Return how many alerts are not listed, by service where there is one, else by name."""
    found: dict[str, int] = {}
    for change in changes:
        what = _what(change)
        found[what] = found.get(what, 0) + 1
    return found
