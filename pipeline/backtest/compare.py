"""Two runs held against each other: alerts gained and lost, earlier and later; incidents gained and lost."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from alerts.model import rfc3339
from pipeline.backtest.alerts import Alert
from pipeline.backtest.matching import Truth
from pipeline.backtest.measure import Measure
from pipeline.backtest.result import AlertRow, Difference, Figures, Moved, Side

LISTED = 200
"""So many alerts are listed of each kind at most."""


class Pairs(NamedTuple):
    """Alerts of A and B that are the same one, and those that only one has."""

    both: list[tuple[Alert, Alert]]
    lost: list[Alert]
    gained: list[Alert]


def pair(before: Sequence[Alert], after: Sequence[Alert], end_us: int) -> Pairs:
    """Pair alerts of one fingerprint whose times overlap, each once, in order of their beginning.

    Args:
        before: alerts of A.
        after: alerts of B.
        end_us: end of the recording.
    """
    waiting: dict[str, list[Alert]] = {}
    for alert in sorted(after, key=_begin):
        waiting.setdefault(alert.fingerprint, []).append(alert)
    both: list[tuple[Alert, Alert]] = []
    lost: list[Alert] = []
    for alert in sorted(before, key=_begin):
        candidates = waiting.get(alert.fingerprint, [])
        other = next((one for one in candidates if _overlap(alert, one, end_us)), None)
        if other is None:
            lost.append(alert)
        else:
            candidates.remove(other)
            both.append((alert, other))
    gained = sorted((alert for left in waiting.values() for alert in left), key=_begin)
    return Pairs(both, lost, gained)


def _begin(alert: Alert) -> tuple[int, str, str]:
    return alert.starts_at_us, alert.detector, alert.fingerprint


def _overlap(one: Alert, other: Alert, end_us: int) -> bool:
    return one.starts_at_us <= other.until_us(end_us) and other.starts_at_us <= one.until_us(end_us)


def difference(a: tuple[Measure, Side], b: tuple[Measure, Side], end_us: int) -> Difference:
    """Return what B does that A does not.

    An alert that begins in the judged span in one run, and outside of it in the other, was neither gained nor lost.
    """
    (before, side_a), (after, side_b) = a, b
    pairs = pair(before.alerts, after.alerts, end_us)
    both = [(old, new) for old, new in pairs.both if id(old) in before.inside or id(new) in after.inside]
    gained = [alert for alert in pairs.gained if id(alert) in after.inside]
    lost = [alert for alert in pairs.lost if id(alert) in before.inside]
    moved = [(old, new) for old, new in both if old.fired_at_us != new.fired_at_us]
    found_a = {one.number for one in side_a.incidents if one.found_by and one.watched}
    found_b = {one.number for one in side_b.incidents if one.found_by and one.watched}
    return Difference(
        same=len(both) - len(moved),
        gained_count=len(gained),
        lost_count=len(lost),
        earlier=sum(new.fired_at_us < old.fired_at_us for old, new in moved),
        later=sum(new.fired_at_us > old.fired_at_us for old, new in moved),
        gained=[row(alert, after.truths) for alert in gained[:LISTED]],
        lost=[row(alert, before.truths) for alert in lost[:LISTED]],
        moved=[
            Moved(
                before=row(old, before.truths),
                after=row(new, after.truths),
                later_s=(new.fired_at_us - old.fired_at_us) / 1e6,
            )
            for old, new in moved[:LISTED]
        ],
        listed=LISTED,
        gained_incidents=sorted(found_b - found_a),
        lost_incidents=sorted(found_a - found_b),
        worse=_worse([side_a.total, *side_a.detectors], [side_b.total, *side_b.detectors]),
    )


def _worse(before: Sequence[Figures], after: Sequence[Figures]) -> list[str]:
    """Return where B finds fewer of the incidents than A: all detectors together, or one that both have."""
    then = {figures.detector: figures.recall for figures in before}
    told = []
    for figures in after:
        old, new = then.get(figures.detector), figures.recall
        if old is not None and new is not None and new.value < old.value:
            who = "all detectors together" if figures.detector == "*" else figures.detector
            told.append(f"{who}: {new.count} of {new.of} incidents found, before {old.count} of {old.of}")
    return told


def row(alert: Alert, truths: Mapping[int, Truth]) -> AlertRow:
    """Return an alert as it is listed."""
    truth = truths.get(id(alert))
    return AlertRow(
        detector=alert.detector,
        labels=alert.labels,
        fingerprint=alert.fingerprint,
        starts_at=rfc3339(alert.starts_at_us),
        fired_at=rfc3339(alert.fired_at_us),
        ends_at=None if alert.ends_at_us is None else rfc3339(alert.ends_at_us),
        truth=None if truth is None else truth.value,
        summary=alert.summary,
    )
