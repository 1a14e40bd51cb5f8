"""What silences wake when they begin and end: the groups of the alerts that they are about."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from alerts.connection import Scripts, store_errors
from alerts.silences import SilenceBook
from alerts.silencing import Silence
from alerts.store import AlertStore

_AT_ONCE = 1000


class Edge(NamedTuple):
    """A silence that began or ended, or was expired: groups were woken for it."""

    silence: Silence
    kind: Literal["begin", "end"]
    at_us: int


class SilenceEdges:
    """When the silences of a store begin and end. May be used by several threads and processes.

    A silence that is written leaves its edges in the store, and publishes ``wake``.

    Args:
        store: of the alerts.
        book: of its silences.
    """

    def __init__(self, store: AlertStore, book: SilenceBook) -> None:
        self._store = store
        self._book = book
        self._client: Any = store.client
        self._name = store.keys.named("silences:edges")
        self._scripts = Scripts(store.client, Path(__file__).parent)

    def next_us(self) -> int | None:
        """Return when :meth:`due` has something to do next; None: not until somebody writes a silence."""
        with store_errors():
            found = self._client.zrange(self._name, 0, 0, withscores=True)
        return int(found[0][1]) * 1000 if found else None

    def due(self, now_us: int) -> Sequence[Edge]:
        """Wake the groups that silences are about which have begun, ended or been expired; return these edges.

        To be called again and again by those who flush groups. It may be called by several at once, and after a time
        without anybody: an edge lies there until the groups have been woken.

        Raises:
            StoreUnavailableError: the edges that are left are there next time.
        """
        prefix, now_ms = self._store.settings.prefix, now_us // 1000
        with store_errors():
            due = self._client.zrangebyscore(self._name, "-inf", now_ms, start=0, num=_AT_ONCE, withscores=True)
            if not due:
                return []
            by_id = {silence.id: silence for silence in self._book.all()}
        marks = [(member, *member.split("|"), int(score)) for member, score in due]
        about = [by_id[one] for one in {mark[1] for mark in marks} if one in by_id]
        firing = [record.current for record in self._store.list_alerts(status="firing")] if about else []
        prints = [change.fingerprint for change in firing if any(silence.matches(change.labels) for silence in about)]
        for start in range(0, len(prints), _AT_ONCE):  # the edges go last: until then all of it may be done again
            self._scripts.run("silence_pass", prefix, now_ms, 0, *prints[start : start + _AT_ONCE])
        passed = [part for member, _id, _kind, score in marks for part in (member, score)]
        self._scripts.run("silence_pass", prefix, now_ms, len(marks), *passed)
        return [
            Edge(by_id[one], cast("Literal['begin', 'end']", kind), score * 1000)
            for _member, one, kind, score in marks
            if one in by_id
        ]
