"""Notifications about an alert as they stand: what they say, where they wait, which digest stands for them."""

import re
from typing import Any

import msgspec

from alerts.connection import store_errors
from alerts.model import AlertDetail, Draft, NotificationRecord
from alerts.store import AlertStore
from sinks.outbox import Outbox
from sinks.progress import Progress

_DIGEST = re.compile(r"in the digest (mg-\w+)")


class NoteTold(msgspec.Struct, frozen=True, kw_only=True):
    """One notification.

    Attributes:
        draft: what it is to say; None: it is no longer kept.
        progress: how far it is, while it is pending.
        waits_until_us: when it is tried next; None: nothing is waited for, or it is done.
        behind: how many of its group and receiver go before it. held: a notifier works on it now.
        after_digest: key of the digest that goes before it; empty: none does.
        sending: what was being sent when its notifier was last heard of; empty: nothing.
        digest: the notification that stands for it.
    """

    record: NotificationRecord
    draft: Draft | None = None
    progress: Progress | None = None
    waits_until_us: int | None = None
    behind: int = 0
    after_digest: str = ""
    held: bool = False
    sending: str = ""
    digest: "NoteTold | None" = None


def notes_about(store: AlertStore, detail: AlertDetail) -> tuple[tuple[NoteTold, ...], dict[str, int]]:
    """Return the notifications about an alert, in order, and the channels that fail now, with since when.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    outbox = Outbox(store)
    notes = tuple(_told(store, outbox, record) for record in detail.notifications)
    return notes, outbox.failing()


def _told(store: AlertStore, outbox: Outbox, record: NotificationRecord) -> NoteTold:
    claim = outbox.look(record.key)
    if claim is None:
        return NoteTold(record=record)
    digest = _DIGEST.search(record.note)
    stands = None if digest is None else store.notification(digest[1])
    pending = record.status == "pending"
    later, behind, held, before = _place(store, claim.line, record.key) if pending else (None, 0, False, "")
    return NoteTold(
        record=record,
        draft=claim.draft,
        progress=claim.progress if pending else None,
        waits_until_us=later,
        behind=behind,
        after_digest=before,
        held=held,
        sending=claim.sending,
        digest=None if stands is None else _told(store, outbox, stands),
    )


def _place(store: AlertStore, line: str, key: str) -> tuple[int | None, int, bool, str]:
    client: Any = store.client
    named = store.keys.named
    with store_errors():
        pipeline = client.pipeline(transaction=True)
        pipeline.zscore(named("later"), line)
        pipeline.zrange(named(f"line:{line}"), 0, -1)
        pipeline.zscore(named("leased"), line)
        pipeline.hget(named("behind"), line)
        later, entries, leased, digest = pipeline.execute()
    keys = [entry.partition("|")[2] for entry in entries]
    place = keys.index(key) if key in keys else 0
    return None if later is None else int(later) * 1000, place, leased is not None, digest or ""
