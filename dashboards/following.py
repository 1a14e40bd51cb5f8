"""Keeps the mirror like the store: a thread that reads the log and posts what it read to the event loop."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import structlog

from alerts.changelog import ChangeLog, Entry, Seq, seq_of
from alerts.connection import StoreError, StoreUnavailableError, store_errors
from alerts.pushing import to_pushed
from alerts.responses import Responses
from alerts.silences import SilenceBook, State
from alerts.statuses import Statuses
from alerts.store import AlertStore
from config.durations import US_PER_SECOND
from dashboards.mirror import Mirror, Read
from detectors.contract import AlertChange

_BATCH = 1000
_BLOCK_MS = 250
_LOOK_EVERY_US = 2 * US_PER_SECOND
_PAUSE_S = 0.5
_DOUBTS = 3
_ALL_STATES: tuple[State, ...] = ("active", "pending", "expired")
_to_change = msgspec.json.Decoder(AlertChange)
_log = structlog.get_logger("makegood.console")


class Follower:
    """Follows a store. Use it with ``async with`` on the event loop that reads the mirror.

    Args:
        store: of the alerts.
        mirror: is kept.
        now_us: the time, microseconds UTC.
    """

    def __init__(self, store: AlertStore, mirror: Mirror, now_us: Callable[[], int]) -> None:
        self._store = store
        self._client: Any = store.client
        self._keys = store.keys
        self._mirror = mirror
        self._now_us = now_us
        self._changes = ChangeLog(store)
        self._responses = Responses(store)
        self._silences = SilenceBook(store)
        self._statuses = Statuses(store)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look_at_us = 0
        self._doubts = 0

    async def __aenter__(self) -> "Follower":
        """Start."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop, and wait until nothing is read any more."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        seq: Seq | None = None
        while not self._stop.is_set():
            try:
                seq = self._all() if seq is None or self._doubts >= _DOUBTS else self._some(seq)
                self._look(seq)
            except StoreUnavailableError as error:
                self._post(self._mirror.lost, str(error))
                self._stop.wait(_PAUSE_S)
                self._store.revive()
            except StoreError as error:  # a defect, or a store of another kind: go on with all anew, and say so
                _log.error("store_not_followed", why=str(error))
                self._post(self._mirror.lost, str(error))
                self._stop.wait(_PAUSE_S)
                seq = None

    def _all(self) -> Seq:
        """Read everything that fires; return from where to go on."""
        self._doubts = 0
        seq = self._changes.last()
        with store_errors():
            prints = self._client.zrange(self._keys.named("alerts:firing"), 0, -1)
        read = [
            one for start in range(0, len(prints), _BATCH) for one in self._read(prints[start : start + _BATCH], seq)
        ]
        self._post(self._mirror.take_silences, self._silences.list(self._now_us(), _ALL_STATES), self._now_us())
        self._post(lambda now_us: self._mirror.take(read, seq, now_us, all_=True), self._now_us())
        return seq

    def _some(self, seq: Seq) -> Seq | None:
        """Read what has changed; return from where to go on; None: everything has to be read anew."""
        entries = self._changes.read(seq, at_most=_BATCH, block_ms=_BLOCK_MS)
        if not entries:
            if self._changes.last() < seq:  # another store, or one that has lost what it had
                return None
            self._post(self._mirror.heard, self._now_us())
            return seq
        if len(entries) == _BATCH and self._changes.first() > seq:  # what was between is cut off
            return None
        return self._take(entries)

    def _take(self, entries: Sequence[Entry]) -> Seq:
        last = entries[-1].seq
        at = {entry.about: entry.seq for entry in entries if entry.kind != "silence"}
        read = self._read(list(at), last)
        if any(entry.kind == "silence" for entry in entries):
            self._post(self._mirror.take_silences, self._silences.list(self._now_us(), _ALL_STATES), self._now_us())
        self._post(
            self._mirror.take,
            [msgspec.structs.replace(one, seq=at[one.fingerprint]) for one in read],
            last,
            self._now_us(),
        )
        return last

    def _look(self, seq: Seq | None) -> None:
        """Read now and then what no entry tells of."""
        now_us = self._now_us()
        if seq is None or 0 <= now_us - self._look_at_us < _LOOK_EVERY_US:
            return
        self._look_at_us = now_us
        self._post(self._mirror.take_statuses, self._statuses.all(now_us), now_us)
        with store_errors():
            firing = self._client.zcard(self._keys.named("alerts:firing"))
        self._post(self._ask_about, seq)
        self._post(self._compare, seq, firing)

    def _compare(self, seq: Seq, firing: int) -> None:
        """On the loop: doubt what is known when the store has another number of alerts, though nothing was missed.

        A store that has lost its last seconds, or was put back from a backup, tells of it in no entry.
        """
        same = self._mirror.seq != seq or len(self._mirror.alerts) == firing
        self._doubts = 0 if same else self._doubts + 1

    def _ask_about(self, seq: Seq) -> None:
        """On the loop: find those whose incident is not known yet. A thread of its own would be too much for it."""
        lacking = [print_ for print_, one in self._mirror.alerts.items() if one.incident is None][:_BATCH]
        if lacking and not self._stop.is_set():
            asyncio.get_running_loop().run_in_executor(None, self._read_again, lacking, seq)

    def _read_again(self, prints: list[str], seq: Seq) -> None:
        try:
            read = [one for one in self._read(prints, seq) if one.incident is not None]
        except (StoreUnavailableError, StoreError):
            return  # the follower notices by itself
        if read:
            self._post(self._fill, read)

    def _fill(self, read: Iterable[Read]) -> None:
        """On the loop: take the incidents of alerts that are still the same; what else was read may be old by now."""
        for one in read:
            known = self._mirror.alerts.get(one.fingerprint)
            if known is not None and known.change == one.change:
                again = msgspec.structs.replace(
                    one,
                    seq=known.seq,
                    since=known.since,
                    changes=known.changes,
                    acknowledgement=known.acknowledgement,
                    assignment=known.assignment,
                )
                self._mirror.take([again], self._mirror.seq, self._mirror.heard_us)

    def _read(self, prints: Sequence[str], seq: Seq) -> list[Read]:
        """Read alerts as they are now."""
        with store_errors():
            pipeline = self._client.pipeline(transaction=False)
            for print_ in prints:
                pipeline.hmget(self._keys.alert(print_), "current", "changes", "since", "pushed")
                pipeline.hgetall(self._keys.named(f"incident_of:{print_}"))
            answers = pipeline.execute()
        found = []
        for place, print_ in enumerate(prints):
            (text, changes, since, pushed), homes = answers[2 * place], answers[2 * place + 1]
            change = None if text is None else _to_change.decode(text)
            found.append(
                Read(
                    fingerprint=print_,
                    change=change,
                    seq=seq,
                    since=seq if since is None else seq_of(since),
                    changes=int(changes or 0),
                    incident=int(homes[max(homes)]) if homes else None,
                    pushed=None if pushed is None else to_pushed.decode(pushed),
                )
            )
        firing = [one.change for one in found if one.change is not None and one.change.status == "firing"]
        acknowledged = self._responses.acknowledgements(firing)
        assigned = self._responses.assignments(firing)
        return [
            msgspec.structs.replace(
                one, acknowledgement=acknowledged.get(one.fingerprint), assignment=assigned.get(one.fingerprint)
            )
            for one in found
        ]

    def _post(self, act: Callable[..., None], *args: object) -> None:
        if self._loop is not None and not self._stop.is_set() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act, *args)
