"""What an audit reads of the store: only of alerts to which something has happened, in few round trips."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from alerts.connection import Scripts, store_errors
from alerts.groups import HEAD, Target
from alerts.model import Account
from alerts.store import AlertStore
from detectors.contract import AlertChange
from sinks.audit.judging import Seen, Way

FOLDER = Path(__file__).parent
HEADS = (HEAD, FOLDER.parent / "common.lua")
_AT_ONCE = 500
_DIGEST = re.compile(r"in the digest (.+)")
_to_change = msgspec.json.Decoder(AlertChange)
_to_account = msgspec.json.Decoder(Account)


class _Firing(msgspec.Struct):
    firing: dict[str, str]


_to_told = msgspec.json.Decoder(_Firing)


class Open(NamedTuple):
    """An alert to be looked at.

    Attributes:
        changes, accounts: how many of them are at their end.
    """

    fingerprint: str
    changes: int
    accounts: int


class Reader:
    """Reads for one audit. Order matters: a change goes from its way into an account, so the way is read first.

    Args:
        targets: ``targets(labels)``: groups that the routes give an alert now.
        clock_ms: of the store: "" for that of Redis, or what tests inject.
    """

    def __init__(
        self, store: AlertStore, targets: Callable[[Mapping[str, str]], Sequence[Target]], clock_ms: str | int
    ) -> None:
        self._client: Any = store.client
        self._keys = store.keys
        self._targets = targets
        self._clock_ms = clock_ms
        self._scripts = Scripts(store.client, FOLDER, HEADS)
        self._told: dict[str, frozenset[str]] = {}

    def alerts(self, since_us: int) -> list[str]:
        """Return the fingerprints of all that fire, and of what has resolved since."""
        with store_errors():
            pipeline = self._client.pipeline(transaction=False)
            pipeline.zrange(self._keys.named("alerts:firing"), 0, -1)
            pipeline.zrangebyscore(self._keys.named("alerts:resolved"), since_us // 1000, "+inf")
            firing, resolved = pipeline.execute()
        return list(dict.fromkeys([*firing, *resolved]))

    def open(self, fingerprints: Sequence[str]) -> list[Open]:
        """Return those of some alerts to which something has happened since they were at their end."""
        calls = [
            ("scan", (self._keys.prefix, self._clock_ms, *fingerprints[start : start + _AT_ONCE]))
            for start in range(0, len(fingerprints), _AT_ONCE)
        ]
        found: list[Open] = []
        for call in calls:  # one by one: no script holds up the store for long
            (flat,) = self._scripts.run_mixed([call])
            if isinstance(flat, list):
                found += [Open(*entry) for entry in zip(flat[::3], flat[1::3], flat[2::3], strict=True)]
        return found

    def read(self, alerts: Sequence[Open]) -> list[Seen]:
        """Return what is known of some alerts; not of those that have expired."""
        with store_errors():
            pipeline = self._client.pipeline(transaction=False)
            for one in alerts:
                pipeline.hget(self._keys.alert(one.fingerprint), "current")
                pipeline.lrange(self._keys.history(one.fingerprint), one.changes, -1)
                pipeline.smembers(self._keys.named(f"groups_of:{one.fingerprint}"))
            flat = pipeline.execute()
            drafts = [
                _Draft.of(one, current, history, groups, self._targets)
                for one, current, history, groups in zip(alerts, flat[::3], flat[1::3], flat[2::3], strict=True)
                if current is not None
            ]
            for draft in drafts:
                if draft.entries:
                    pipeline.zmscore(self._keys.named("pending"), [name for _, _, name in draft.entries])
                else:
                    pipeline.ping()
                pipeline.lrange(self._keys.accounts(draft.one.fingerprint), draft.one.accounts, -1)
            flat = pipeline.execute()
        for draft, scores, accounts in zip(drafts, flat[::2], flat[1::2], strict=True):
            draft.scores = scores if draft.entries else []
            draft.accounts = tuple(map(_to_account.decode, accounts))
        accounts_ = (account for draft in drafts for account in draft.accounts)
        named = (account.by for account in accounts_ if account.verdict in {"told", "replaced"})
        notes = self._notes(dict.fromkeys(named))
        self._read_told({group for draft in drafts if draft.current.status == "firing" for group in draft.groups})
        return [self._seen(draft, notes) for draft in drafts]

    def mark(self, settled: Iterable[tuple[str, int, int]]) -> None:
        """Note which alerts are at their end, with the number of their changes and accounts."""
        flat = [part for entry in settled for part in entry]
        if flat:
            self._scripts.run("mark", self._keys.prefix, self._clock_ms, *flat)

    def _notes(self, keys: Iterable[str]) -> dict[str, str | None]:
        """Return the status of notifications; of one that a digest stands for, that of the digest."""
        found = self._statuses(keys)
        digests = {
            key: match[1]
            for key, (status, text) in found.items()
            if status == "digested" and (match := _DIGEST.fullmatch(text or "")) is not None
        }
        of_digests = self._statuses(dict.fromkeys(digests.values()))
        return {key: of_digests[digests[key]][0] if key in digests else status for key, (status, _) in found.items()}

    def _statuses(self, keys: Iterable[str]) -> dict[str, tuple[str | None, str | None]]:
        wanted = list(keys)
        with store_errors():
            pipeline = self._client.pipeline(transaction=False)
            for key in wanted:
                pipeline.hmget(self._keys.note(key), "status", "note")
            return {key: (status, text) for key, (status, text) in zip(wanted, pipeline.execute(), strict=True)}

    def _read_told(self, groups: set[str]) -> None:
        wanted = sorted(groups - self._told.keys())
        if not wanted:
            return
        with store_errors():
            texts = self._client.mget([self._keys.named(f"told:{group}") for group in wanted])
        for group, text in zip(wanted, texts, strict=True):
            self._told[group] = frozenset() if text is None else frozenset(_to_told.decode(text).firing)

    def _seen(self, draft: "_Draft", notes: Mapping[str, str | None]) -> Seen:
        ways: dict[str, tuple[Way, ...]] = {}
        for (change_id, group, _), score in zip(draft.entries, draft.scores, strict=True):
            if score is not None:
                way = Way(group=group, accepted_us=int(score) * 1000)
                ways[change_id] = (*ways.get(change_id, ()), way)
        print_ = draft.one.fingerprint
        return Seen(
            current=draft.current,
            history=draft.history,
            accounts=draft.accounts,
            account_count=draft.one.accounts + len(draft.accounts),
            targets=draft.targets,
            ways=ways,
            groups=draft.groups,
            told_in=frozenset(group for group in draft.groups if print_ in self._told.get(group, frozenset())),
            notes={account.by: notes[account.by] for account in draft.accounts if account.by in notes},
        )


class _Draft(msgspec.Struct):
    """What is known of one alert so far. ``entries``: change, group (or none) and where it would stand in `pending`."""

    one: Open
    current: AlertChange
    history: tuple[AlertChange, ...]
    groups: frozenset[str]
    targets: Sequence[Target]
    entries: list[tuple[str, str, str]]
    scores: list[float | None] = []
    accounts: tuple[Account, ...] = ()

    @classmethod
    def of(
        cls,
        one: Open,
        current: str,
        history: Sequence[str],
        groups: Iterable[str],
        targets: Callable[[Mapping[str, str]], Sequence[Target]],
    ) -> "_Draft":
        change = _to_change.decode(current)
        changes = tuple(map(_to_change.decode, history))
        mine, own = frozenset(groups), targets(change.labels)
        near = sorted(mine | {target.key for target in own})
        entries = [(one_.change_id, "", f"change-{one_.change_id}") for one_ in changes]
        entries += [(one_.change_id, group, f"news-{group}-{one_.change_id}") for one_ in changes for group in near]
        return cls(one=one, current=change, history=changes, groups=mine, targets=own, entries=entries)
