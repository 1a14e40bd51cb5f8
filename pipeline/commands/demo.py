"""``makegood demo``: a company of simulated customers, an incident, an alert, and a failover."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import shell


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(app, "demo", example="makegood demo\nmakegood demo --write recording --hours 24 --truth truth.json")
    def demo(
        *,
        write: Annotated[
            Path | None, typer.Option(metavar="DIR", help="Write a recording into this folder instead of running live.")
        ] = None,
        hours: Annotated[float, typer.Option(min=0.1, help="With --write: length of the recording.")] = 24.0,
        seed: Annotated[int, typer.Option(help="With --write: another seed is another company.")] = 1,
        truth: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="With --write: where the incidents that happened are written."),
        ] = None,
        seconds: Annotated[float, typer.Option(min=1, help="Live: go on for this long at most.")] = 180.0,
        stay: Annotated[
            bool | None,
            typer.Option(
                "--stay/--no-stay",
                help="Live: go on after that, for looking around in the browser.  [default: on a terminal]",
            ),
        ] = None,
        folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Live: where everything is kept.")] = Path(
            "var/demo"
        ),
    ) -> None:
        """Show Makegood at work on simulated feeds: an incident begins, an alert arrives, its channel fails over.

        The console is served meanwhile, on http://127.0.0.1:8080 where that port is free.
        """
        if write is None:
            from pipeline.demo.show import show

            if folder.exists() and any(folder.iterdir()) and not (folder / "makegood.yaml").exists():
                msg = f"--dir {folder}: it is not empty, and not from a demo; give a folder that may be replaced"
                raise shell.UserError(msg)
            raise typer.Exit(show(folder, seconds=seconds, stay=sys.stdout.isatty() if stay is None else stay))
        from pipeline.demo.recording import write_recording

        told = write_recording(write, hours=hours, seed=seed, truth_file=truth)
        where = truth or write / "truth.json"
        shell.out(f"{write}: {hours:g} hours, {len(told['incidents'])} incidents; truth in {where}")
