"""Maintenance windows as they are now: which are open, which come, and what each hides."""

from typing import NamedTuple

from config.maintenance import MaintenanceSettings
from dashboards.context import Context
from dashboards.errors import Refused
from dashboards.mirror import OpenAlert
from dashboards.priority import priority


class Shown(NamedTuple):
    """A window as pages and the API show it.

    Attributes:
        until_us: when it ends, while it is open; None: it is closed now.
        next_us: when the next one begins; None: never again.
        about: alerts that fire and that it is about, whether it is open or not. urgent: of these, priority 1.
    """

    name: str
    settings: MaintenanceSettings
    until_us: int | None
    next_us: int | None
    about: tuple[OpenAlert, ...]
    urgent: int


def windows_of(context: Context, now_us: int) -> list[Shown]:
    """Return the windows: those that are open by their end, then by their next beginning."""
    found = [_shown(context, name, now_us) for name in context.mirror.maintenance.names()]
    return sorted(found, key=_soon)


def window_of(context: Context, name: str, now_us: int) -> Shown:
    """Return one window.

    Raises:
        Refused: 404 when the settings have none of that name.
    """
    names = context.mirror.maintenance.names()
    if name not in names:
        raise Refused(404, f"the settings have no maintenance window {name!r}; there are: {', '.join(names) or 'none'}")
    return _shown(context, name, now_us)


def _shown(context: Context, name: str, now_us: int) -> Shown:
    windows = context.mirror.maintenance
    about = tuple(one for one in context.mirror.alerts.values() if windows.takes(name, one.labels))
    return Shown(
        name=name,
        settings=context.settings.maintenance_windows[name],
        until_us=windows.open_until(name, now_us),
        next_us=windows.next_start(name, now_us),
        about=about,
        urgent=sum(priority(one.urgency.rank) == 1 for one in about),
    )


def _soon(one: Shown) -> tuple[int, int, str]:
    if one.until_us is not None:
        return 0, one.until_us, one.name
    return (2, 0, one.name) if one.next_us is None else (1, one.next_us, one.name)
