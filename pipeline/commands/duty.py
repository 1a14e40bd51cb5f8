"""``makegood duty``: who is on duty, now or at another time, and who will be."""

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands import shell

if TYPE_CHECKING:
    from alerts.duty import Duty, Shift

_WIDE = 250
_COLUMNS = ("schedule", "from", "until", "on duty")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "duty",
        example="makegood duty --config makegood.yaml\n"
        "makegood duty primary --config makegood.yaml --at 2026-03-29T00:00:00Z --days 7",
    )
    def duty(
        config: shell.Config,
        schedule: Annotated[
            str | None, typer.Argument(metavar="SCHEDULE", help="Only this one; default: all there are.")
        ] = None,
        *,
        at: shell.At = None,
        days: Annotated[int, typer.Option(metavar="DAYS", help="How far ahead to look.", min=1, max=366)] = 14,
        as_json: shell.Json = False,
    ) -> None:
        """Show who is on duty now, or at another time, and all shifts from then on, in the zone of each schedule.

        Exit status 1 when at some time nobody is on duty, or an imported calendar cannot be read.
        """
        from alerts.duty_files import DutyFiles
        from config.duty import DAY_US

        settings = shell.load(config)
        names = _names(sorted(settings.schedules), schedule)
        files = DutyFiles(settings)
        current = files.current()
        now_us = time.time_ns() // 1_000 if at is None else shell.time_us("--at", at)
        shifts = {name: current.changes(name, now_us, now_us + days * DAY_US) for name in names}
        problems = [problem for problem in files.problems if problem.schedule in names]
        if as_json:
            shell.out_json({name: _plain(current, name, found) for name, found in shifts.items()})
        elif not names:
            shell.out("no schedules")
        else:
            _table(current, shifts)
        for problem in problems:
            shell.warn(f"{config}: schedules.{problem.schedule}.icalendar: {problem.message}")
        if problems or any(not shift.people for found in shifts.values() for shift in found):
            raise typer.Exit(shell.FOUND_WRONG)


def _names(known: Sequence[str], wanted: str | None) -> list[str]:
    from config.explain import suggestion

    if wanted is None:
        return list(known)
    if wanted not in known:
        there = f"There are: {', '.join(known)}" if known else "The settings have no schedules"
        msg = f"there is no schedule {wanted!r}.{suggestion(wanted, known)} {there}"
        raise shell.UserError(msg)
    return [wanted]


def _plain(duty: "Duty", name: str, shifts: "Sequence[Shift]") -> dict[str, Any]:
    from alerts.model import rfc3339

    return {
        "zone": duty.zone(name).key,
        "on_duty": list(shifts[0].people),
        "shifts": [
            {"from": rfc3339(shift.start_us), "until": rfc3339(shift.end_us), "people": list(shift.people)}
            for shift in shifts
        ],
    }


def _table(duty: "Duty", shifts: "dict[str, list[Shift]]") -> None:
    from rich.console import Console
    from rich.table import Table

    from alerts.localtime import shown

    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, no_wrap=True)
    for name, found in shifts.items():
        zone = duty.zone(name)
        for shift in found:
            people = ", ".join(shift.people) or "NOBODY"
            table.add_row(name, shown(shift.start_us, zone), shown(shift.end_us, zone), people)
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        shell.out(line.rstrip())
