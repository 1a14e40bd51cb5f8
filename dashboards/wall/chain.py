"""The beat that goes through everything: the flow says so in the store, the store is read here, a screen asks. Pure."""

from collections.abc import Sequence

from alerts.statuses import Status
from config.settings import Settings
from dashboards.freshness_model import STORE_LATE_US, STORE_STALE_US
from dashboards.wall.model import Hop

LATE_MS, STALE_MS = 10_000, 30_000
"""Limits of the age of a beat."""


def chain(
    settings: Settings, flows: Sequence[Status], *, heard_us: int, away: str, complete: bool, now_us: int
) -> tuple[Hop, ...]:
    """Return the links before the screen's own.

    Args:
        settings: without feeds or detectors no flow is expected.
        flows: what flow processes said last.
        heard_us: when the store answered last.
        away: why it does not.
        complete: whether it was read at all.
        now_us: microseconds UTC.
    """
    why = away if away else "" if complete else "the store has not been read yet"
    store = Hop(
        name="store",
        age_ms=_age_ms(heard_us, now_us) if heard_us and complete else None,
        late_ms=STORE_LATE_US // 1000,
        stale_ms=STORE_STALE_US // 1000,
        why=why,
    )
    if not settings.feeds or not settings.detectors:
        return (store,)
    return (_flow(flows, now_us), store)


def _flow(flows: Sequence[Status], now_us: int) -> Hop:
    running = [one for one in flows if one.report.get("flow") == "running"]
    newest = max(running or flows, key=lambda one: one.at_us, default=None)
    if newest is None:
        why, age_ms = "no flow has said anything yet", None
    else:
        told = newest.report.get("flow", "in trouble")
        why = "" if running else f"the flow is {told}"
        # One that has not looked for records for half a minute says so itself, however often it says something.
        age_ms = None if told == "stalled" else _age_ms(newest.at_us, now_us)
    return Hop(name="flow", age_ms=age_ms, late_ms=LATE_MS, stale_ms=STALE_MS, why=why)


def _age_ms(at_us: int, now_us: int) -> int:
    return max(0, now_us - at_us) // 1000
