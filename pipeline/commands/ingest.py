"""``makegood ingest``: receives records over HTTP."""

import time
from typing import Annotated

import typer

from pipeline.commands import shell

DEFAULT_LISTEN = "127.0.0.1:8088"


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(app, "ingest", example="makegood ingest --config makegood.yaml")
    def ingest(
        config: shell.Config,
        *,
        listen: Annotated[
            str,
            typer.Option(
                metavar="HOST:PORT", envvar="MAKEGOOD_INGEST_LISTEN", help="Receive here; port 0 takes a free one."
            ),
        ] = DEFAULT_LISTEN,
        allow_unsigned: Annotated[
            bool,
            typer.Option(
                "--allow-unsigned",
                envvar="MAKEGOOD_INGEST_ALLOW_UNSIGNED",
                help="Serve feeds with signature none to other machines too.",
            ),
        ] = False,
    ) -> None:
        """Receive webhooks: records that others push to the feeds of type http.

        A request is answered with 202 when its records are on the disk, and not before. /health and /metrics are served
        beside the feeds. SIGTERM or Ctrl-C answers what is under way, then stops.
        """
        settings = shell.load(config)

        from pipeline.ingest.serve import http_feeds, run_ingest
        from pipeline.supervise import stop_on_signals

        if not http_feeds(settings):
            msg = "the settings have no feed of type http; see docs/how-to/receive-webhooks.md"
            raise shell.UserError(msg)
        run_ingest(
            settings, listen, stop_on_signals(), allow_unsigned=allow_unsigned, clock_us=lambda: time.time_ns() // 1000
        )
