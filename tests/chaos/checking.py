"""What must hold when all is well again: what was applied is told or accounted for, in order, and nothing is lost."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

import msgspec

from alerts.dispatch import target_of
from alerts.grouping import Timing
from alerts.groups import group_key
from alerts.model import Account, AlertDetail, NotificationRecord
from alerts.routing import Router
from alerts.store import AlertStore
from config.delivery import RootRouteSettings
from detectors.contract import AlertChange
from tests.chaos.duplicates import Duplicates, by_key
from tests.chaos.evidence import Evidence, Findings
from tests.chaos.hiding import SURE_US, hidden_wrongly


def findings(store: AlertStore, route: RootRouteSettings, seen: Evidence) -> Findings:
    """Return what was found."""
    found = _Check(store, route, seen)
    lost = list(found.lost())
    wrong = [*found.wrong(), *found.duplicates.unexplained, *seen.defects]
    return Findings(
        number=seen.plan.number,
        seed=seen.plan.seed,
        changes=len(seen.applied),
        own_changes=found.changes - len(seen.applied),
        notifications=len(found.notes),
        digested=sum(note.status == "digested" for note in found.notes.values()),
        requests=len(seen.requests),
        kills=dict(Counter(death.step for death in seen.deaths)),
        restarts=len(seen.restarts),
        lost=lost,
        wrong=wrong,
        duplicates={str(cause): count for cause, count in found.duplicates.by_cause.items()},
        rare=found.duplicates.rare,
        by_tier=found.duplicates.by_tier,
        most_by_a_death=max(found.duplicates.by_death.values(), default=0),
        workers=seen.plan.workers,
        hidden=len(seen.hidden),
        muted=found.muted,
        after_all=found.after_all,
    )


class _Check:
    def __init__(self, store: AlertStore, route: RootRouteSettings, seen: Evidence) -> None:
        self._seen = seen
        self._router = Router(route)
        self._details = [
            detail for record in store.list_alerts() if (detail := store.get(record.current.fingerprint)) is not None
        ]
        self.changes = sum(len(detail.history) for detail in self._details)
        self.muted = self.after_all = 0
        self.notes: dict[str, NotificationRecord] = {}
        for name in store.client.scan_iter(f"{store.keys.prefix}note:*"):
            record = store._notification(str(name).removeprefix(f"{store.keys.prefix}note:"))
            if record is not None:
                self.notes[record.key] = record
        self._orders = {key: str(store.client.hget(store.keys.note(key), "order")) for key in self.notes}
        self._lines = {key: str(store.client.hget(store.keys.note(key), "line")) for key in self.notes}
        self._alerts = {
            key: [
                (alert["labels"], alert["status"])
                for alert in msgspec.json.decode(store.client.hget(store.keys.note(key), "body")).get("alerts", [])
            ]
            for key in self.notes
        }
        self.taken = by_key(seen.requests)
        self.duplicates = Duplicates(seen.deaths, seen.restarts, seen.lease_us)
        for key, note in self.notes.items():
            self.duplicates.look(note, self.taken.get(key, []))

    def lost(self) -> Iterator[str]:
        """Yield what is not told and not accounted for."""
        if self._seen.stuck:
            yield self._seen.stuck
        if not self._seen.fresh_told:
            yield "an alert that came when all was well again was not told"
        stored = {change.change_id for detail in self._details for change in detail.history}
        yield from (
            f"not in the store: {one.change.change_id}"
            for one in self._seen.applied
            if one.change.change_id not in stored
        )
        for detail in self._details:
            yield from self._unaccounted(detail)
            yield from self._unheard(detail)
            yield from self._believed(detail)
        for key, note in self.notes.items():
            yield from self._undelivered(key, note)

    def wrong(self) -> Iterator[str]:
        """Yield what is told otherwise than it must be."""
        yield from (f"nobody wrote {key}, and it was sent" for key in self.taken if key not in self.notes)
        lines: dict[str, list[str]] = defaultdict(list)
        for key in sorted(self.notes, key=self._told_as):
            lines[self._lines[key]].append(key)
        for line, keys in lines.items():
            if keys != sorted(keys, key=lambda key: self._orders[key]):
                yield f"out of order in {line}: {keys}"
        for detail in self._details:
            yield from hidden_wrongly(detail, self._seen.hidden, self._seen.decides_us)
        workers = self._seen.plan.workers
        yield from (
            f"the death of {sender} caused {count} duplicates, with {workers} workers"
            for sender, count in self.duplicates.by_death.items()
            if count > workers
        )

    def _told_as(self, key: str) -> tuple[int, str]:
        """Return what sorts notifications as they were told: one that a digest stands for, with that."""
        note = self.notes[key]
        sent = note.note.removeprefix("in the digest ") if note.status == "digested" else key
        taken = self.taken.get(sent, [])
        return (taken[0].number if taken else 0, self._orders[key])

    def _unaccounted(self, detail: AlertDetail) -> Iterator[str]:
        """Every change has one account in each of its groups; what an account names is there.

        And one more for each notification that tells it after all, when what hid it has ended.
        """
        targets = {target_of(match, detail.current.labels).key for match in self._router.match(detail.current.labels)}
        by_change: dict[str, list[Account]] = defaultdict(list)
        for account in detail.accounts:
            by_change[account.change_id].append(account)
        for change in detail.history:
            mine = by_change[change.change_id]
            after_all = [one for place, one in enumerate(mine) if _is_after_all(one, mine[:place])]
            self.after_all += len(after_all)
            self.muted += sum(one.verdict == "muted" for one in mine)
            groups = [group_key(one.receiver, one.group) for one in mine if one not in after_all]
            if sorted(groups) != sorted(targets):
                yield f"{change.change_id} {change.step}: accounts in {groups}, groups {sorted(targets)}"
        for account in detail.accounts:
            # Without a key: what stands for it was told before it came.
            named = account.by or account.verdict == "told"
            if account.verdict in {"told", "replaced"} and named and account.by not in self.notes:
                yield f"{account.change_id} is {account.verdict} by {account.by!r}, which is not there"

    def _undelivered(self, key: str, note: NotificationRecord) -> Iterator[str]:
        """Every notification was taken by a provider that its record names, or its digest was."""
        if note.status == "digested":
            digest = note.note.removeprefix("in the digest ")
            if digest not in self.notes or self.notes[digest].status != "delivered":
                yield f"{key}: {note.note}, which was not delivered"
        elif note.status != "delivered":
            yield f"{key} is {note.status}"
        else:
            channels = {request.provider for request in self.taken.get(key, [])}
            said = {one.channel for one in note.tries if one.outcome == "delivered"}
            if not said or not said <= channels:
                yield f"{key}: recorded as taken by {sorted(said)}; taken by {sorted(channels)}"

    def _unheard(self, detail: AlertDetail) -> Iterator[str]:
        """Whatever fired for longer than its group waits was told to each of its receivers."""
        times = {one.change.change_id: one for one in self._seen.applied}
        episodes: dict[int, list[AlertChange]] = defaultdict(list)
        for change in detail.history:
            if change.change_id in times:
                episodes[change.starts_at_us].append(change)
        for match in self._router.match(detail.current.labels):
            key = target_of(match, detail.current.labels).key
            verdicts = {
                one.change_id: one.verdict for one in detail.accounts if group_key(one.receiver, one.group) == key
            }
            still_believed = (
                False  # that the episode before fires: its end is not told either when it comes between two looks
            )
            for _, changes in sorted(episodes.items()):
                began_us = min(times[change.change_id].not_after_us for change in changes)
                ends = [times[one.change_id].not_before_us for one in changes if one.status == "resolved"]
                # "unwanted": it was told that it fires, and takes no word that it does not any more.
                said = {verdicts.get(change.change_id) for change in changes}
                # Whether that it was muted was right is looked at elsewhere.
                excused = "muted" in said and (bool(ends) or still_believed)
                too_long = not ends or max(ends) - began_us > _longest_us(match.timing)
                if not said - {"never_told", "muted", None} and too_long and not excused:
                    yield f"{detail.current.fingerprint} fired, and {match.receiver} was not told: {verdicts}"
                over = [verdicts.get(change.change_id) for change in changes if change.status == "resolved"]
                believed = still_believed or bool(said & {"told", "replaced", "known"})
                still_believed = believed and not {"told", "unwanted"} & set(over)

    def _believed(self, detail: AlertDetail) -> Iterator[str]:
        """What a receiver was told last of an alert is what it is."""
        for match in self._router.match(detail.current.labels):
            target = target_of(match, detail.current.labels)
            heard = [
                status
                for key in sorted(self._orders, key=lambda key: self._orders[key])
                if self._lines[key] == f"{match.receiver}/{target.key}"
                for labels, status in self._alerts[key]
                if labels == detail.current.labels
            ]
            takes_resolved = _takes_resolved(self._seen.plan.settings["receivers"][match.receiver])
            if detail.current.status == "firing" and heard[-1:] != ["firing"]:
                yield f"{detail.current.fingerprint} fires, and {match.receiver} was told {heard}"
            if detail.current.status == "resolved" and heard[-1:] == ["firing"] and takes_resolved:
                yield f"{detail.current.fingerprint} has resolved, and {match.receiver} was told {heard}"


def _is_after_all(account: Account, before: list[Account]) -> bool:
    """Return whether a change was told when it had an account already: each time by another notification."""
    earlier = [one for one in before if (one.receiver, one.group) == (account.receiver, account.group)]
    return account.verdict == "told" and bool(earlier) and account.by not in {one.by for one in earlier}


def _longest_us(timing: Timing) -> int:
    return max(timing.wait_us, timing.interval_us) + SURE_US


def _takes_resolved(receiver: Mapping[str, object]) -> bool:
    return receiver.get("send_resolved", True) is True
