"""``makegood maintenance``: which maintenance windows are open, and which come."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands import shell, times

if TYPE_CHECKING:
    from alerts.maintenance import Maintenance, Occurrence
    from config.maintenance import MaintenanceSettings


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "maintenance",
        example="makegood maintenance --config makegood.yaml\n"
        "makegood maintenance patches --config makegood.yaml --at 2026-03-28 --days 90",
    )
    def maintenance(
        config: shell.Config,
        window: Annotated[
            str | None, typer.Argument(metavar="WINDOW", help="Only this one; default: all there are.")
        ] = None,
        *,
        at: shell.At = None,
        days: Annotated[int, typer.Option(metavar="DAYS", help="How far ahead to look.", min=1, max=3660)] = 14,
        as_json: shell.Json = False,
    ) -> None:
        """Show the maintenance windows that are open now, or at another time, and those that come, in their own zones.

        What one would have hidden lately is shown by `makegood silence preview --window WINDOW`.
        """
        from alerts.maintenance import Maintenance
        from config.duty import DAY_US

        settings = shell.load(config).maintenance_windows
        windows = Maintenance(settings)
        names = shell.chosen("maintenance window", windows.names(), window)
        now_us = time.time_ns() // 1_000
        from_us = now_us if at is None else times.time_us("--at", at, now_us)
        found = {name: windows.occurrences(name, from_us, from_us + days * DAY_US) for name in names}
        if as_json:
            shell.out_json({name: _plain(settings[name], windows, name, from_us, found[name]) for name in names})
            return
        rows = [row for name in names for row in _rows(settings[name], name, from_us, found[name])]
        if rows:
            shell.out_table(("window", "from", "until", "", "alerts", "comment"), rows)
        else:
            shell.out(f"no maintenance window is open or begins within {days} days")


def _plain(
    settings: "MaintenanceSettings", windows: "Maintenance", name: str, from_us: int, found: "list[Occurrence]"
) -> dict[str, Any]:
    from alerts.model import rfc3339

    following = windows.next_start(name, from_us)
    return {
        "zone": settings.zone,
        "matchers": list(settings.matchers),
        "comment": settings.comment,
        "owner": settings.owner,
        "open": any(one.start_us <= from_us for one in found),
        "next": None if following is None else rfc3339(following),
        "occurrences": [{"from": rfc3339(one.start_us), "until": rfc3339(one.end_us)} for one in found],
    }


def _rows(
    settings: "MaintenanceSettings", name: str, from_us: int, found: "list[Occurrence]"
) -> list[tuple[str, str, str, str, str, str]]:
    from zoneinfo import ZoneInfo

    from alerts.localtime import shown

    zone = ZoneInfo(settings.zone)
    matchers = ", ".join(settings.matchers)
    return [
        (
            name,
            shown(one.start_us, zone),
            shown(one.end_us, zone),
            "open" if one.start_us <= from_us else "",
            matchers,
            settings.comment,
        )
        for one in found
    ]
