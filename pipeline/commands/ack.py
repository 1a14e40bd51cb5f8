"""``makegood ack``: take alerts on."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from pipeline.commands import respond, shell

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "ack",
        example="makegood ack 0f3a9c55 --config makegood.yaml\n"
        'makegood ack INC-7 --for 2h --config makegood.yaml --note "waiting for the vendor"',
    )
    def ack(
        config: shell.Config,
        alerts: respond.Alerts,
        *,
        lasts: Annotated[
            str | None,
            typer.Option("--for", metavar="DURATION", help="It counts as unacknowledged again after so long: 30m, 2h."),
        ] = None,
        until: Annotated[
            str | None, typer.Option(metavar="TIME", help="... or at this time, with its offset: 2026-03-02T18:00:00Z.")
        ] = None,
        by: respond.By = None,
        note: respond.Note = "",
        as_json: shell.Json = False,
    ) -> None:
        """Take alerts on: say that you look after them. Their escalations stop.

        It holds until the alert fires anew, or for as long as you say. Of an incident or a notification all alerts that
        fire are meant. Exit status 1 when one of them could not be acknowledged.
        """
        if lasts is not None and until is not None:
            msg = "--for and --until say the same thing in different ways; give one of them"
            raise shell.UserError(msg)
        respond.respond(
            config,
            alerts,
            "acknowledge",
            by=by,
            lasts_us=None if lasts is None else _duration_us(lasts),
            until_us=None if until is None else _time_us(until),
            text=note,
            as_json=as_json,
        )


def _duration_us(text: str) -> int:
    from config.durations import parse_duration_us

    try:
        found = parse_duration_us(text)
    except ValueError as error:
        msg = f"--for: {error}"
        raise shell.UserError(msg) from error
    if found == 0:
        msg = "--for 0: give how long it is to hold, like 30m"
        raise shell.UserError(msg)
    return found


def _time_us(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None:
        msg = f"--until {text}: expected a time with its offset, like 2026-03-02T18:00:00Z or 2026-03-02T18:00:00+01:00"
        raise shell.UserError(msg)
    return (found - _EPOCH) // timedelta(microseconds=1)
