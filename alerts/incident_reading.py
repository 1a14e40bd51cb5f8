"""Incidents out of what the store keeps of them: pure functions."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from alerts.incident_model import BlindFeed, FeedEvidence, Incident, Member, title_of, worst
from alerts.incident_scope import CUSTOMER, Scope

MOST_NAMED = 20
"""Customers that are named; of more only the number is told."""
MOST_LINKED = 100
"""Linked incidents that are named."""
_MOST_LINES = 10
_LINE_CHARS = 300
_to_pairs = msgspec.json.Decoder(dict[str, str])


def read_incident(number: int, part: Sequence[Any], now_us: int, quiet_us: int) -> Incident:
    """Return an incident out of what the store keeps of it, without what is blind.

    Args:
        number: of the incident.
        part: its fields, its tally, what its feeds say, how many customers, some of these, what is linked.
        now_us: tells whether it has ended.
        quiet_us: how long nothing must have fired.
    """
    fields, tally, says, customers, some, linked = part
    sorted_: dict[str, dict[str, int]] = {kind: {} for kind in ("severity", "name", "feed", "firing", "touched")}
    for name, count in tally.items():
        kind, _, what = name.partition("|")
        sorted_[kind][what] = int(count)
    touched: dict[str, tuple[str, ...]] = {}
    for pair in sorted(sorted_["touched"]):
        label, _, value = pair.partition("=")
        touched[label] = (*touched.get(label, ()), value)
    if customers:
        touched[CUSTOMER] = tuple(sorted(some)) if customers <= MOST_NAMED else ()
    firing, until_us = int(fields["firing"]), int(fields["until"]) * 1000
    ended = firing == 0 and until_us + quiet_us <= now_us
    return Incident(
        number=number,
        title=title_of(_to_pairs.decode(fields["about"]), sorted_["name"]),
        status="ended" if ended else "open",
        about=_to_pairs.decode(fields["about"]),
        severity=worst(sorted_["severity"]),
        touched=touched,
        customers=int(customers),
        alerts=int(fields.get("alerts", 0)),
        firing=firing,
        feeds=tuple(
            FeedEvidence(
                feed=feed,
                alerts=count,
                firing=sorted_["firing"].get(feed, 0),
                says=says.get(feed, "").partition("|")[2],
            )
            for feed, count in sorted(sorted_["feed"].items())
        ),
        blind=(),
        first_us=int(fields["first"]) * 1000,
        last_us=until_us,
        ended_us=until_us if ended else None,
        linked=tuple(sorted(map(int, linked))),
    )


def blind_feeds(incident: Incident, silences: Sequence[Member], window_us: int) -> tuple[BlindFeed, ...]:
    """Return the feeds that were silent while the incident lasted, about what it is about or about everything."""
    until_us = math.inf if incident.firing else incident.last_us + window_us
    found = []
    for one in silences:
        change = one.change
        if change.starts_at_us > until_us:
            continue
        if change.ends_at_us is not None and change.ends_at_us < incident.first_us - window_us:
            continue
        labels = change.labels
        if any(labels[name] != value for name, value in incident.about.items() if name in labels):
            continue
        found.append(
            BlindFeed(
                feed=one.feed,
                since_us=change.starts_at_us,
                until_us=change.ends_at_us,
                says=change.annotations.get("summary", ""),
                fingerprint=change.fingerprint,
            )
        )
    return tuple(sorted(found, key=lambda one: (one.feed, one.since_us, one.fingerprint)))


def in_short(lines: Sequence[str]) -> tuple[str, ...]:
    """Return lines for a message: at most ten, none longer than 300 characters.

    >>> in_short([f"feed {number}: 1 alert" for number in range(12)])[-2:]
    ('feed 8: 1 alert', 'and 3 more')
    """
    shown = [line if len(line) <= _LINE_CHARS else f"{line[: _LINE_CHARS - 1]}…" for line in lines]
    if len(shown) > _MOST_LINES:
        shown = [*shown[: _MOST_LINES - 1], f"and {len(shown) - _MOST_LINES + 1} more"]
    return tuple(shown)


def about(scope: Scope) -> dict[str, str]:
    """Return what an incident is about that an alert with this scope opens."""
    if scope.one:
        label, _, value = scope.one.partition("=")
        return {} if label == "alert" else {label: value}
    return dict(scope.wide)
