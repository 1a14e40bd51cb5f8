"""The command line of Makegood: ``makegood COMMAND``. It stands above everything; nothing imports it."""

from importlib.metadata import version
from typing import Annotated

import typer

from dashboards.commands import console, dashboards, users
from pipeline.commands import (
    ack,
    alerts,
    audit,
    backtest,
    cases,
    channels,
    check,
    deadletters,
    demo,
    drill,
    duty,
    explain,
    history,
    incidents,
    ingest,
    live,
    maintenance,
    preview_message,
    promote,
    repartition,
    replay,
    rescale,
    respond,
    rollback,
    routes,
    schema,
    sentiment,
    shadow,
    shell,
    silence,
    tune,
    verdict,
)
from pipeline.commands import map as mapping

app = typer.Typer(
    name="makegood",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Notices within seconds when a service fails its customers, and makes sure a person hears about it.\n\n"
    "Begin with `makegood demo`; then write a settings file and `makegood check` it. `makegood COMMAND --help` has"
    " examples.\n\n"
    "Exit status: 0 done, 1 found something wrong, 2 unusable input.",
)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        shell.out(version("makegood"))
        raise typer.Exit


@app.callback()
def main(
    *,
    log_level: Annotated[
        str, typer.Option(envvar="MAKEGOOD_LOG_LEVEL", help="debug, info, warning or error.", metavar="LEVEL")
    ] = "info",
    log_format: Annotated[
        str,
        typer.Option(
            envvar="MAKEGOOD_LOG_FORMAT", help="console, json, or auto: console on a terminal.", metavar="FORMAT"
        ),
    ] = "auto",
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version.", callback=lambda value: _show_version(wanted=value), is_eager=True
        ),
    ] = False,
) -> None:
    """Set up what all commands share. Its text is the app's help."""
    shell.set_up(log_level, log_format)


for group in (
    demo,
    live,
    console,
    ingest,
    repartition,
    rescale,
    replay,
    check,
    mapping,
    cases,
    backtest,
    tune,
    shadow,
    promote,
    rollback,
    history,
    alerts,
    routes,
    silence,
    ack,
    respond,
    incidents,
    duty,
    maintenance,
    channels,
    drill,
    audit,
    users,
    dashboards,
    preview_message,
    verdict,
    explain,
    deadletters,
    schema,
    sentiment,
):
    group.register(app)

if __name__ == "__main__":
    app()
