"""``makegood tune``: which level, confirmation and duration suit a detector, found on a recording."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    duration,
    known_from,
)
from pipeline.commands.progress import progress

_WEEK_US = 7 * 86_400_000_000


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "tune",
        example="makegood tune sentiment_drop --config makegood.yaml --feed social=posts.jsonl --labels incidents.yaml "
        '--budget "2 per week" --out tuning',
    )
    def tune(
        detector: Annotated[str, typer.Argument(metavar="DETECTOR", help="Name of a window detector in the settings.")],
        config: shell.Config,
        *,
        feed: Feeds = None,
        controls: Controls = None,
        labels: LabelsFile = None,
        budget: Annotated[
            str | None, typer.Option(metavar="TEXT", help='How many false alarms you accept, like "2 per week".')
        ] = None,
        confirm: Annotated[
            list[str] | None,
            typer.Option(metavar="TEXT", help='Try this, like "2 of 3". Can be given several times.'),
        ] = None,
        min_duration: Annotated[
            list[str] | None,
            typer.Option(metavar="DURATION", help="Try this, like 30m. Can be given several times."),
        ] = None,
        since: From = None,
        until: To = None,
        warm_up: WarmUp = None,
        grace: Grace = "1h",
        exact: Annotated[
            bool, typer.Option("--exact", help="Run the proposed setting, instead of only deciding again.")
        ] = False,
        target: Annotated[
            Path | None, typer.Option("--out", metavar="DIR", help="Write tune.json, backtest.json and plots here.")
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """Find a setting for a window detector on a recording: score it once, decide about it by many settings.

        With --labels, proposes the setting with the best F-score among those that raise no more false alarms than
        --budget. Without labels it proposes the budget itself. Prints the settings with what they did, the command that
        lets the proposed one decide in the shadow, and the lines for the settings file. Nothing is changed.
        """
        asked = asked_for(since, until, warm_up)
        source = candidate(config, feed, controls)
        known = known_from(labels, grace)
        durations_us = [duration("--min-duration", text) for text in min_duration or []]
        per_week = None if budget is None else _per_week(budget)

        from pipeline.backtest import tuning_out
        from pipeline.backtest.change import shadow_command, snippet
        from pipeline.backtest.sweep import current, to_try
        from pipeline.backtest.tuned import Tuned, lines, row
        from pipeline.backtest.tuning import Bench, pick

        bench = Bench(source, detector, known)
        settings = list(to_try(bench.settings, per_week, confirmations=confirm or (), min_durations_us=durations_us))
        bench.score(asked, progress)
        now = bench.tried(current(bench.settings), bench.alerts)
        with _deciding(len(settings)) as step:
            tried = bench.sweep(settings, step)
        chosen = pick(tried, now, per_week)
        result, alerts = None, bench.alerts
        if chosen is not None and chosen.setting.changes:
            result, alerts = bench.backtest(chosen.setting, progress if exact else None)
            proposed = bench.tried(chosen.setting, alerts)
            tried = [proposed if one is chosen else one for one in tried]
            chosen = proposed
        changes = {} if chosen is None else chosen.setting.changes
        carried = None if target is None or result is None else str(target / tuning_out.BACKTEST)
        told = Tuned(
            detector=detector,
            exact=exact,
            agrees=bench.agrees(),
            span_from=bench.span_from,
            span_to=bench.span_to,
            budget_per_week=per_week,
            windows=len(bench.recorded),
            now=row(now),
            tried=[row(one) for one in tried],
            chosen=None if chosen is None else row(chosen),
            keeps_budget=None if chosen is None or per_week is None else chosen.per_week <= per_week,
            gained=None if result is None or result.difference is None else result.difference.gained_count,
            lost=None if result is None or result.difference is None else result.difference.lost_count,
            backtest=None if result is None else result.id,
            yaml="\n".join(snippet(detector, changes)) if changes else "",
            command=shadow_command(detector, changes, str(config), carried) if changes else "",
        )
        if target is not None:
            tuning_out.write(target, told, result, bench=bench, now=now, tried=tried, chosen=chosen, alerts=alerts)
            if not tuning_out.can_plot():
                sys.stderr.write("makegood: no plots: matplotlib is not installed; pip install 'makegood[plots]'\n")
        if as_json:
            shell.out_json(told)
        else:
            for line in lines(told):
                shell.out(line)
            if target is not None:
                shell.out(f"\nwritten: {target}")


def _per_week(text: str) -> float:
    """Return how many a week a budget is.

    Raises:
        UserError: when it is none.
    """
    from pydantic import TypeAdapter, ValidationError

    from detectors.deciding import AlertBudget, Budget

    try:
        budget: AlertBudget = TypeAdapter(Budget).validate_python(text)
    except ValidationError as error:
        told = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
        msg = f"--budget: {told}"
        raise shell.UserError(msg) from None
    return budget.per(_WEEK_US)


@contextmanager
def _deciding(count: int) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many settings have been tried."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    from rich.console import Console

    with Console(stderr=True).status("deciding") as status:
        yield lambda done: status.update(f"deciding by setting {done} of {count}")
