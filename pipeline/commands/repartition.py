"""``makegood repartition``: sorts the events of topics whose keys are others than the flow needs."""

from typing import Annotated, Any

import typer

from pipeline.commands import shell
from pipeline.commands.live import Listen, share_of


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(app, "repartition", example="makegood repartition --config makegood.yaml --share 0/2")
    def repartition(
        config: shell.Config,
        *,
        listen: Listen = None,
        share: Annotated[
            str,
            typer.Option(
                metavar="INDEX/OF",
                envvar="MAKEGOOD_SHARE",
                help="Which of how many such processes this is, from 0. Their number is free.",
            ),
        ] = "0/1",
    ) -> None:
        """Sort the events of feeds with `repartition: true` by case, for the flow processes that share the work.

        Reads the topics of these feeds, and writes their events to the topics of `scale.events_topic`. Records that are
        no events become dead letters here. SIGTERM or Ctrl-C stops in order, with everything saved.
        """
        from pipeline.stopping import Drain, drain_on_signals

        drain = Drain()
        drain_on_signals(drain)
        settings = shell.load(config)
        own = share_of(share)

        from prometheus_client import REGISTRY

        from pipeline.clock import steady_clock_us
        from pipeline.health import FlowHealth
        from pipeline.memory import tune_memory
        from pipeline.metrics import FlowCollector
        from pipeline.scale.repartition.feeds import repartitioned
        from pipeline.scale.repartition.run import run_intake
        from pipeline.server import StatusServer

        tune_memory()
        health = FlowHealth()
        REGISTRY.register(FlowCollector(health, list(repartitioned(settings))))

        def report() -> tuple[bool, dict[str, Any]]:
            well, told = health.report(steady_clock_us())
            return well, {"repartition": told.pop("flow"), **told}

        probes = health.liveness
        address = listen or settings.metrics.repartition_listen
        with StatusServer(address, report, live=probes.live, ready=probes.ready):
            run_intake(settings, own, health=health, drain=drain)
