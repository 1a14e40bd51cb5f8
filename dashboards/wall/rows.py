"""Open alerts as rows: alerts of one kind about one service are one row, the worst first. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from dashboards.mirror import OpenAlert
from dashboards.priority import priority
from dashboards.wall.model import Item, Row, Shape, Shared
from dashboards.wall.words import Codes, alert_words, short_summary

_SUBJECTS = ("service", "vendor", "source", "receiver", "channel", "queue", "job", "instance")
_UNSHARED = frozenset(
    {"alertname", "severity", "customer", "case_id", "response", "priority", "cycle"}
    | {"tier", "customers", "events", "customer_value", "revenue_at_risk"}
)
_LEAST_SHARED = 20
"""What less than this share of all alerts has in common, in percent, explains nothing."""


class Open(msgspec.Struct, frozen=True):
    """An alert that is shown, and who has it in hand; empty: nobody."""

    alert: OpenAlert
    owner: str

    @property
    def priority(self) -> int:
        """Of it, 1 to 3."""
        return priority(self.alert.urgency.rank)


def owner_of(alert: OpenAlert, now_us: int) -> str:
    """Return who has an alert in hand; empty: nobody."""
    if alert.acknowledgement is not None and alert.acknowledged(now_us):
        return alert.assignment.to if alert.assignment is not None else alert.acknowledgement.by
    return "" if alert.assignment is None else alert.assignment.to


def subject_of(alert: OpenAlert) -> str:
    """Return what an alert is about."""
    return next((alert.labels[name] for name in _SUBJECTS if alert.labels.get(name)), "")


def rows_of(found: Iterable[Open], codes: Codes | None, names: tuple[str, ...]) -> list[Row]:
    """Return the rows, the worst first: by priority, then those in nobody's hand, then the newest.

    Args:
        found: what is open.
        codes: put in the place of customers; None: customers are shown.
        names: labels and annotations that hold names of customers.
    """
    groups: dict[tuple[str, str], list[Open]] = {}
    for one in found:
        groups.setdefault((one.alert.labels.get("alertname", ""), subject_of(one.alert)), []).append(one)
    ranked = [(_rank(members), _row(members, codes, names)) for members in groups.values()]
    return [row for _, row in sorted(ranked, key=lambda pair: (pair[0], pair[1].subject, pair[1].text))]


def shared(found: Sequence[Open]) -> list[Shared]:
    """Return what many alerts have in common, what covers most first; at most one value of each label."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in found:
        counts.update((name, value) for name, value in one.alert.labels.items() if name not in _UNSHARED)
    best: dict[str, Shared] = {}
    for (label, value), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        percent = 100 * count // len(found)
        if percent >= _LEAST_SHARED:
            best.setdefault(label, Shared(label, value, percent))
    return list(best.values())[:3]


def latest_of(found: Iterable[Open], most: int, codes: Codes | None, names: tuple[str, ...]) -> list[Item]:
    """Return the alerts that came last, the newest first."""
    newest = sorted(found, key=lambda one: (one.alert.since, one.alert.fingerprint), reverse=True)[:most]
    return [Item(shape=shape_of(one), text=_line(one, codes, names), at_ms=one.alert.since.ms) for one in newest]


def shape_of(one: Open) -> Shape:
    """Return the shape of an alert's priority."""
    shapes: tuple[Shape, ...] = ("p1", "p2", "p3")
    return shapes[one.priority - 1]


def _rank(members: Sequence[Open]) -> tuple[int, bool, int]:
    return (
        min(one.priority for one in members),
        all(one.owner for one in members),
        -max(one.alert.since.ms for one in members),
    )


def _row(members: Sequence[Open], codes: Codes | None, names: tuple[str, ...]) -> Row:
    first = members[0].alert
    owners = Counter(one.owner for one in members if one.owner)
    who = owners.most_common(1)[0][0] if owners else ""
    text = f"{len(members):,} \N{MULTIPLICATION SIGN} {alert_words(first.labels.get('alertname', ''))}"
    if len(members) == 1:
        text = _text(first, codes, names)
    return Row(
        priority=min(one.priority for one in members),
        subject=subject_of(first),
        text=text,
        where=_where(members),
        count=len(members),
        since_ms=min(one.alert.since.ms for one in members),
        owner=f"{who} +{len(owners) - 1}" if len(owners) > 1 else who,
        owned=sum(bool(one.owner) for one in members),
    )


def _text(alert: OpenAlert, codes: Codes | None, names: tuple[str, ...]) -> str:
    text = short_summary(alert.change)
    return text if codes is None else codes.masked(text, codes.names(alert.change, names))


def _line(one: Open, codes: Codes | None, names: tuple[str, ...]) -> str:
    subject, text = subject_of(one.alert), _text(one.alert, codes, names)
    return f"{subject}: {text}" if subject and subject not in text else text


def _where(members: Sequence[Open]) -> str:
    regions = sorted({one.alert.labels["region"] for one in members if one.alert.labels.get("region")})
    return f"{len(regions)} regions" if len(regions) > 1 else "".join(regions)
