"""``makegood promote``: alerts go by a candidate."""

from typing import Annotated

import typer

from pipeline.commands import controls, shell


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "promote",
        example='makegood promote sentiment_drop --config makegood.yaml --why "a week in the shadow: nothing lost"',
    )
    def promote(
        config: shell.Config,
        detector: controls.Name,
        version: Annotated[
            int | None, typer.Argument(metavar="VERSION", help="Which; default: the one that is in the shadow.")
        ] = None,
        *,
        why: controls.Why,
        by: controls.By = None,
        backtest: controls.Backtest = None,
        as_json: shell.Json = False,
    ) -> None:
        """Have alerts go by a version that is, or was, in the shadow.

        A running flow takes it up within seconds. Alerts that are open stay open, until they end by the new thresholds.
        The version leaves the shadow. `makegood rollback` goes back.
        """
        with controls.desk(config) as desk:
            controls.tell(desk, desk.writer(detector, by, why, backtest).promote(version), "promote", as_json=as_json)
