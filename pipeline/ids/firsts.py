"""Which ids of a batch are new."""

from collections.abc import Mapping, Sequence, Set

import numpy as np

from detectors.events import Event


def repeats(ids: Sequence[str], again: Set[str]) -> list[int]:
    """Return the places, rising, of ids that are known (``again``), or that stand among the others before.

    >>> repeats(["a", "b", "a", "c", "a"], {"b"})
    [1, 2, 4]
    """
    lasts = dict(zip(ids, range(len(ids)), strict=True))
    suspects = set(again)
    if len(lasts) < len(ids):
        earlier = np.ones(len(ids), dtype=np.bool_)
        earlier[list(lasts.values())] = False
        suspects.update([ids[place] for place in np.flatnonzero(earlier).tolist()])
    found = []
    seen = set(again)
    for place in [place for place, key in enumerate(ids) if key in suspects]:
        if ids[place] in seen:
            found.append(place)
        seen.add(ids[place])
    return found


def key_of(event: Event) -> str:
    """Return what is remembered of an event: its id, and its revision where it has one."""
    return event.id if event.rev == 0 else f"{event.id}\x00{event.rev}"


def keys_of(events: Sequence[Event]) -> dict[str, list[str]]:
    """Return what is remembered of events, by source."""
    by_source: dict[str, list[str]] = {}
    for event in events:
        by_source.setdefault(event.source, []).append(key_of(event))
    return by_source


def one_by_one(
    events: Sequence[Event], sets_of_sources: Sequence[Mapping[str, set[str]]]
) -> tuple[list[Event], dict[str, dict[str, None]]]:
    """Return the events that are in none of the sets, each once, and what is to be remembered of them, by source."""
    kept = []
    new: dict[str, dict[str, None]] = {}
    known: dict[str, list[set[str]]] = {}
    for event in events:
        source = event.source
        key = key_of(event)
        if source not in new:
            new[source] = {}
            known[source] = [sets[source] for sets in sets_of_sources if source in sets]
        added = new[source]
        if key in added:
            continue
        for ids in known[source]:
            if key in ids:
                break
        else:
            added[key] = None
            kept.append(event)
    return kept, new
