"""Every query of every dashboard, and every figure, against a real Prometheus that scrapes the demo."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml
from prometheus_client import CollectorRegistry, start_http_server

from alerts.store import AlertStore
from config.metrics.catalogue import BY_EXPOSED_NAME, FOREIGN
from dashboards.grafana.catalogue import BOARDS
from dashboards.grafana.sdk import models
from tests.cli.support import REPO, makegood
from tests.dashboards.grafana.promql import of_variable, without_variables
from tests.support.exposition import console_registry, flow_registry, ingest_registry, notifier_registry
from tests.support.patience import PATIENCE_S, until
from tests.support.ports import free_port
from tests.support.prometheus import Prometheus, need, prometheus, promtool

RULES = REPO / "deploy" / "prometheus" / "makegood.rules.yml"
DEMO_HAS = {"", "canaries"}
"""What panels need that the demo has."""


class Demo(NamedTuple):
    """A demo that runs: its settings, and where its parts are asked."""

    config: Path
    flow: str
    notifier: str
    console: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def goes_on(self) -> bool:
        """Fail with the end of its log when it has ended."""
        assert self.process.poll() is None, self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
        return True

    def targets(self) -> dict[str, list[str]]:
        """Return what Prometheus is to ask."""
        parts = {"flow": self.flow, "notifier": self.notifier, "console": self.console}
        return {f"makegood-{name}": [address] for name, address in parts.items()}

    def expositions(self) -> list[str]:
        """Return what each part exposes now."""
        texts = []
        for (address,) in self.targets().values():
            with urlopen(f"http://{address}/metrics", timeout=PATIENCE_S) as answer:
                texts.append(answer.read().decode())
        return texts


@contextmanager
def demo(folder: Path) -> Iterator[Demo]:
    """Run what ``makegood demo`` runs, with a shorter past and faster, and with audits, canaries and drills."""
    plain = yaml.safe_load((REPO / "config" / "examples" / "demo.yaml").read_text(encoding="utf-8"))
    flow, notifier, console = (f"127.0.0.1:{free_port()}" for _ in range(3))
    plain["feeds"]["demo"] |= {"start": "2026-03-02T00:00:00Z", "history": "2d", "speed": 900, "customers": 2000}
    plain["metrics"] = {"listen": flow, "notifier_listen": notifier}
    plain["console"] = {"listen": console}
    plain["audit"] = {"every": "2s"}
    plain["canary"] = {"channels": {"log": "10s"}}
    plain["profiles"] = None
    config = folder / "makegood.yaml"
    config.write_text(yaml.safe_dump(plain), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "pipeline.cli", "run", "--config", str(config)]
        environment = {**os.environ, "PYTHONPATH": str(REPO)}
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
    running = Demo(config, flow, notifier, console, process, folder / "log")

    def answers() -> bool:
        running.goes_on()
        try:
            return "makegood_events_total" in running.expositions()[0]
        except (URLError, OSError):
            return False

    try:
        until(answers, "the demo")
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


def queries(wanted: Callable[[str], bool]) -> dict[str, str]:
    """Return the queries of panels and variables; ``wanted`` says of what a panel needs whether it is asked."""
    found = {}
    for name, make in BOARDS.items():
        board = make()
        built: Any = board.build()
        for panel in built.panels:
            if (
                isinstance(panel, models.Panel)
                and panel.id_val is not None
                and wanted(board.needs.get(panel.id_val, ""))
            ):
                for target in panel.targets or ():
                    query: Any = target
                    found[f"{name}: {panel.title} {query.ref_id}"] = without_variables(query.expr)
        for variable in built.templating.list_val if wanted("") else ():
            if variable.type_val == models.VariableType.QUERY:
                selector, label = of_variable(variable.query)
                found[f"{name}: ${variable.name}"] = f"count by ({label}) ({selector})"
    return found


def until_all_have_data(server: Prometheus, asked: dict[str, str]) -> None:
    """Wait until each had data once: where a machine is busy, now and then a part is asked in vain."""
    left = dict(asked)

    def none_is_left() -> bool:
        for name in [name for name, expr in left.items() if server.values(expr)]:
            del left[name]
        return not left

    try:
        until(none_is_left)
    except AssertionError:
        pytest.fail(f"no data: {left}")


def one_is_acknowledged(config: Path) -> bool:
    """Acknowledge an alert; return whether one was: the demo goes on, and what is listed may be over by now."""
    listed = makegood("alerts", "--config", config, "--json", "--status", "firing").stdout
    firing = yaml.safe_load(listed.splitlines()[0])
    return any(
        makegood("ack", one["fingerprint"], "--config", config, "--by", "anna").returncode == 0 for one in firing
    )


def test_every_panel_has_data_and_every_figure_is_declared_when_the_demo_is_scraped(tmp_path: Path) -> None:
    need("prometheus")
    (tmp_path / "demo").mkdir()
    with demo(tmp_path / "demo") as running:
        with prometheus(tmp_path / "prometheus", running.targets(), [RULES]) as server:
            fires = 'makegood_alerts_firing{severity="warning"} > 0'
            until(lambda: running.goes_on() and server.values(fires), "an alert")
            until(lambda: running.goes_on() and one_is_acknowledged(running.config), "an alert to acknowledge")
            drilled = makegood("drill", "archive", "--fault", "refused", "--config", running.config)
            assert drilled.returncode in {0, 1}, drilled
            asked = queries(lambda need: need in DEMO_HAS)
            assert len(asked) > 60
            until_all_have_data(server, asked)
            until(lambda: set(server.rules().values()) == {"ok"}, "an evaluation of all rules")
        texts = running.expositions()
    for told in texts:
        promtool("check", "metrics", given=told)
    lines = [line for told in texts for line in told.splitlines()]
    names = {line.partition("{")[0].partition(" ")[0] for line in lines if not line.startswith("#")}
    ours = {name for name in names if not name.startswith(FOREIGN) and not name.endswith("_created")}
    assert ours <= BY_EXPOSED_NAME.keys()


def test_panels_of_what_the_demo_has_not_have_data_where_there_is_all_of_it(store: AlertStore, tmp_path: Path) -> None:
    need("prometheus")
    with ExitStack() as stack:
        registries = (flow_registry(), ingest_registry(), notifier_registry(store), console_registry())
        ports = [stack.enter_context(serving(registry)) for registry in registries]
        server = stack.enter_context(prometheus(tmp_path, {"makegood": [f"127.0.0.1:{port}" for port in ports]}))
        asked = queries(lambda need: need not in DEMO_HAS)
        assert len(asked) > 20
        until_all_have_data(server, asked)


@contextmanager
def serving(registry: CollectorRegistry) -> Iterator[int]:
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_promtool_finds_nothing_wrong_with_what_is_exposed(store: AlertStore) -> None:
    from prometheus_client import generate_latest  # noqa: PLC0415

    for registry in (flow_registry(), ingest_registry(), notifier_registry(store), console_registry()):
        told = generate_latest(registry).decode()
        assert told
        promtool("check", "metrics", given=told)
