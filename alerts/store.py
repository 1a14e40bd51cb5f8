"""The store of alerts in Redis: one atomic, idempotent write per change, and the questions asked of it."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import redis

from alerts.connection import Scripts, StoreUnavailableError, store_errors
from alerts.keys import Keys
from alerts.model import (
    CLOSED,
    Account,
    AlertDetail,
    AlertRecord,
    Draft,
    NotificationRecord,
    ReceiptRecord,
    Status,
    Try,
    episode_key,
    order_key,
)
from config.delivery import StoreSettings
from config.matchers import Matcher, matches_all
from detectors.contract import AlertChange

_BATCH = 500
_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0
AnswerT = TypeVar("AnswerT")
_change_json = msgspec.json.Encoder(order="deterministic")
_to_change = msgspec.json.Decoder(AlertChange)
_to_try = msgspec.json.Decoder(Try)
_to_receipt = msgspec.json.Decoder(ReceiptRecord)
_to_draft = msgspec.json.Decoder(Draft)
_to_account = msgspec.json.Decoder(Account)


class AlertStore:
    """Alerts and their history, in Redis.

    Resolved alerts and applied ids expire by the clock of Redis (``StoreSettings``): a store that forgot by event time
    would forget a replayed year at once.

    Args:
        client: from :func:`alerts.connection.connect`; may be used by several threads.
        settings: of the store.
        revive: starts a Redis of our own again that has died; None: it is not ours.
        complaint: returns what a Redis of our own complained about last; None: it is not ours.
    """

    def __init__(
        self,
        client: "redis.Redis",
        settings: StoreSettings,
        revive: Callable[[], None] | None = None,
        complaint: Callable[[], str] | None = None,
    ) -> None:
        self.client: Any = client  # its annotations do not know decode_responses
        self.settings = settings
        self.keys = Keys(settings.prefix)
        self._revive = revive
        self._complaint = complaint
        self._scripts = Scripts(client, Path(__file__).parent)

    def apply(self, changes: Sequence[AlertChange]) -> int:
        """Write changes, each atomically with its history, to be routed; return how many were new.

        A change that was applied before has no effect. A change that is older than what the store knows is added to the
        history (and told), but does not become the alert's state.

        Raises:
            StoreUnavailableError: some of the changes may have been applied; give all of them again.
        """
        applied = 0
        for start in range(0, len(changes), _BATCH):
            calls = [self._arguments(change) for change in changes[start : start + _BATCH]]
            applied += sum(1 for answer in self._scripts.run_many("apply", calls) if answer == 1)
        return applied

    def writing(self, change: AlertChange) -> tuple[str, tuple[str | int, ...]]:
        """Return the script that applies a change, and its arguments, to be run together with other writes."""
        return self._scripts.text("apply"), self._arguments(change)

    def apply_waiting(
        self,
        changes: Sequence[AlertChange],
        *,
        wait: Callable[[float], bool],
        on_away: Callable[[StoreUnavailableError, float], None] | None = None,
    ) -> int:
        """Write changes as :meth:`apply` does; while Redis is away, wait and try again, without end.

        Args:
            changes: as in :meth:`apply`.
            wait: waits that many seconds; answers True when waiting should end, because the program stops. That of
                ``threading.Event.wait`` fits.
            on_away: is told of every failed try, with the seconds until the next.

        Raises:
            StoreUnavailableError: only when ``wait`` answered True.
        """
        return self.waiting(lambda: self.apply(changes), wait=wait, on_away=on_away)

    def waiting(
        self,
        call: Callable[[], AnswerT],
        *,
        wait: Callable[[float], bool],
        on_away: Callable[[StoreUnavailableError, float], None] | None = None,
    ) -> AnswerT:
        """Return what a call to the store answers; while Redis is away, wait and call again, without end.

        Args:
            call: may be made again whatever became of it before.
            wait: as in :meth:`apply_waiting`.
            on_away: as there.

        Raises:
            StoreUnavailableError: only when ``wait`` answered True.
        """
        pause_s = _FIRST_WAIT_S
        while True:
            try:
                return call()
            except StoreUnavailableError as error:
                if on_away is not None:
                    on_away(error, pause_s)
                if wait(pause_s):
                    raise
                self.revive()
                pause_s = min(pause_s * 2, _LONGEST_WAIT_S)

    def revive(self) -> None:
        """Start Redis again if it is our own and has died; else do nothing. For those who wait for it."""
        if self._revive is not None:
            self._revive()

    def complaint(self) -> str:
        """Return what Redis complained about last, if it is our own and did; else nothing."""
        return "" if self._complaint is None else self._complaint()

    def list_alerts(self, *, status: Status | None = None, matchers: Iterable[Matcher] = ()) -> list[AlertRecord]:
        """Return alerts, newest change first (by event time), filtered by status and label matchers."""
        wanted = list(matchers)
        indexes = ["alerts:firing"] if status == "firing" else ["alerts:resolved"]
        if status is None:
            indexes = ["alerts:firing", "alerts:resolved"]
        with store_errors():
            prints = [print_ for index in indexes for print_ in self.client.zrange(self.keys.named(index), 0, -1)]
            found: list[AlertRecord] = []
            for start in range(0, len(prints), _BATCH):
                pipeline = self.client.pipeline(transaction=False)
                for print_ in prints[start : start + _BATCH]:
                    pipeline.hmget(self.keys.alert(print_), "current", "changes")
                found += [
                    AlertRecord(current=_to_change.decode(text), changes=int(count))
                    for text, count in pipeline.execute()
                    if text is not None
                ]
        kept = [record for record in found if matches_all(wanted, record.current.labels)]
        return sorted(kept, key=lambda record: (-record.current.at_us, record.current.fingerprint))

    def counts(self) -> dict[str, int]:
        """Return how many alerts are ``firing`` and ``resolved``, and notifications ``pending`` and ``undelivered``."""
        names = {"firing": "alerts:firing", "resolved": "alerts:resolved"}
        names |= {"pending": "pending", "undelivered": "undelivered"}
        with store_errors():
            pipeline = self.client.pipeline(transaction=False)
            for name in names.values():
                pipeline.zcard(self.keys.named(name))
            return dict(zip(names, pipeline.execute(), strict=True))

    def get(self, fingerprint: str) -> AlertDetail | None:
        """Return an alert with its changes and notifications; None when there is none (or it has expired).

        Args:
            fingerprint: 16 hexadecimal digits.
        """
        if re.fullmatch("[0-9a-f]{16}", fingerprint) is None:
            return None
        with store_errors():
            current = self.client.hget(self.keys.alert(fingerprint), "current")
            if current is None:
                return None
            history = [_to_change.decode(text) for text in self.client.lrange(self.keys.history(fingerprint), 0, -1)]
            keys = self.client.lrange(self.keys.notes_of(fingerprint), 0, -1)
            notes = [note for note in map(self._notification, keys) if note is not None]
            accounts = [_to_account.decode(text) for text in self.client.lrange(self.keys.accounts(fingerprint), 0, -1)]
        return AlertDetail(
            current=_to_change.decode(current),
            history=sorted(history, key=order_key),
            notifications=notes,
            accounts=accounts,
        )

    def notification(self, key: str) -> NotificationRecord | None:
        """Return what is known of a notification; None when there is none (or it has expired)."""
        with store_errors():
            return self._notification(key)

    def ping(self) -> None:
        """Raise :class:`StoreUnavailableError` when Redis does not answer."""
        with store_errors():
            self.client.ping()

    def _notification(self, key: str) -> NotificationRecord | None:
        note: dict[str, Any] = self.client.hgetall(self.keys.note(key))
        if not note:
            return None
        draft = _to_draft.decode(note["body"])
        tries = self.client.lrange(self.keys.tries(key), 0, -1)
        receipts = self.client.lrange(self.keys.receipts(key), 0, -1)
        return NotificationRecord(
            key=key,
            kind=draft.kind,
            changes=draft.changes,
            group=draft.group,
            receiver=note["receiver"],
            status=note["status"],
            undelivered=self.client.zscore(self.keys.named("undelivered"), key) is not None,
            accepted_us=int(note["accepted_ms"]) * 1000,
            done_us=int(note["done_ms"]) * 1000 if "done_ms" in note else None,
            note=note.get("note", ""),
            tries=[_to_try.decode(text) for text in tries],
            receipts=[_to_receipt.decode(text) for text in receipts],
        )

    def _arguments(self, change: AlertChange) -> tuple[str | int, ...]:
        return (
            self.settings.prefix,
            change.change_id,
            change.fingerprint,
            episode_key(change),
            order_key(change),
            CLOSED if change.step == CLOSED else change.status,
            _change_json.encode(change).decode(),
            change.at_us // 1000,
            self.settings.retention // 1000,
            self.settings.applied_retention // 1000,
        )
