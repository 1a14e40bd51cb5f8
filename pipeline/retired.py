"""Entries that were taken out of ``detectors:`` since the flow ran last: before it starts, their alerts are ended."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from alerts.connection import StoreUnavailableError
from alerts.retiring import Entry, end_alerts_of
from alerts.store import AlertStore
from config.settings import Settings
from pipeline import durable
from pipeline.recovery import ENTRIES

log = structlog.get_logger(__name__)


def retire(
    folder: Path,
    settings: Settings,
    store: AlertStore,
    *,
    ends: bool,
    wait: Callable[[float], bool],
    tell: Callable[[str | None], None],
    now_us: int,
) -> bool:
    """End the alerts of the entries that are gone, and note those that there are; return False when the program stops.

    Of an entry that has another type now, the alerts of the old type are ended. While the store is away it waits: an
    alert that is left open here is left open for ever.

    Args:
        folder: of the flow's recovery data; held by this process.
        settings: that hold now.
        store: of the alerts.
        ends: whether it is for this process to end them, where several share the work.
        wait: waits that many seconds; answers True when the program stops.
        tell: told that the store is waited for, and why; None: no more.
        now_us: the time of day, microseconds UTC.
    """
    path = folder / ENTRIES
    entries = {name: entry.type for name, entry in settings.detectors.items()}
    before = _read(path)
    gone = {Entry(*entry) for entry in before.items() - entries.items()}
    if gone and ends:
        try:
            ended = store.waiting(
                lambda: end_alerts_of(store, gone, now_us), wait=wait, on_away=lambda error, _: tell(str(error))
            )
        except StoreUnavailableError:
            return False
        tell(None)
        log.warning("detectors.gone", detectors=sorted(entry.name for entry in gone), alerts_ended=len(ended))
    if before != entries:
        durable.replace(path, msgspec.json.encode(entries, order="deterministic"))
    return True


def _read(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        log.warning("detectors.unknown", file=str(path), reason=str(error), hint="alerts of entries that are gone stay")
        return {}
