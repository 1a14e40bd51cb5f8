"""Several flow processes that share the work: topics, settings, processes, and what the store has in the end."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

from alerts.store import AlertStore
from config.delivery import StoreSettings
from pipeline import recovery
from pipeline.assembly import load_settings
from pipeline.findings.places import findings_paths
from pipeline.findings.query import UnreadableError, opened
from tests.support.forked import Forked
from tests.support.kafka import REPO, Cluster
from tests.support.own_redis import OwnRedis
from tests.support.patience import PATIENCE_S
from tests.support.recording import CONFIG, Timed

Changes = Counter[tuple[str, str, str]]
Judged = dict[tuple[str, tuple[tuple[str, str], ...], int], tuple[int, float | None, float | None, str]]
SCALE = """
scale: {{bootstrap: "{bootstrap}", partitions: {partitions}, panes_topic: {panes}}}
store: {{dir: {store}}}
metrics: {{listen: "127.0.0.1:0"}}
"""


def parted(events: Sequence[Timed], partitions: int, key_of: Callable[[bytes], str]) -> list[list[Timed]]:
    """Spread events over partitions, those of one key in one."""
    parts: list[list[Timed]] = [[] for _ in range(partitions)]
    for row in events:
        parts[crc32(key_of(row[1]).encode()) % partitions].append(row)
    return parts


def fill(cluster: Cluster, events: Sequence[Timed], partitions: int, key_of: Callable[[bytes], str]) -> str:
    """Write events to a new topic, those of one key to one partition; return its name."""
    topic = cluster.create_topic(partitions=partitions)
    parts = parted(events, partitions, key_of)
    cluster.produce(topic, ((number, raw) for number, part in enumerate(parts) for _, raw in part))
    return topic


def shared_config(folder: Path, cluster: Cluster, crm: str, social: str, panes: str, partitions: int) -> Path:
    """Write the settings of the recording, read from topics by processes that share the work."""
    text = CONFIG.format(crm="CRM", social="SOCIAL", shards=1, batch_size=50, epoch="100ms")
    for feed, topic in (("CRM", crm), ("SOCIAL", social)):
        kafka = f'type: kafka, bootstrap: "{cluster.bootstrap}", topics: [{topic}]'
        text = text.replace(f"type: file, path: {feed}, format: jsonl", kafka)
    # Quiet partitions do not follow the clock: what is told is then a function of the recording alone.
    text = text.replace("  lateness: 10m\n", "  lateness: 10m\n  idle_after: 5000d\n")
    text += SCALE.format(bootstrap=cluster.bootstrap, partitions=partitions, panes=panes, store=folder / "var")
    path = folder / "makegood.yaml"
    path.write_text(text, encoding="utf-8")
    return path


class SharedFlow:
    """``makegood flow --share`` in a process."""

    def __init__(self, config: Path, url: str, index: int, of: int, program: str = "pipeline.cli") -> None:
        own = {"MAKEGOOD_REDIS_URL": url, "MAKEGOOD_LOG_LEVEL": "warning", "PYTHONPATH": str(REPO)}
        environment = {**os.environ, **own}
        command = ["flow", "--config", str(config), "--share", f"{index}/{of}"]
        self.log = config.parent / f"flow-{index}.log"
        self._folder = config.parent / "var" / f"flow-{index}"
        self.process = Forked(
            command, environment=environment, cwd=config.parent, stdout=self.log, stderr=self.log, program=program
        )

    def wait_until_it_holds_its_folder(self, seconds: float = PATIENCE_S) -> None:
        """Wait until the folder is its own and holds state: killed before, it has left nothing that could be moved."""
        end = time.monotonic() + seconds
        lock = self._folder / recovery.LOCK
        while not (
            lock.exists() and lock.read_text() == f"{self.process.pid}\n" and recovery.holds_state(self._folder)
        ):
            self.check()
            assert time.monotonic() < end, f"{lock} is not held, or there is no state yet"
            time.sleep(0.05)

    def check(self) -> None:
        """Fail when it has ended by itself."""
        assert self.process.poll() is None, self.log.read_text()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0, self.log.read_text()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)


def stored(server: OwnRedis) -> Changes:
    """Return every change in the store's history, with how often it stands there."""
    with server.client() as client:
        store = AlertStore(client, StoreSettings())
        details = [store.get(record.current.fingerprint) for record in store.list_alerts()]
    history = [change for detail in details if detail is not None for change in detail.history]
    return Counter((change.change_id, change.step, change.status) for change in history)


def judged(config: Path) -> Judged:
    """Return what was found in every window so far, by detector, group and end."""
    settings = load_settings(config).settings
    with opened(findings_paths(settings)) as findings:
        found = [finding for detector in findings.groups() for finding in findings.windows(detector)]
    return {
        (one.detector, tuple(sorted(one.group.items())), one.end_us): (one.count, one.value, one.p_value, one.verdict)
        for one in found
    }


def until_judged(config: Path, flows: Sequence[SharedFlow], total: int) -> None:
    """Wait until so many windows are found: those that tell of nothing come after the last change as well."""

    def enough() -> bool:
        for flow in flows:
            flow.check()
        try:
            return len(judged(config)) >= total
        except UnreadableError:  # a process is about to make its file
            return False

    until(enough)


def settle(server: OwnRedis, flows: Sequence[SharedFlow], total: int, seconds: float = PATIENCE_S) -> None:
    """Wait until as much is stored as is expected, and for some looks nothing more came."""
    end = time.monotonic() + seconds
    seen: list[int] = []
    while True:
        for flow in flows:
            flow.check()
        seen.append(stored(server).total())
        steady = len(seen) > 15 and len(set(seen[-15:])) == 1
        if steady and seen[-1] >= total:
            return
        assert time.monotonic() < end, f"{seen[-1]} changes, expected {total}"
        time.sleep(0.2)


def until_stored(server: OwnRedis, flows: Sequence[SharedFlow], least: int, seconds: float = PATIENCE_S) -> None:
    """Wait until at least so many changes are stored."""
    end = time.monotonic() + seconds
    while stored(server).total() < least:
        for flow in flows:
            flow.check()
        assert time.monotonic() < end, f"{stored(server).total()} changes, waiting for {least}"
        time.sleep(0.05)


def until(holds: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
