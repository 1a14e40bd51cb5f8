"""``makegood audit log``, ``verify``, ``head``: who has changed what, and whether the log is as it was written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands import shell

if TYPE_CHECKING:
    from alerts.trail import Trail
    from alerts.trail_model import Kept

_FORMATS = ("table", "json", "csv")
_SHOWN = 100


def register(group: typer.Typer) -> None:
    """Add the commands."""
    _register_log(group)
    _register_verify(group)
    _register_head(group)


def _register_log(group: typer.Typer) -> None:
    @shell.command(
        group,
        "log",
        example="makegood audit log --config makegood.yaml\n"
        "makegood audit log --config makegood.yaml --who anna --action silence. --from -7d\n"
        "makegood audit log --config makegood.yaml --format csv --limit 0 > audit.csv",
    )
    def log(
        config: shell.Config,
        *,
        who: Annotated[str, typer.Option(metavar="NAME", help="Only what this person or token did.")] = "",
        action: Annotated[str, typer.Option(metavar="TEXT", help="Only actions that begin so, like silence.")] = "",
        thing: Annotated[
            str, typer.Option("--object", metavar="TEXT", help="Only things that begin so, like alert:0f3a.")
        ] = "",
        since: Annotated[
            str | None, typer.Option("--from", metavar="TIME", help="Not before: a time, a date, or like -2h.")
        ] = None,
        until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Before this time.")] = None,
        limit: Annotated[int, typer.Option(min=0, metavar="COUNT", help="At most so many; 0: all.")] = _SHOWN,
        form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table, json (lines) or csv.")] = "table",
    ) -> None:
        """Show who has changed what, from where and why; the newest first. Times are in UTC.

        Whatever is changed over the console, the API or the command line is written here.
        """
        from itertools import islice

        from alerts.trail_reading import Wanted, export_csv, export_json
        from pipeline.clock import wall_clock_us
        from pipeline.commands.times import time_us

        if form not in _FORMATS:
            msg = f"--format {form}: expected one of {', '.join(_FORMATS)}"
            raise shell.UserError(msg)
        now_us = wall_clock_us()
        wanted = Wanted(
            who=who,
            action=action,
            object=thing,
            from_us=None if since is None else time_us("--from", since, now_us),
            to_us=None if until is None else time_us("--to", until, now_us),
        )
        with _trail(config) as trail:
            if form == "table":
                found = (kept for kept in trail.newest_first() if wanted.takes(kept))
                _show(list(islice(found, limit or None)))
                return
            lines = export_json(trail, wanted) if form == "json" else export_csv(trail, wanted)
            count = limit + (form == "csv") if limit else None
            for line in islice(lines, count):
                shell.out(line.rstrip("\r\n"))


def _register_verify(group: typer.Typer) -> None:
    @shell.command(
        group,
        "verify",
        example="makegood audit verify --config makegood.yaml\n"
        "makegood audit verify --config makegood.yaml --noted 1204:9f86d081...",
    )
    def verify(
        config: shell.Config,
        *,
        noted: Annotated[
            list[str] | None,
            typer.Option(
                metavar="NUMBER:HASH",
                help="An end that was noted earlier, as `makegood audit head` prints it. Can be given several times.",
            ),
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """Prove that the log of changes is as it was written: nothing changed, taken out, put in or cut off.

        Each entry holds the hash of the one before it. Whoever can write to Redis could still write the whole log anew,
        or cut its end off: that is noticed with an end that was noted elsewhere (--noted). The console logs it every
        day, as `audit_head`. Exit status 1 when something is wrong.
        """
        from alerts.trail_check import verify as check
        from alerts.trail_model import Head

        try:
            heads = [Head.read(text) for text in noted or []]
        except ValueError as error:
            msg = f"--noted: {error}"
            raise shell.UserError(msg) from error
        with _trail(config) as trail:
            found = check(trail, heads)
        if as_json:
            shell.out_json(
                {
                    "well": found.well,
                    "entries": found.entries,
                    "first": found.first,
                    "head": str(found.head),
                    "problems": [{"seq": one.seq, "what": one.what} for one in found.problems],
                }
            )
        else:
            for problem in found.problems:
                shell.out(f"entry {problem.seq} {problem.what}")
            word = "all is as it was written" if found.well else "NOT as it was written"
            shell.out(f"{found.entries} entries: {word}; the end is {found.head}")
        if not found.well:
            raise typer.Exit(shell.FOUND_WRONG)


def _register_head(group: typer.Typer) -> None:
    @shell.command(group, "head", example="makegood audit head --config makegood.yaml")
    def head(config: shell.Config) -> None:
        """Print the end of the log of changes, NUMBER:HASH. Keep it where nobody who can write to Redis can write.

        `makegood audit verify --noted NUMBER:HASH` proves later that nothing up to it was changed or cut off.
        """
        with _trail(config) as trail:
            shell.out(str(trail.head()))


@contextmanager
def _trail(config: Path) -> "Iterator[Trail]":
    from alerts.opening import open_store
    from alerts.trail import Trail

    settings = shell.load(config)
    with open_store(settings.store) as store:
        yield Trail(store)


def _show(found: "list[Kept]") -> None:
    from alerts.model import rfc3339

    if not found:
        shell.out("nothing that fits was changed")
        return
    rows = []
    for kept in found:
        entry = kept.entry
        by = f"{entry.who} ({entry.via})"
        many = f" ({entry.count})" if entry.count != 1 else ""
        rows.append((str(entry.seq), rfc3339(entry.at_us)[:19] + "Z", by, entry.action + many, entry.object, entry.why))
    shell.out_table(("", "at", "who", "did", "to", "why"), rows)
