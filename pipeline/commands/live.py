"""``makegood run``, ``flow`` and ``notifier``: the parts that run until they are stopped."""

import os
import socket
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands import shell

if TYPE_CHECKING:
    from pathlib import Path

    from config.settings import Settings
    from pipeline.feeds.contract import Share

Listen = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Serve figures and health here, instead of where the settings say."),
]


ShareOption = Annotated[
    str,
    typer.Option(
        metavar="INDEX/OF",
        envvar="MAKEGOOD_SHARE",
        help="Which of how many flow processes this is, from 0: 0/2 and 1/2 share the work.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @shell.command(app, "run", example="makegood run --config makegood.yaml")
    def run(config: shell.Config) -> None:
        """Run everything on this machine, each part in a process of its own, restarted when it crashes.

        The parts: the flow, the notifier, the console, where a feed has type http what receives its records, and where
        one has `repartition` what sorts its events.

        SIGTERM or Ctrl-C stops in order, with everything saved.
        """
        raise typer.Exit(run_everything(config))

    @shell.command(app, "flow", example="makegood flow --config makegood.yaml")
    def flow(config: shell.Config, *, listen: Listen = None, share: ShareOption = "0/1") -> None:
        """Run the dataflow alone: from feeds to alerts in the store.

        Where the settings have `scale`, several may run beside each other, each with a share of the partitions.
        """
        from pipeline.stopping import Drain, drain_on_signals

        drain = Drain()
        drain_on_signals(drain)
        settings = shell.load(config)
        own = share_of(share)
        _need(settings, "feeds", "detectors")

        from prometheus_client import REGISTRY

        from alerts.opening import open_store
        from alerts.saying import Saying
        from alerts.traces.opening import open_traces
        from pipeline.clock import steady_clock_us, wall_clock_us
        from pipeline.findings.page import PATH, findings_page
        from pipeline.findings.places import findings_paths
        from pipeline.health import FlowHealth
        from pipeline.memory import tune_memory
        from pipeline.metrics import FlowCollector
        from pipeline.run import run_flow, wait_for_room
        from pipeline.screens import FlowReport
        from pipeline.server import StatusServer

        tune_memory()
        health = FlowHealth()
        REGISTRY.register(FlowCollector(health, list(settings.feeds)))

        def report() -> tuple[bool, dict[str, Any]]:
            return health.report(steady_clock_us())

        probes = health.liveness
        listening = StatusServer(
            listen or settings.metrics.listen,
            report,
            live=probes.live,
            ready=probes.ready,
            pages={PATH: findings_page(lambda: findings_paths(settings))},
        )
        with listening:
            if wait_for_room(settings, own, health=health, wait=drain.wait):
                told = FlowReport(health, own, steady_us=steady_clock_us, now_us=wall_clock_us)
                name = f"{own.index}/{own.of}"
                with (
                    open_store(settings.store) as store,
                    Saying(store, "flow", name, told, wall_clock_us),
                    open_traces(settings, "flow") as tracing,
                ):
                    run_flow(settings, store, health=health, drain=drain, share=own, tracing=tracing)

    @shell.command(app, "notifier", example="makegood notifier --config makegood.yaml")
    def notifier(config: shell.Config, *, listen: Listen = None) -> None:
        """Run the notifier alone: from the store to people. Several may run beside each other.

        On one machine each further one needs an address of its own for its figures: --listen 127.0.0.1:0 takes a free
        one.
        """
        settings = shell.load(config)
        _need(settings, "channels", "receivers", "route")
        run_notifier(settings, listen or settings.metrics.notifier_listen)


def run_everything(config: "Path") -> int:
    """Run flow and notifier until they are stopped; return the exit status.

    The store is opened here, so that an embedded Redis outlives the parts that use it.
    """
    settings = shell.load(config)
    _need(settings, "feeds", "detectors", "channels", "receivers", "route")

    from alerts.opening import open_store
    from pipeline.feeds.contract import ALL
    from pipeline.ingest.serve import http_feeds
    from pipeline.run import wait_for_room
    from pipeline.scale.repartition.feeds import repartitioned
    from pipeline.supervise import Part, part_command, stop_on_signals, supervise

    stop = stop_on_signals()
    if not wait_for_room(settings, ALL, health=None, wait=stop.wait):  # an embedded Redis needs it as well
        return 0
    with open_store(settings.store):
        names = ["flow", "notifier", "console"]
        names += ["ingest"] if http_feeds(settings) else []
        names += ["repartition"] if repartitioned(settings) else []
        parts = [
            Part(
                name,
                part_command(name, "--config", str(config)),
                os.environ,
                time.monotonic,
                vital=name != "console",  # alerts go on when a page cannot be shown
            )
            for name in names
        ]
        return supervise(parts, stop)


def run_notifier(settings: "Settings", listen: str) -> None:
    """Run the notifier until it is stopped."""
    from contextlib import AbstractContextManager, nullcontext

    import structlog

    from alerts.connection import StoreUnavailableError
    from alerts.opening import open_store
    from alerts.saying import Saying
    from config.secret import missing_secrets
    from pipeline.clock import wall_clock_us
    from pipeline.ingest.protocol import Connection
    from pipeline.liveness import Liveness
    from pipeline.server import StatusServer
    from pipeline.supervise import stop_on_signals
    from sinks import service
    from sinks.callbacks.app import build_callbacks
    from sinks.callbacks.metrics import CallbackMetrics
    from sinks.callbacks.serve import CallbackServer
    from sinks.metrics import NotifierMetrics

    stop = stop_on_signals()
    # No reason to stay down: the tier fails when it is used, and the next one delivers; but somebody should know now.
    for path, missing in missing_secrets(settings.channels, "channels"):
        structlog.get_logger(__name__).warning("secret.missing", setting=path, reason=missing)
    liveness = Liveness(time.monotonic)
    with open_store(settings.store) as store:
        served: list[CallbackServer] = []
        counted: list[NotifierMetrics] = []

        def beside(metrics: NotifierMetrics) -> AbstractContextManager[object]:
            counted.append(metrics)
            if settings.callbacks is None:
                return nullcontext()
            app = build_callbacks(store, settings, metrics=CallbackMetrics(), receipts=metrics)
            served.append(CallbackServer(app, settings.callbacks.listen, protocol=Connection))
            return served[0]

        def report() -> tuple[bool, dict[str, Any]]:
            listening = {"callbacks": served[0].state} if served else {}
            try:
                return True, {"notifier": "running", "store": "reachable", **listening, **store.counts()}
            except StoreUnavailableError as error:
                return False, {"notifier": "waiting", "store": str(error)}

        name = f"{socket.gethostname()}:{os.getpid()}"

        def told() -> tuple[bool, dict[str, Any]]:
            well, evidence = report()
            return well, {**evidence, "worked_us": dict(counted[0].worked_us) if counted else {}}

        with StatusServer(listen, report, live=liveness.live), Saying(store, "notifier", name, told, wall_clock_us):
            service.run_notifier(store, settings, stop, beat=liveness.beat, beside=beside)


def share_of(text: str) -> "Share":
    """Return the share in ``INDEX/OF``."""
    from pipeline.feeds.contract import Share

    index, _, of = text.partition("/")
    if not (index.isdecimal() and of.isdecimal() and int(index) < int(of)):
        msg = f"--share {text!r}: write INDEX/OF with INDEX below OF, like 0/2 and 1/2 for two processes"
        raise shell.UserError(msg)
    return Share(int(index), int(of))


def _need(settings: "Settings", *sections: str) -> None:
    missing = [section for section in sections if not getattr(settings, section)]
    if missing:
        msg = (
            f"the settings have no {', '.join(missing)}; this command needs them (see docs/reference/configuration.md)"
        )
        raise shell.UserError(msg)
