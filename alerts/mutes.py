"""What hides alerts now: inhibition by others, maintenance windows, silences. Asked by whoever decides what is told."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from alerts.connection import store_errors
from alerts.inhibition import Firing, Inhibitor
from alerts.maintenance import Maintenance
from alerts.muting import Mute
from alerts.silence_edges import SilenceEdges
from alerts.silences import SilenceBook
from alerts.silencing import Silence
from alerts.silencing import mute as silenced
from alerts.store import AlertStore
from config.inhibition import InhibitRuleSettings
from config.maintenance import MaintenanceSettings
from detectors.contract import AlertChange

_AT_ONCE = 1000


class _Labelled(msgspec.Struct, frozen=True):
    labels: dict[str, str]


_to_labels = msgspec.json.Decoder(_Labelled)


class Mutes:
    """What hides alerts of one store, by one settings file.

    Args:
        store: of the alerts and the silences.
        inhibit_rules: of the settings.
        windows: ``maintenance_windows`` of the settings.
    """

    def __init__(
        self,
        store: AlertStore,
        inhibit_rules: Sequence[InhibitRuleSettings] = (),
        windows: Mapping[str, MaintenanceSettings] | None = None,
    ) -> None:
        self._client: Any = store.client
        self._keys = store.keys
        self._inhibitor = Inhibitor(inhibit_rules)
        self._firing: Firing = self._inhibitor.firing()
        self._known: set[str] = set()
        self._version: str | None = None
        self._maintenance = Maintenance({} if windows is None else windows)
        self._book = SilenceBook(store)
        self._edges = SilenceEdges(store, self._book)

    def __call__(self, now_us: int) -> Callable[[AlertChange], Mute | None]:
        """Return what answers why an alert is not told at ``now_us``; the store is asked once, here.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        silences = self._book.active(now_us)
        if self._inhibitor:
            self._follow()

        def mute(change: AlertChange) -> Mute | None:
            return self._mute(change, silences, now_us)

        return mute

    def next_change_us(self, now_us: int) -> int | None:
        """Return when the next maintenance window begins or ends; None: never again."""
        return self._maintenance.next_change(now_us)

    def pass_edges(self, now_us: int) -> None:
        """Wake the groups of silences that have begun or ended.

        Raises:
            StoreUnavailableError: those that are left are woken next time.
        """
        self._edges.due(now_us)

    def _mute(self, change: AlertChange, silences: Sequence[Silence], now_us: int) -> Mute | None:
        labels = change.labels
        inhibited = self._firing.mute(labels) if self._inhibitor else None
        return inhibited or self._maintenance.mute(labels, now_us) or silenced(labels, silences, now_us)

    def _follow(self) -> None:
        """Bring what fires up to date. An alert's labels never change, so only those that are new are read."""
        with store_errors():
            version = self._client.get(self._keys.named("alerts:version")) or ""
            if version == self._version:
                return
            firing = set(self._client.zrange(self._keys.named("alerts:firing"), 0, -1))
            for gone in self._known - firing:
                self._firing.remove(gone)
            fresh = sorted(firing - self._known)
            for start in range(0, len(fresh), _AT_ONCE):
                part = fresh[start : start + _AT_ONCE]
                pipeline = self._client.pipeline(transaction=False)
                for fingerprint in part:
                    pipeline.hget(self._keys.alert(fingerprint), "current")
                for fingerprint, text in zip(part, pipeline.execute(), strict=True):
                    if text is not None:
                        self._firing.add(fingerprint, _to_labels.decode(text).labels)
        self._known, self._version = firing, version
