"""``makegood replay``: a recording at full speed, into a file of alert changes."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import shell
from pipeline.commands.progress import progress


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "replay",
        example="makegood replay --config olist.yaml --feed orders=orders.csv --out alerts.jsonl --json",
    )
    def replay(
        config: shell.Config,
        *,
        target: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where alert changes go, as JSON Lines.")],
        feed: Annotated[
            list[str] | None,
            typer.Option(metavar="NAME=PATH", help="Read this feed from a file or folder. Can be given several times."),
        ] = None,
        findings: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Also write every scored window, as JSON Lines.")
        ] = None,
        controls: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="What was changed while the flow ran: see `makegood history --export`."),
        ] = None,
        shadows: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="Also write what versions in the shadow decided, as JSON Lines."),
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """Replay a recording: the same alerts, with the same ids and times, as a live run would give.

        Writes one JSON object per alert change, ordered by event time. With --json the last line of stdout is a
        summary. The recording ends at its last event's time: deadlines after that have not passed. A replay that was
        killed goes on where it was when the same command is given again.
        """
        paths = feed_paths(feed or [])
        loaded = shell.load(config)

        from pipeline.control.steering import read_controls
        from pipeline.memory import tune_memory
        from pipeline.replay import replay as run
        from pipeline.replay import with_feed_paths

        settings = with_feed_paths(loaded, paths)
        steered = [] if controls is None else read_controls(controls)
        tune_memory()
        with progress() as watch:
            summary = run(settings, target, findings=findings, controls=steered, shadows=shadows, watch=watch)
        if as_json:
            shell.out_json(summary)
        else:
            fired = sum(summary.alerts.values())
            told = ", ".join(f"{count} {detector}" for detector, count in summary.alerts.items())
            shell.out(
                f"{summary.events} events in {summary.seconds} s, {fired} alerts" + (f" ({told})" if told else "")
            )
            for reason, count in summary.dead_letters_by_reason.items():
                shell.out(f"{count} dead letter{'' if count == 1 else 's'}: {reason}")
            if summary.dead_letters_by_reason:
                shell.out(f"see them: makegood deadletters list --file {target}.deadletters.db")


def feed_paths(options: list[str]) -> dict[str, Path]:
    """Return what `--feed NAME=PATH` options name.

    Raises:
        UserError: for an option that names nothing, a path that is not there, or a name twice.
    """
    paths: dict[str, Path] = {}
    for option in options:
        name, separator, path = option.partition("=")
        if not (name and separator and path):
            msg = f"--feed {option}: expected NAME=PATH, the name of a feed of the settings and a file or folder"
            raise shell.UserError(msg)
        if name in paths:
            msg = f"--feed {name}=... is given twice; give it once"
            raise shell.UserError(msg)
        if not Path(path).exists():
            msg = f"--feed {option}: there is no {path}; give a file or folder that exists"
            raise shell.UserError(msg)
        paths[name] = Path(path)
    return paths
