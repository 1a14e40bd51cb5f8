"""What a drill tries, with which message, and what can be said of a receiver without trying."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from alerts.dispatch import idempotency_key
from alerts.reach import Doubt
from config.delivery import ReceiverSettings
from config.settings import Settings
from detectors.contract import alert_change
from sinks.contract import ChannelSettings, Notification
from sinks.drill.faults import Fault
from sinks.points import shared

ALERT_NAME = "MakegoodDrill"
_NO_FAILOVER = "so there is no failover for"


class Case(NamedTuple):
    """One notification of a drill: which tiers are broken, and how. ``down``: how many from the top are meant to be."""

    fault: Fault
    down: int


def cases(receiver: ReceiverSettings, faults: Sequence[str]) -> list[Case]:
    """Return the cases of a receiver: each fault of its primary; then that the second fails too, and so on."""
    found = [Case(Fault(fault), 0 if fault == Fault.INTACT else 1) for fault in faults]
    if any(case.down for case in found):
        found += [Case(Fault.REFUSED, down) for down in range(2, len(receiver.tiers))]
    return found


def remarks(receiver: ReceiverSettings, points: Mapping[str, frozenset[str]]) -> list[str]:
    """Return what is weak about a receiver's tiers, by their points of failure alone."""
    first, *others = [tier.channel for tier in receiver.tiers]
    if not others:
        return [f"{first} is its only tier: while it fails, nobody is told"]
    common = {name: shared(points[first], points[name]) for name in others}
    found = [
        f"{name} shares {' and '.join(what)} with {first}: both can fail together"
        for name, what in common.items()
        if what
    ]
    if all(common.values()):
        found.append(f"{_NO_FAILOVER} {first}; add a tier that needs nothing of it")
    return found


def shared_doubts(settings: Settings) -> Iterator[Doubt]:
    """Yield the receivers of which every lower tier shares a point of failure with the first."""
    entries = settings.channels.items()
    points = {name: one.points_of_failure() for name, one in entries if isinstance(one, ChannelSettings)}
    for name, receiver in sorted(settings.receivers.items()):
        if len(receiver.tiers) < 2 or any(tier.channel not in points for tier in receiver.tiers):
            continue
        said = remarks(receiver, points)
        if said and said[-1].startswith(_NO_FAILOVER):
            yield Doubt("warning", ("receivers", name, "tiers"), "; ".join(said))


def drill_notification(receiver: str, case: Case | None, now_us: int, like: Notification | None = None) -> Notification:
    """Return the test message of a case; of ``like``, that it is over."""
    labels = {"alertname": ALERT_NAME, "severity": "info", "receiver": receiver}
    if case is not None:
        labels |= {"broken": case.fault.value, "tiers": str(case.down)}
    if like is not None:
        labels = like.alerts[0].labels
    alert = alert_change(
        step="firing" if like is None else "resolved",
        at_us=now_us,
        status="firing" if like is None else "resolved",
        labels=labels,
        annotations={
            "summary": f"Drill of the receiver {receiver}: nothing is wrong",
            "description": "A drill shows how this receiver is told when one way fails. There is nothing to do.",
        },
        starts_at_us=now_us,
        ends_at_us=None if like is None else now_us,
    )
    thread = idempotency_key("drill", receiver, alert.fingerprint, str(now_us)) if like is None else like.thread
    return Notification(
        key=idempotency_key(thread, alert.step),
        receiver=receiver,
        alerts=(alert,),
        group_labels={"alertname": ALERT_NAME, "receiver": receiver},
        accepted_us=now_us,
        thread=thread,
        kind="test",
    )
