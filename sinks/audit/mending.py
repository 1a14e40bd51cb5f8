"""Putting right what an audit found: each by a script that looks again before it writes, so that it happens once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from alerts.connection import Scripts, store_errors
from alerts.groups import Groups, Target, group_key
from alerts.model import Account, Draft
from alerts.store import AlertStore
from alerts.urgency import urgency
from config.urgency import UrgencySettings
from detectors.contract import AlertChange
from sinks.audit.judging import Finding, Seen
from sinks.audit.reading import FOLDER, HEADS

_json = msgspec.json.Encoder(order="deterministic")
_NOTE = "This was decided earlier and then lost, and comes late; it may have reached you already."


class Mender:
    """Sends what is missing.

    Args:
        most_alerts: of a receiver: how many alerts one message lists.
        clock_us: None: the clock of Redis.
    """

    def __init__(
        self,
        store: AlertStore,
        settings: UrgencySettings,
        most_alerts: Callable[[str], int],
        clock_us: Callable[[], int] | None,
    ) -> None:
        self._prefix = store.keys.prefix
        self._client: Any = store.client
        self._keys = store.keys
        self._groups = Groups(store, clock_us=clock_us)
        self._scripts = Scripts(store.client, FOLDER, HEADS)
        self._settings = settings
        self._most_alerts = most_alerts
        self._clock_us = clock_us

    def put_back(self, change: AlertChange, targets: Sequence[Target], account_count: int) -> bool:
        """Put a change into groups, as if it had just come; return False when that is no longer needed."""
        text = _json.encode(change).decode()
        keys = [target.key for target in targets]
        if self._run("put_back", change.fingerprint, change.change_id, text, account_count, *keys) != 1:
            return False
        self._groups.assign([(change, targets)])
        return True

    def wake(self, finding: Finding, seen: Seen) -> bool:
        """Look whether what is overdue was forgotten; if it was, set it on its way again and return True."""
        change = finding.change
        if finding.account is not None:
            return self._run("wake", "note", finding.account.by) == 1
        if finding.way is None or not finding.way.group:
            return self._run("wake", "change", change.change_id, _json.encode(change).decode()) == 1
        group = finding.way.group
        answer = self._run("wake", "news", change.change_id, change.fingerprint, group)
        if answer != 2:
            return answer == 1
        targets = [target for target in seen.targets if target.key == group] or seen.targets
        return self.put_back(change, targets, seen.account_count)

    def restore(self, account: Account, told: Sequence[Seen], ids: Sequence[str], now_us: int) -> bool:
        """Send a notification that was lost: to the same receiver, under the same key, with how things are now.

        Args:
            account: one that names it.
            told: the alerts that it was about, as far as they are known.
            ids: of the changes that it told.
            now_us: microseconds UTC.
        """
        changes = sorted((seen.current for seen in told), key=lambda one: (one.status != "firing", one.starts_at_us))
        most = self._most_alerts(account.receiver)
        group = group_key(account.receiver, account.group)
        target = next((target for seen in told for target in seen.targets if target.key == group), None)
        left: dict[str, int] = {}
        for change in changes[most:]:
            name = change.labels.get("service") or change.labels.get("alertname", "")
            left[name] = left.get(name, 0) + 1
        draft = Draft(
            kind="group",
            alerts=tuple(changes[:most]),
            group_labels={} if target is None else msgspec.json.decode(target.labels, type=dict[str, str]),
            group=account.group,
            thread=self._thread(group, account),
            changes=tuple(ids),
            truncated=left,
            notes=(_NOTE,),
        )
        firing = sum(change.status == "firing" for change in changes)
        answer = self._run(
            "restore",
            account.by,
            account.receiver,
            f"{account.receiver}/{group}",
            group,
            urgency(changes, self._settings).rank,
            now_us // 1000,
            draft.thread,
            _json.encode(draft).decode(),
            firing,
            len(changes) - firing,
            *[change.fingerprint for change in changes],
        )
        return answer == 1

    def _thread(self, group: str, account: Account) -> str:
        with store_errors():
            text = self._client.get(self._keys.named(f"told:{group}"))
        known: Mapping[str, Any] = {} if text is None else msgspec.json.decode(text)
        return str(known.get("thread") or f"{group}-{account.at_us // 1000}")

    def _run(self, name: str, *args: str | int) -> object:
        now: str | int = "" if self._clock_us is None else self._clock_us() // 1000
        return self._scripts.run(name, self._prefix, now, *args)
