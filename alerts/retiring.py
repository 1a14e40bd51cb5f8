"""Ends the alerts of detectors that are gone: nobody else would, for nobody judges any more whether they last."""

from collections.abc import Collection
from typing import Any, NamedTuple

from alerts.connection import store_errors
from alerts.responses import closed
from alerts.store import AlertStore
from detectors.contract import AlertChange

_WHY = "Ended: its detector {name} ({type}) is no longer in the settings."


class Entry(NamedTuple):
    """An entry of ``detectors:``. Its alerts tell of it by the labels ``detector`` and, of another name, ``rule``."""

    name: str
    type: str


def end_alerts_of(store: AlertStore, gone: Collection[Entry], now_us: int) -> list[AlertChange]:
    """End the open alerts of entries that are gone; return the changes. Done again it has no effect.

    Alerts that others send to us are theirs, whatever they are labelled.

    Raises:
        StoreUnavailableError: some may have been ended; call it again.
    """
    changes = []
    for record in store.list_alerts(status="firing"):
        current = record.current
        type_name = current.labels.get("detector", "")
        entry = Entry(current.labels.get("rule") or type_name, type_name)
        if entry in gone and not _sent_to_us(store, current.fingerprint):
            changes.append(closed(current, _WHY.format(name=entry.name, type=entry.type), now_us))
    store.apply(changes)
    return changes


def _sent_to_us(store: AlertStore, fingerprint: str) -> bool:
    client: Any = store.client
    with store_errors():
        return bool(client.hexists(store.keys.alert(fingerprint), "pushed"))
