"""Listeners in processes that share the work: what shards of one process conclude, another one counts."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from alerts.store import AlertStore
from config.delivery import StoreSettings
from pipeline.assembly import load_settings
from pipeline.events import decode_many
from pipeline.harness import Harness
from tests.pipeline.scale.stage import Stage
from tests.support.kafka import Broker
from tests.support.listening import LISTENER, in_queues, with_listener, without_others
from tests.support.own_redis import OwnRedis
from tests.support.recording import LATENESS_US, Timed, make_recording
from tests.support.sharing import fill, until

PARTITIONS = 4
_CRM, SOCIAL = make_recording(20260302, cases=150, hours=96, posts_per_hour=30)
CRM = in_queues(_CRM)
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]


def case_of(raw: bytes) -> str:
    return str(json.loads(raw)["data"]["case_id"])


def id_of(raw: bytes) -> str:
    return str(json.loads(raw)["id"])


def reached_us() -> int:
    """Return how far the time of the task that is furthest behind comes."""
    newest: dict[tuple[str, int], int] = {}
    for feed, events, key_of in (("crm", CRM, case_of), ("social", SOCIAL, id_of)):
        for at_us, raw in events:
            newest[feed, crc32(key_of(raw).encode()) % PARTITIONS] = at_us
    return min(newest.values()) - LATENESS_US


def expected(config: Path) -> list[str]:
    """Return the ids of the listener's changes when all events come in time, as one process without the engine has."""
    harness = Harness(with_listener(load_settings(config).settings))
    timed: list[Timed] = sorted(CRM)
    harness.feed(decode_many([raw for _, raw in timed])[0], reached_us())
    found = [change for change in harness.changes if change.labels["detector"] == LISTENER.name]
    assert len(found) > 60
    return sorted(change.change_id for change in found)


def stored(server: OwnRedis) -> list[str]:
    """Return the ids of the listener's changes in the store's history, each as often as it stands there."""
    with server.client() as client:
        store = AlertStore(client, StoreSettings())
        details = [store.get(record.current.fingerprint) for record in store.list_alerts()]
    history = [change for detail in details if detail is not None for change in detail.history]
    return sorted(change.change_id for change in history if change.labels["detector"] == LISTENER.name)


@pytest.fixture
def stage(tmp_path: Path, broker: Broker) -> Iterator[Stage]:
    topics = fill(broker, CRM, PARTITIONS, case_of), fill(broker, SOCIAL, PARTITIONS, id_of)
    made = Stage(tmp_path / "stage", broker, *topics, PARTITIONS, program="tests.support.listening")
    without_others(made.config)
    yield made
    made.close()


def wait_for(stage: Stage, least: int) -> None:
    def enough() -> bool:
        for flow in stage.flows:
            flow.check()
        return len(stored(stage.server)) >= least

    until(enough)


def test_two_processes_count_what_one_does(stage: Stage) -> None:
    wanted = expected(stage.config)
    flows = stage.start(2)
    wait_for(stage, len(wanted))
    for flow in flows:
        flow.stop()
    assert stored(stage.server) == wanted


def test_killed_and_rescaled_they_lose_and_double_nothing(stage: Stage) -> None:
    wanted = expected(stage.config)
    rng = random.Random(5)
    stage.start(2)
    for kill in range(1, 4):
        wait_for(stage, kill * len(wanted) // 10)
        stage.restart(rng.randrange(2))
    wait_for(stage, len(wanted) // 2)
    for flow in stage.flows:
        flow.kill()
    moved = stage.rescale(1)
    assert moved.returncode == 0, moved.stderr
    flows = stage.start(1)
    flows[0].wait_until_it_holds_its_folder()
    wait_for(stage, len(wanted))
    flows[0].stop()
    assert stored(stage.server) == wanted
