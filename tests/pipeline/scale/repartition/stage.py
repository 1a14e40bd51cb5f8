"""Topics without keys, intakes that sort them, flow processes, and one process that needs neither."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.forked import Forked
from tests.support.kafka import Cluster
from tests.support.own_redis import OwnRedis
from tests.support.patience import PATIENCE_S
from tests.support.recording import CONFIG, Timed
from tests.support.sharing import SharedFlow

UPSTREAM, SORTED = 3, 4
FEEDS = ("crm", "social")


def scattered(events: Sequence[Timed], rng: random.Random) -> list[list[Timed]]:
    """Spread events over partitions as it comes, some of them twice."""
    parts: list[list[Timed]] = [[] for _ in range(UPSTREAM)]
    for row in events:
        parts[rng.randrange(UPSTREAM)].append(row)
        if rng.random() < 0.03:
            parts[rng.randrange(UPSTREAM)].append(row)
    return parts


def written(cluster: Cluster, parts: Sequence[Sequence[Timed]]) -> str:
    """Write events to the partitions of a new topic; return its name."""
    topic = cluster.create_topic(partitions=len(parts))
    cluster.produce(topic, [(number, raw) for number, part in enumerate(parts) for _, raw in part])
    return topic


def settings(folder: Path, cluster: Cluster, crm: str, social: str, *, scale: bool, idle_after: str = "5000d") -> Path:
    """Write the settings of the recording: for one process that reads the topics, or for intakes and flows."""
    folder.mkdir(parents=True, exist_ok=True)
    text = CONFIG.format(crm="CRM", social="SOCIAL", shards=1, batch_size=50, epoch="100ms")
    sort = ", repartition: true" if scale else ""
    for name, topic in (("CRM", crm), ("SOCIAL", social)):
        kafka = f'type: kafka, bootstrap: "{cluster.bootstrap}", topics: [{topic}]{sort}'
        text = text.replace(f"type: file, path: {name}, format: jsonl", kafka)
    text = text.replace("  lateness: 10m\n", f"  lateness: 10m\n  idle_after: {idle_after}\n")
    text += f"store: {{dir: {folder / 'var'}}}\n"
    text += 'metrics: {listen: "127.0.0.1:0", repartition_listen: "127.0.0.1:0"}\n'
    if scale:
        unique = random.SystemRandom().randrange(10**9)
        text += f'scale: {{bootstrap: "{cluster.bootstrap}", partitions: {SORTED}, '
        text += f"panes_topic: panes-{unique}, events_topic: events-{unique}}}\n"
    path = folder / "makegood.yaml"
    path.write_text(text, encoding="utf-8")
    return path


class Process(SharedFlow):
    """``makegood repartition`` or ``flow`` in a process."""

    def __init__(self, config: Path, url: str, command: str, *arguments: str) -> None:
        environment = {**os.environ, "MAKEGOOD_REDIS_URL": url, "MAKEGOOD_LOG_LEVEL": "warning"}
        self.log = config.parent / f"{command}{''.join(arguments).replace('/', '-')}.log"
        index = arguments[-1].partition("/")[0] if arguments else "alone"
        self._folder = config.parent / "var" / f"{command}-{index}"
        line = [command, "--config", str(config), *arguments]
        self.process = Forked(line, environment=environment, cwd=config.parent, stdout=self.log, stderr=self.log)


class SortingStage:
    """Intakes and flow processes with a store of their own."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.server = OwnRedis(config.parent / "redis")
        self.server.start()
        self.flows: list[SharedFlow] = []
        self.intakes: list[SharedFlow] = []

    def flow(self, *arguments: str) -> Process:
        """Start a flow process."""
        return Process(self.config, self.server.url, "flow", *arguments)

    def intake(self, index: int, of: int) -> Process:
        """Start an intake."""
        return Process(self.config, self.server.url, "repartition", "--share", f"{index}/{of}")

    def start(self, intakes: int, flows: int) -> None:
        """Start all."""
        self.intakes = [self.intake(index, intakes) for index in range(intakes)]
        self.flows = [self.flow("--share", f"{index}/{flows}") for index in range(flows)]

    def restart(self, kind: str, index: int) -> None:
        """Kill a process, and start it again."""
        running = self.intakes if kind == "intake" else self.flows
        running[index].kill()
        share = f"{index}/{len(running)}"
        running[index] = self.flow("--share", share) if kind == "flow" else self.intake(index, len(running))

    def kill_intakes(self) -> None:
        """Kill all intakes."""
        for intake in self.intakes:
            intake.kill()
        self.intakes = []

    def replace_intakes(self, of: int) -> None:
        """Kill all intakes, and start others."""
        self.kill_intakes()
        self.intakes = [self.intake(index, of) for index in range(of)]

    def rescale(self, to: int) -> None:
        """Kill all flow processes, give their state to others, and start those."""
        for flow in self.flows:
            flow.wait_until_it_holds_its_folder()
            flow.kill()
        line = [sys.executable, "-m", "pipeline.cli", "rescale", "--config", str(self.config), "--to", str(to)]
        subprocess.run(line, check=True, timeout=PATIENCE_S, capture_output=True)
        self.flows = [self.flow("--share", f"{index}/{to}") for index in range(to)]

    @property
    def all(self) -> list[SharedFlow]:
        """All processes."""
        return [*self.intakes, *self.flows]

    def close(self) -> None:
        """Kill everything."""
        for process in self.all:
            if process.process.poll() is None:
                process.process.send_signal(signal.SIGKILL)
            process.process.wait(PATIENCE_S)
        self.server.kill()
