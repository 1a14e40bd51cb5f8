"""How long it takes until somebody has an alert in hand: counted in the store, with the acknowledgement itself.

Acknowledgements come by many processes (a command, a link, a phone), so none of them could count them all.
"""

from typing import Any, NamedTuple

from alerts.connection import store_errors
from alerts.store import AlertStore
from config.metrics.notifier import ACKNOWLEDGED

BOUNDS = ",".join(f"{bound:g}" for bound in ACKNOWLEDGED.buckets)
_BEYOND = "+Inf"


class Acknowledging(NamedTuple):
    """First acknowledgements of episodes.

    Attributes:
        counts: by bucket of the metric, not added up; the last is beyond the last bound.
        total_s: how long all of them took together.
    """

    counts: tuple[int, ...]
    total_s: float


def load_acknowledging(store: AlertStore) -> Acknowledging:
    """Return how long first acknowledgements took, since the store began.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    client: Any = store.client
    with store_errors():
        found = client.hgetall(store.keys.named("acknowledging"))
    counts = tuple(int(found.get(bound, 0)) for bound in [*BOUNDS.split(","), _BEYOND])
    return Acknowledging(counts, int(found.get("sum_ms", 0)) / 1000)
