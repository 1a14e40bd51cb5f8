"""``makegood console``: API, console and wall, alone."""

from importlib.metadata import version
from typing import Annotated

import typer

from pipeline.commands import shell


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "console",
        example="makegood console --config makegood.yaml\nmakegood console --config makegood.yaml --listen 127.0.0.1:0",
    )
    def console(
        config: shell.Config,
        *,
        listen: Annotated[
            str | None, typer.Option(metavar="HOST:PORT", help="Serve here, instead of where the settings say.")
        ] = None,
    ) -> None:
        """Serve the console, the wall and the API, until it is stopped. Several may run beside each other.

        On 127.0.0.1 nobody has to log in unless the settings name users; on any other address it does not start without
        a login (see docs/how-to/log-in.md).
        """
        settings = shell.load(config)

        from alerts.opening import open_store
        from config.secret import SecretMissingError
        from dashboards.access.passwords import NoLoginError
        from dashboards.serve import ListenError, serve
        from pipeline.clock import wall_clock_us
        from pipeline.supervise import stop_on_signals

        stop = stop_on_signals()
        with open_store(settings.store) as store:
            try:
                serve(
                    store,
                    settings,
                    stopped=stop.is_set,
                    now_us=wall_clock_us,
                    build=version("makegood"),
                    config=config.resolve(),
                    listen=listen,
                    ready=lambda url: shell.warn(f"the console is on {url}"),
                )
            except (ListenError, NoLoginError, SecretMissingError) as error:
                raise shell.UserError(str(error)) from error
