"""``makegood duty``: who is on duty, now or at another time, and who will be."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands import shell, times

if TYPE_CHECKING:
    from alerts.duty import Duty, Shift


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
        names = shell.chosen("schedule", sorted(settings.schedules), schedule)
        files = DutyFiles(settings)
        current = files.current()
        now_us = time.time_ns() // 1_000
        from_us = now_us if at is None else times.time_us("--at", at, now_us)
        shifts = {name: current.changes(name, from_us, from_us + days * DAY_US) for name in names}
        problems = [problem for problem in files.problems if problem.schedule in names]
        if as_json:
            shell.out_json({name: _plain(current, name, found) for name, found in shifts.items()})
        elif not names:
            shell.out("no schedules")
        else:
            rows = [row for name, found in shifts.items() for row in _rows(current, name, found)]
            shell.out_table(("schedule", "from", "until", "on duty"), rows)
        for problem in problems:
            shell.warn(f"{config}: schedules.{problem.schedule}.icalendar: {problem.message}")
        if problems or any(not shift.people for found in shifts.values() for shift in found):
            raise typer.Exit(shell.FOUND_WRONG)


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


def _rows(duty: "Duty", name: str, shifts: "Sequence[Shift]") -> list[tuple[str, str, str, str]]:
    from alerts.localtime import shown

    zone = duty.zone(name)
    return [
        (name, shown(shift.start_us, zone), shown(shift.end_us, zone), ", ".join(shift.people) or "NOBODY")
        for shift in shifts
    ]
