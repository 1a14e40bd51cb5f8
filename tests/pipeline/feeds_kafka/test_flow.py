"""A live flow that reads Avro from Kafka: what ``/healthz`` and ``/metrics`` say of it, in good times and bad."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import REPO
from tests.pipeline.feeds_kafka.test_schemas import written
from tests.support.kafka import Cluster
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port
from tests.support.schema_registry import LocalRegistry

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]
POST = '{"type": "record", "name": "Post", "fields": [{"name": "text", "type": "string"}]}'


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    server = LocalRegistry()
    yield server
    server.stop()


class Flow:
    """``makegood flow`` in a process, and what it says."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self._port = free_port()
        self._log = folder / "log"
        store = {"dir": str(folder / "var")}
        place = folder / "makegood.yaml"  # JSON is YAML
        place.write_text(json.dumps({**config, "store": store, "metrics": {"listen": f"127.0.0.1:{self._port}"}}))
        command = [sys.executable, "-m", "pipeline.cli", "flow", "--config", str(place)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=folder, env={**os.environ, "PYTHONPATH": str(REPO)}
            )

    def get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=PATIENCE_S) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()

    def health(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.get("/healthz"))
        return told

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        give_up_s = time.monotonic() + PATIENCE_S
        told: dict[str, Any] = {}
        while True:
            try:
                told = self.health()
                if holds(told):
                    return told
            except OSError:
                pass  # it is starting
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < give_up_s, f"{told}\n{self._log.read_text()}"
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def headers(number: int) -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_id": f"p{number}",
        "ce_source": "app",
        "ce_type": "social.post",
        "ce_time": f"2026-03-02T09:00:{number % 60:02}Z",
    }


def test_why_partitions_wait_how_far_behind_they_are_and_that_too_many_records_are_bad_is_told(
    cluster: Cluster, registry: LocalRegistry, tmp_path: Path
) -> None:
    topic = cluster.create_topic(partitions=1)
    schema = registry.register("posts", POST)
    text = written(schema, 2) + b"Hi"  # a text of two bytes: its length is a number like any other
    cluster.produce(topic, [(0, text)] * 30, headers=[headers(number) for number in range(30)])
    feed = {
        "type": "kafka",
        "bootstrap": cluster.bootstrap,
        "topics": [topic],
        "value": "avro",
        "schema_registry": {"url": registry.url},
    }
    flow = Flow(tmp_path, {"feeds": {"posts": feed}, "detectors": {"mood": {"type": "sentiment_drop"}}})
    part = f"posts/{topic}/0"
    try:
        told = flow.until(lambda told: "schema registry does not answer" in told.get("unhealthy", {}).get("posts", ""))
        assert told["status"] == "unhealthy"
        assert told["unreachable"] == [part]
        assert told["feeds"][part]["lag"] == 30
        assert 'makegood_feed_healthy{feed="posts"} 0.0' in flow.get("/metrics")
        registry.start()
        read = {"status": "caught_up", "events": 30, "lag": 0}
        told = flow.until(lambda told: told["status"] == "healthy" and read.items() <= told["feeds"][part].items())
        assert told["unhealthy"] == {}
        assert "why" not in told["feeds"][part]
        metrics = flow.get("/metrics")
        assert f'makegood_kafka_consumer_lag_records{{feed="posts",partition="{topic}/0"}} 0.0' in metrics
        assert f'makegood_partition_events_total{{feed="posts",partition="{topic}/0"}} 30.0' in metrics
        cluster.produce(topic, [(0, b"{}")] * 10)
        # They may come one by one: it is unhealthy before it has them all.
        told = flow.until(lambda told: "of the last 40 records" in told["unhealthy"].get("posts", ""))
        assert told["dead_letters"] == 10
        assert told["unhealthy"]["posts"].startswith("25% of the last 40 records are bad")
        assert told["unhealthy"]["posts"].endswith("undecodable (10)")
    finally:
        flow.stop()
    assert flow.process.returncode == 0
