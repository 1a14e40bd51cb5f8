"""What the containers of docker-compose.yml run, run here over real servers: commands, settings, probes, ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.scale.keys import home_of
from tests.deploy.test_compose import SERVICES, SETTINGS
from tests.deploy.tools import REPO
from tests.support.kafka import Cluster
from tests.support.own_redis import OwnRedis
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port

TOKEN = "a token for this test"
PARTITIONS = 8
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]


class Process:
    """The process of one container, with what is outside of it put in the place of the other containers."""

    def __init__(self, name: str, folder: Path, config: Path, redis: str) -> None:
        self.name = name
        self.service = SERVICES[name]
        self.port = free_port()
        command = [part.replace("0.0.0.0:8088", f"127.0.0.1:{self.port}") for part in self.service["command"]]
        if name != "ingest":
            command += ["--listen", f"127.0.0.1:{self.port}"]
        said = {key: value for key, value in self.service["environment"].items() if value is not None}
        said |= {"MAKEGOOD_CONFIG": str(config), "MAKEGOOD_REDIS_URL": redis, "MAKEGOOD_INGEST_TOKEN": TOKEN}
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli", *command],
                cwd=folder,
                env={**os.environ, **said, "PYTHONPATH": str(REPO), "MAKEGOOD_LOG_FORMAT": "json"},
                stdout=log,
                stderr=log,
            )

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE_S) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def answers(self, path: str, status: int) -> bool:
        return self.get(path)[0] == status

    def windows(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.get("/healthz")[1])["windows"]
        return told

    def is_healthy(self) -> bool:
        """Ask as the container's healthcheck does."""
        _, program, *arguments = self.service["healthcheck"]["test"]
        assert program == "python"
        asked = [re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{self.port}", argument) for argument in arguments]
        done = subprocess.run([sys.executable, *asked], capture_output=True, timeout=PATIENCE_S, check=False)
        return done.returncode == 0

    def until(self, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert self.process.poll() is None, f"{self.name} has ended: {self.said}"
            assert time.monotonic() < end, f"{self.name}: {what}: {self.said}"
            time.sleep(0.1)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        grace_s = int(self.service["stop_grace_period"].removesuffix("s"))
        return self.process.wait(max(PATIENCE_S, grace_s))

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)


@pytest.fixture
def config(tmp_path: Path, cluster: Cluster) -> Path:
    """The settings of the containers, over our own cluster, topics and folder."""
    text = SETTINGS.read_text(encoding="utf-8")
    mark = uuid.uuid4().hex[:8]
    for topic in ("crm.cases", "social.posts"):
        text = text.replace(topic, cluster.create_topic(f"{topic}.{mark}", partitions=PARTITIONS))
    text = text.replace("kafka:9092", cluster.bootstrap).replace("/var/lib/makegood", str(tmp_path / "state"))
    assert f"partitions: {PARTITIONS}\n" in text
    text = text.replace(f"partitions: {PARTITIONS}\n", f"partitions: {PARTITIONS}\n  panes_topic: panes.{mark}\n")
    path = tmp_path / "makegood.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path / "redis")
    server.start()
    yield server
    server.kill()


def post_case(ingest: Process) -> int:
    """Post a case that was opened two hours ago, and answered by nobody."""
    at = datetime.now(UTC) - timedelta(hours=2)
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "desk",
        "type": "crm.case.opened",
        "time": at.isoformat().replace("+00:00", "Z"),
        "subject": "customer-7",
        "data": {"case_id": "c-1", "priority": "p1"},
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{ingest.port}/ingest/hooks",
        data=json.dumps(event).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/cloudevents+json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:  # noqa: S310 - our own address
        return int(reply.status)


def test_a_case_that_is_posted_reaches_a_person_and_everything_ends_in_order(
    tmp_path: Path, config: Path, redis: OwnRedis
) -> None:
    processes = [Process(name, tmp_path, config, redis.url) for name in ("flow-0", "flow-1", "notifier", "ingest")]
    notifier, ingest = processes[2:]
    try:
        for process in processes:
            process.until(partial(process.answers, "/readyz", 200), "not ready")
            assert process.is_healthy()
            assert process.answers("/metrics", 200)
        judge = processes[home_of("sentiment_drop", PARTITIONS) % 2]
        judge.until(lambda: "sentiment_drop" in judge.windows(), "says nothing of the windows that it judges")
        assert post_case(ingest) == 202
        notifier.until(lambda: "c-1" in notifier.said, "nothing was told")
        assert [process.stop() for process in processes] == [0, 0, 0, 0], [process.said for process in processes]
    finally:
        for process in processes:
            process.kill()
    command = [sys.executable, "-m", "pipeline.cli", "rescale", "--config", str(config), "--to", "3", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=REPO)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["after"] == 3


def test_who_waits_for_a_cluster_that_is_away_lives_is_not_ready_and_ends_when_asked(
    tmp_path: Path, config: Path, redis: OwnRedis
) -> None:
    text = config.read_text(encoding="utf-8")
    nobody = f"127.0.0.1:{free_port()}"
    config.write_text(re.sub(r"127\.0\.0\.1:\d+", nobody, text), encoding="utf-8")
    flow = Process("flow-0", tmp_path, config, redis.url)
    try:
        flow.until(lambda: "panes" in flow.get("/livez")[1], "does not say that it waits")
        assert flow.get("/livez")[0] == 200
        assert flow.is_healthy()
        assert flow.get("/readyz")[0] == 503
        assert flow.stop() == 0, flow.said
    finally:
        flow.kill()
