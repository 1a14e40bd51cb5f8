"""Which ids of a batch are new."""

from collections.abc import Iterable, Sequence
from operator import itemgetter


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
