"""``makegood rollback``: alerts go by an earlier version again."""

from typing import Annotated

import typer

from pipeline.commands import controls, shell


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "rollback",
        example='makegood rollback sentiment_drop --config makegood.yaml --why "missed the outage of Tuesday"',
    )
    def rollback(
        config: shell.Config,
        detector: controls.Name,
        *,
        why: controls.Why,
        to: Annotated[
            int | None,
            typer.Option(
                metavar="VERSION", help="Which; default: the one that was live before. 0 is the settings file."
            ),
        ] = None,
        by: controls.By = None,
        as_json: shell.Json = False,
    ) -> None:
        """Have alerts go by an earlier version again: the one before, or any other.

        A running flow takes it up within seconds. Alerts that are open stay open, until they end by the thresholds that
        hold then.
        """
        with controls.desk(config) as desk:
            controls.tell(desk, desk.writer(detector, by, why).rollback(to), "rollback", as_json=as_json)
