"""Where an alert would go, and what would hide it: the answer to "why did I not get it?" before it fires."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from alerts.inhibition import Firing
from alerts.maintenance import Maintenance
from alerts.muting import Mute
from alerts.routing import RouteMatch, Router, Tried
from alerts.silencing import Silence
from alerts.silencing import mute as silenced


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """One group that an alert joins.

    Attributes:
        match: the route that takes it.
        group_key: of the group, as notifications carry it.
        group_labels: by which the group is told from others of the route.
    """

    match: RouteMatch
    group_key: str
    group_labels: dict[str, str]


class Whereto(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an alert with some labels that fires at some time.

    Attributes:
        destinations: in the order of the tree; never none.
        mutes: everything that hides it then; it is told only while there is none.
        tried: every route, with what became of it.
    """

    labels: dict[str, str]
    at_us: int
    destinations: tuple[Destination, ...]
    mutes: tuple[Mute, ...]
    tried: tuple[Tried, ...]


def whereto(
    labels: Mapping[str, str],
    at_us: int,
    *,
    router: Router,
    firing: Firing | None = None,
    maintenance: Maintenance | None = None,
    silences: Sequence[Silence] = (),
) -> Whereto:
    """Return what becomes of an alert.

    Args:
        labels: of the alert. Empty ones count as missing.
        at_us: when it fires, microseconds UTC.
        router: of the settings.
        firing: what fires then, as the inhibition rules look at it.
        maintenance: windows of the settings.
        silences: all that there are; those that are not active then hide nothing.
    """
    kept = {name: value for name, value in sorted(labels.items()) if value}
    found = tuple(
        Destination(match=match, group_key=match.group_key(kept), group_labels=match.group_labels(kept))
        for match in router.match(kept)
    )
    mutes = tuple(_mutes(kept, at_us, firing, maintenance, silences))
    return Whereto(labels=kept, at_us=at_us, destinations=found, mutes=mutes, tried=tuple(router.explain(kept)))


def _mutes(
    labels: Mapping[str, str],
    at_us: int,
    firing: Firing | None,
    maintenance: Maintenance | None,
    silences: Sequence[Silence],
) -> Iterator[Mute]:
    if firing is not None:
        yield from firing.mutes(labels)
    window = None if maintenance is None else maintenance.mute(labels, at_us)
    if window is not None:
        yield window
    for silence in silences:
        mute = silenced(labels, [silence], at_us)
        if mute is not None:
            yield mute
