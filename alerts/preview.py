"""What would have been hidden, had a silence or a maintenance window been there: from the history of the alerts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from alerts.connection import store_errors
from alerts.maintenance import Maintenance
from alerts.model import order_key
from alerts.store import AlertStore
from detectors.contract import AlertChange

Hides = Callable[[Mapping[str, str], int], bool]
"""Whether an alert with these labels is hidden at this time (microseconds UTC)."""
_BATCH = 500
_to_change = msgspec.json.Decoder(AlertChange)


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One time that an alert fired.

    Attributes:
        told_us: when it became known: event time of the change by which it began to fire.
        starts_us, ends_us: of the episode; ``ends_us`` is None while it fires.
    """

    fingerprint: str
    labels: dict[str, str]
    summary: str
    told_us: int
    starts_us: int
    ends_us: int | None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What would have been hidden in a span of time, oldest first.

    Attributes:
        from_us, to_us: the span; episodes count that began to fire in it.
        hidden: nobody would have been told of these.
        late: told only when what hid them had ended, because they still fired.
        total: episodes in the span, hidden or not.
    """

    from_us: int
    to_us: int
    hidden: tuple[Episode, ...]
    late: tuple[Episode, ...]
    total: int


def preview(store: AlertStore, hides: Hides, *, from_us: int, to_us: int) -> Preview:
    """Return what would have been hidden of the alerts that began to fire from ``from_us`` on, before ``to_us``.

    Goes by event time, and no further back than resolved alerts are kept (settings: ``store.retention``).

    Args:
        store: of the alerts.
        hides: for a silence ``lambda labels, _at_us: silence.matches(labels)``; for a window, whether it is open then.
        from_us: microseconds UTC.
        to_us: microseconds UTC.

    Raises:
        StoreUnavailableError: when Redis cannot be used now.
    """
    hidden: list[Episode] = []
    late: list[Episode] = []
    total = 0
    for episode in episodes(store, from_us=from_us, to_us=to_us):
        total += 1
        if hides(episode.labels, episode.told_us):
            ends_us = to_us if episode.ends_us is None else episode.ends_us
            (hidden if hides(episode.labels, max(ends_us, episode.told_us)) else late).append(episode)
    return Preview(from_us=from_us, to_us=to_us, hidden=tuple(hidden), late=tuple(late), total=total)


def window_preview(store: AlertStore, windows: Maintenance, name: str, *, from_us: int, to_us: int) -> Preview:
    """Return what one maintenance window would have hidden of the alerts that began to fire in a span.

    ``KeyError``: there is no such window.

    Raises:
        StoreUnavailableError: when Redis cannot be used now.
    """
    return preview(store, partial(windows.hides, name), from_us=from_us, to_us=to_us)


def episodes(store: AlertStore, *, from_us: int, to_us: int) -> list[Episode]:
    """Return the episodes of all alerts that began to fire in a span, oldest first.

    One that was moved to another time counts there only.

    Raises:
        StoreUnavailableError: when Redis cannot be used now.
    """
    found = [
        episode
        for history in _histories(store, from_us)
        for episode in _episodes(history)
        if from_us <= episode.told_us < to_us
    ]
    return sorted(found, key=lambda episode: (episode.told_us, episode.fingerprint))


def _histories(store: AlertStore, from_us: int) -> Iterator[list[AlertChange]]:
    client: Any = store.client
    prints = [one.current.fingerprint for one in store.list_alerts() if _may_be_in(one.current, from_us)]
    for start in range(0, len(prints), _BATCH):
        with store_errors():
            pipeline = client.pipeline(transaction=False)
            for print_ in prints[start : start + _BATCH]:
                pipeline.lrange(store.keys.history(print_), 0, -1)
            answers = pipeline.execute()
        for texts in answers:
            yield sorted(map(_to_change.decode, texts), key=order_key)


def _may_be_in(current: AlertChange, from_us: int) -> bool:
    return current.status == "firing" or max(current.at_us, current.ends_at_us or current.at_us) >= from_us


def _episodes(history: Sequence[AlertChange]) -> Iterator[Episode]:
    """Yield the episodes of one alert, whose changes are in their order."""
    by_start: dict[int, list[AlertChange]] = {}
    for change in history:
        by_start.setdefault(change.starts_at_us, []).append(change)
    for starts_us, changes in by_start.items():
        first = next((change for change in changes if change.status == "firing"), None)
        last = changes[-1]
        if first is None or last.step.partition(":")[0] == "moved":
            continue
        ended = None if last.status == "firing" else last.at_us if last.ends_at_us is None else last.ends_at_us
        yield Episode(
            fingerprint=first.fingerprint,
            labels=first.labels,
            summary=first.annotations.get("summary", ""),
            told_us=first.at_us,
            starts_us=starts_us,
            ends_us=ended,
        )
