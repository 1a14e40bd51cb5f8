"""``makegood backtest``: what settings would have done over a recording, and what a change of them would change."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import shell
from pipeline.commands.backtesting import (
    Controls,
    Feeds,
    From,
    Grace,
    LabelsFile,
    To,
    WarmUp,
    asked_for,
    candidate,
    known_from,
    with_options,
)
from pipeline.commands.progress import progress, progress_lines


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "backtest",
        example="makegood backtest --config makegood.yaml --feed social=posts.jsonl --labels incidents.yaml\n"
        "makegood backtest --config makegood.yaml --against quieter.yaml --feed social=posts.jsonl --out backtest\n"
        'makegood backtest --config makegood.yaml --set sentiment_drop.alert_budget="1 per week" '
        "--feed social=posts.jsonl",
    )
    def backtest(
        config: shell.Config,
        *,
        against: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Other settings, B, to hold against those of --config, A.")
        ] = None,
        changes: Annotated[
            list[str] | None,
            typer.Option(
                "--set",
                metavar="DETECTOR.NAME=VALUE",
                help="Instead of --against: B is A with this changed, as `makegood shadow` would. Can be given several "
                "times.",
            ),
        ] = None,
        feed: Feeds = None,
        controls: Controls = None,
        labels: LabelsFile = None,
        since: From = None,
        until: To = None,
        warm_up: WarmUp = None,
        grace: Grace = "1h",
        only: Annotated[
            list[str] | None,
            typer.Option(metavar="DETECTOR", help="Run this detector, and no other. Can be given several times."),
        ] = None,
        lines: Annotated[
            bool,
            typer.Option("--progress-lines", help="Say on stderr how far it is: a JSON object a line, for programs."),
        ] = False,
        target: Annotated[
            Path | None, typer.Option("--out", metavar="DIR", help="Write backtest.json and the alerts here.")
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """Run detectors over a recording and say what they would have done; with labels, how much of it was right.

        The recording goes the way of `makegood replay`; nothing is stored and nobody is told. With --against, the exact
        alerts that other settings would gain, lose, and raise earlier or later.

        Exit status 1 when B finds fewer of the labelled incidents than A: all detectors together, or one of them.
        """
        asked = asked_for(since, until, warm_up)
        a = candidate(config, feed, controls, only)
        if against is not None and changes:
            msg = "--against and --set both say what B is; give one of them"
            raise shell.UserError(msg)
        b = with_options(a, changes) if changes else None if against is None else candidate(against, feed, None, only)
        known = known_from(labels, grace)

        from pipeline.backtest import report, result
        from pipeline.backtest.backtest import backtest as run

        watched = progress_lines(1 if b is None else 2) if lines else progress
        judged = run(a, b, asked=asked, known=known, progress=watched)
        told = judged.result
        if target is not None:
            from pipeline.backtest.files import write_changes

            result.write(target / "backtest.json", told)
            write_changes(target / "alerts.jsonl", judged.a)
            if judged.b is not None:
                write_changes(target / "alerts.against.jsonl", judged.b)
        if as_json:
            shell.out_json(told)
        else:
            for line in report.lines(told):
                shell.out(line)
            if target is not None:
                shell.out(f"\nwritten: {target / 'backtest.json'} (id {told.id[:12]})")
        if told.difference is not None and told.difference.worse:
            raise typer.Exit(shell.FOUND_WRONG)
