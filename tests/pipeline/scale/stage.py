"""Topics, a store, and the flow processes over them."""

import random
import subprocess
import sys
from pathlib import Path

from tests.support.kafka import Cluster
from tests.support.own_redis import OwnRedis
from tests.support.patience import PATIENCE_S
from tests.support.sharing import SharedFlow, shared_config


class Stage:
    """A settings file over two topics, with a topic of panes and a store of its own."""

    def __init__(
        self, folder: Path, cluster: Cluster, crm: str, social: str, partitions: int = 4, program: str = "pipeline.cli"
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        panes = f"panes-{folder.name}-{random.SystemRandom().randrange(10**9)}"
        self.config = shared_config(folder, cluster, crm, social, panes, partitions)
        self.server = OwnRedis(folder / "redis")
        self.server.start()
        self.flows: list[SharedFlow] = []
        self._program = program

    def start(self, of: int) -> list[SharedFlow]:
        """Start all flow processes."""
        self.flows = [SharedFlow(self.config, self.server.url, index, of, self._program) for index in range(of)]
        return self.flows

    def restart(self, index: int) -> None:
        """Kill one, and start it again."""
        self.flows[index].kill()
        self.flows[index] = SharedFlow(self.config, self.server.url, index, len(self.flows), self._program)

    def rescale(self, to: int, *more: str) -> "subprocess.CompletedProcess[str]":
        """Run ``makegood rescale``."""
        command = [sys.executable, "-m", "pipeline.cli", "rescale", "--config", str(self.config), "--to", str(to)]
        return subprocess.run([*command, *more], capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def close(self) -> None:
        """Kill everything."""
        for flow in self.flows:
            flow.kill()
        self.server.kill()
