"""The notifier's part of traces: from the store's taking a change to its delivery.

A notification is told in the trace of the first change that it tells; that is where its tries are. The other changes
that it tells have a span in their own traces, which leads there. Every span has times that the store keeps, and an id
that any notifier computes alike: one that goes on after another has died goes on in the same trace.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

from alerts.groups import Claimed, Outgoing, Plan, Unrouted
from alerts.model import Account, Draft, Try, rfc3339
from alerts.traces.model import Mark, Place, Span, Value
from alerts.traces.tracing import Tracing
from detectors.contract import AlertChange
from sinks.claims import Claim
from sinks.observing import DeliveryObserver

_MOST_LINKS = 32


class NotifierTraces(DeliveryObserver):
    """Makes spans of what a notifier has done.

    Args:
        tracing: takes them.
    """

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._ids = tracing.ids

    def routed(self, changes: Sequence[Unrouted]) -> None:
        """Tell of changes: each is the root of its trace, from when it happened until the store had it."""
        for one in changes:
            self._tracing.tell(one.change.change_id, partial(self._root, one))

    def decided(self, claimed: Claimed, plan: Plan) -> None:
        """Tell how long changes waited for their group, and which of them are not told."""
        for out in plan.outgoing:
            if out.draft.alerts and out.draft.kind == "group":
                self._tracing.tell(out.draft.alerts[0].change_id, partial(self._waited, out, claimed.now_us))
        for _, account in plan.accounts:
            if account.verdict != "told":
                self._tracing.tell(account.change_id, partial(self._untold, account, claimed.now_us))

    def tried(self, claim: Claim, one: Try) -> None:
        """Tell of a try."""
        if claim.draft.alerts:
            self._tracing.tell(claim.draft.alerts[0].change_id, partial(self._try, claim, one))

    def delivered(self, claim: Claim, now_us: int) -> None:
        """Tell of a notification that is done."""
        if not claim.draft.alerts:
            return
        first, others = claim.draft.alerts[0].change_id, _others(claim.draft)
        self._tracing.tell(first, partial(self._notification, claim, others, now_us))
        for change_id in others:
            self._tracing.tell(change_id, partial(self._told_elsewhere, claim, change_id, now_us))

    def _root(self, one: Unrouted) -> Iterator[Span]:
        change = one.change
        yield Span(
            name=f"alert {change.labels.get('alertname', '')}",
            place=self._ids.root(change.change_id),
            parent=None,
            start_us=min(change.at_us, one.accepted_us),
            end_us=one.accepted_us,
            about=about_change(change),
        )

    def _waited(self, out: Outgoing, now_us: int) -> Iterator[Span]:
        first = out.draft.alerts[0].change_id
        yield Span(
            name="group wait",
            place=self._ids.below(first, out.key, "wait"),
            parent=self._ids.below(first, out.key).span,
            start_us=out.accepted_us,
            end_us=now_us,
            about={"makegood.receiver": out.receiver, "makegood.notification.changes": len(out.draft.changes)},
        )

    def _untold(self, account: Account, now_us: int) -> Iterator[Span]:
        yield Span(
            name="not told",
            place=self._ids.below(account.change_id, "untold", account.receiver, account.group, str(now_us)),
            parent=self._ids.root(account.change_id).span,
            start_us=now_us,
            end_us=now_us,
            about={"makegood.receiver": account.receiver, "makegood.verdict": account.verdict},
        )

    def _try(self, claim: Claim, one: Try) -> Iterator[Span]:
        first = claim.draft.alerts[0].change_id
        about: dict[str, Value] = {
            "makegood.notification.key": claim.key,
            "makegood.channel": one.channel,
            "makegood.tier": one.tier,
            "makegood.outcome": one.outcome,
            "makegood.recipients": len(one.recipients),
            "makegood.recipients.reached": len(one.reached),
        }
        if one.reason:
            about |= {"error.type": one.reason, "makegood.permanent": one.permanent}
        yield Span(
            name=f"send {one.channel}",
            place=self._ids.below(first, claim.key, "try", one.channel, str(one.tier), str(one.at_us)),
            parent=self._ids.below(first, claim.key).span,
            start_us=one.at_us,
            end_us=one.at_us + one.took_us,
            kind="client",
            about=about,
            failed=one.reason if one.outcome == "failed" else "",
        )

    def _notification(self, claim: Claim, others: Sequence[str], now_us: int) -> Iterator[Span]:
        first = claim.draft.alerts[0].change_id
        marks = [Mark("claimed", claim.claimed_us), *_failovers(claim.tries), *_receipts(claim)]
        yield Span(
            name=f"notify {claim.receiver}",
            place=self._ids.below(first, claim.key),
            parent=self._ids.root(first).span,
            start_us=claim.accepted_us,
            end_us=now_us,
            about=_about_notification(claim),
            marks=tuple(sorted(marks, key=lambda mark: mark.at_us)),
            links=tuple(self._ids.root(change_id) for change_id in others[:_MOST_LINKS]),
        )

    def _told_elsewhere(self, claim: Claim, change_id: str, now_us: int) -> Iterator[Span]:
        where: Place = self._ids.below(claim.draft.alerts[0].change_id, claim.key)
        yield Span(
            name=f"notify {claim.receiver}",
            place=self._ids.below(change_id, claim.key),
            parent=self._ids.root(change_id).span,
            start_us=claim.accepted_us,
            end_us=now_us,
            about=_about_notification(claim),
            links=(where,),
        )


def about_change(change: AlertChange) -> dict[str, Value]:
    """Return what a span says of a change: what kinds of things it is about, and nothing of a single customer."""
    labels = change.labels
    named = {
        f"makegood.{name}": labels[name] for name in ("detector", "rule", "severity", "service") if labels.get(name)
    }
    return {
        "makegood.alert.name": labels.get("alertname", ""),
        "makegood.alert.fingerprint": change.fingerprint,
        "makegood.alert.change": change.change_id,
        "makegood.alert.step": change.step,
        "makegood.alert.status": change.status,
        "makegood.alert.starts_at": rfc3339(change.starts_at_us),
        "makegood.event_time": rfc3339(change.at_us),
        **named,
    }


def _about_notification(claim: Claim) -> dict[str, Value]:
    about: dict[str, Value] = {
        "makegood.notification.key": claim.key,
        "makegood.notification.kind": claim.draft.kind,
        "makegood.notification.alerts": len(claim.draft.alerts) + sum(claim.draft.truncated.values()),
        "makegood.receiver": claim.receiver,
        "makegood.tries": len(claim.tries),
    }
    good = [one for one in claim.tries if one.outcome != "failed"]
    if good:
        about |= {"makegood.channel": good[-1].channel, "makegood.tier": good[-1].tier}
        about["makegood.failover"] = good[-1].tier > 1
    return about


def _others(draft: Draft) -> list[str]:
    """Return the changes that a notification tells beside its first: of a digest all that it shows."""
    fresh = set(draft.changes)
    return [one.change_id for one in draft.alerts[1:] if draft.kind == "digest" or one.change_id in fresh]


def _failovers(tries: Sequence[Try]) -> Iterator[Mark]:
    for before, after in pairwise(tries):
        if after.tier > before.tier:
            yield Mark(
                "failover",
                after.at_us,
                {
                    "makegood.from.tier": before.tier,
                    "makegood.from.channel": before.channel,
                    "makegood.tier": after.tier,
                    "makegood.channel": after.channel,
                    "error.type": before.reason,
                },
            )
        elif after.tier < before.tier:
            yield Mark("started over", after.at_us, {"error.type": before.reason})


def _receipts(claim: Claim) -> Iterator[Mark]:
    for one in claim.receipts:
        about: dict[str, Value] = {"makegood.channel": one.channel, "makegood.outcome": one.outcome}
        yield Mark("receipt", one.at_us, about | ({"error.type": one.reason} if one.reason else {}))
