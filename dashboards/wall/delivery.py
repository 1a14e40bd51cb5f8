"""Whether people are told: out of the store, in a thread, kept for some seconds for all screens."""

import asyncio
from collections.abc import Callable
from typing import Any

import anyio.to_thread
import msgspec

from alerts.connection import StoreError, StoreUnavailableError, store_errors
from alerts.store import AlertStore
from config.durations import US_PER_SECOND
from dashboards.freshness_model import RANKS, Layer, Truth
from dashboards.wall.model import Bad, Delivery
from sinks.audit.report import AuditReport, load_report

KEPT_US = 5 * US_PER_SECOND
BELIEVED_US = 30 * US_PER_SECOND
"""What was read longer ago is not shown as what holds."""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What was read.

    Attributes:
        oldest_us: since when the first of those waits that are on their way; None: none is.
    """

    at_us: int
    pending: int
    undelivered: int
    oldest_us: int | None
    audit: AuditReport | None


class Counts:
    """Keeps what was read last. Used on the event loop's thread; a store that hangs holds nobody up.

    Args:
        store: of the alerts.
        now_us: microseconds UTC.
    """

    def __init__(self, store: AlertStore, now_us: Callable[[], int]) -> None:
        self._store = store
        self._now_us = now_us
        self._found: Counted | None = None
        self._asked_us: int | None = None
        self._task: asyncio.Task[None] | None = None

    async def now(self) -> Counted | None:
        """Return what is known; None: nothing that is young enough to be believed."""
        now_us = self._now_us()
        due = self._asked_us is None or not 0 <= now_us - self._asked_us < KEPT_US
        if due and (self._task is None or self._task.done()):
            self._asked_us = now_us
            self._task = asyncio.create_task(self._read())
            if self._found is None:
                await asyncio.wait({self._task}, timeout=1.0)
        found = self._found
        return found if found is not None and now_us - found.at_us <= BELIEVED_US else None

    async def _read(self) -> None:
        try:
            self._found = await anyio.to_thread.run_sync(load_counts, self._store, self._now_us())
        except (StoreUnavailableError, StoreError):
            return  # what was read before grows old, and then it is said that nothing is known


def load_counts(store: AlertStore, now_us: int) -> Counted:
    """Read what is on its way.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    client: Any = store.client
    counts = store.counts()
    with store_errors():
        first = client.zrange(store.keys.named("pending"), 0, 0, withscores=True)
    return Counted(
        at_us=now_us,
        pending=counts["pending"],
        undelivered=counts["undelivered"],
        oldest_us=int(first[0][1]) * 1000 if first else None,
        audit=load_report(store),
    )


def delivery_of(counted: Counted | None, truth: Truth) -> Delivery:
    """Return whether people are told.

    Args:
        counted: what was read; None: it could not be.
        truth: of channels and notifiers.
    """
    channels = truth.channels
    bad = [*_process(truth.notifier), *_counts(counted), *_channels(channels)]
    tested = [sign.heard_us for sign in channels.signs if sign.state == "fresh" and sign.heard_us is not None]
    known = counted is not None and truth.store.state in {"fresh", "late"}
    audit = None if counted is None else counted.audit
    return Delivery(
        state="bad" if bad else "ok" if known else "unknown",
        bad=tuple(bad),
        pending=None if counted is None else counted.pending,
        oldest_ms=0 if counted is None or counted.oldest_us is None else counted.oldest_us // 1000,
        undelivered=None if counted is None else counted.undelivered,
        channels=(channels.fresh, len(channels.signs)),
        audited_ms=0 if audit is None else audit.at_us // 1000,
        told_percent="" if audit is None else _percent(audit.ratio),
        tested_ms=max(tested, default=0) // 1000,
    )


def _process(notifier: Layer) -> list[Bad]:
    if notifier.state == "fresh":
        return []
    since = max((sign.heard_us for sign in notifier.signs if sign.heard_us is not None), default=0)
    return [Bad(text="no notifier: nobody is told", since_ms=since // 1000)]


def _counts(counted: Counted | None) -> list[Bad]:
    if counted is None:
        return []
    audit = counted.audit
    bad = [Bad(text=f"{counted.undelivered:,} not delivered")] if counted.undelivered else []
    # How long something may be on its way depends on its route; the auditor knows.
    if audit is not None and audit.overdue:
        bad.append(Bad(text=f"{audit.overdue:,} overdue", since_ms=(counted.oldest_us or 0) // 1000))
    if audit is not None and audit.missing:
        bad.append(Bad(text=f"{audit.missing:,} had not been told", since_ms=audit.at_us // 1000))
    return bad


def _channels(channels: Layer) -> list[Bad]:
    if not channels.signs:
        return [Bad(text=channels.says)]
    broken = [sign for sign in channels.signs if RANKS[sign.state] >= RANKS["stale"]]
    return [Bad(text=f"{sign.name} fails", since_ms=(sign.heard_us or 0) // 1000) for sign in broken]


def _percent(ratio: float) -> str:
    """Return a share that is not rounded up to all.

    >>> _percent(1.0), _percent(0.99999), _percent(0.5)
    ('100', '99.99', '50')
    """
    if ratio >= 1.0:
        return "100"
    return f"{int(ratio * 10_000) / 100:g}"
