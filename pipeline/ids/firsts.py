"""Which ids of a batch are new."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

from detectors.events import Event


def new_ids(ids: Sequence[str], known: Iterable[set[str]]) -> dict[str, int]:
    """Return those of the ids that are in none of the sets, each once, in their order, with their first places.

    >>> new_ids(["a", "b", "a", "c"], [{"b"}])
    {'a': 0, 'c': 3}
    """
    found = dict(zip(reversed(ids), range(len(ids) - 1, -1, -1), strict=True))
    for those in known:
        for key in those.intersection(ids):
            found.pop(key, None)
    return dict(sorted(found.items(), key=itemgetter(1)))


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
