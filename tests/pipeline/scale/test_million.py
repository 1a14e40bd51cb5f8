"""A million events through two flow processes, while the broker and the processes are killed: the nightly size."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.pipeline.scale.stage import Stage
from tests.pipeline.scale.test_processes import case_of, id_of
from tests.support.kafka import Broker
from tests.support.recording import make_recording
from tests.support.sharing import Changes, fill, parted, settle, stored, until_stored
from tests.support.undisturbed import Partitions, undisturbed

PARTITIONS = 4
BROKER_KILLS, FLOW_KILLS = 3, 10
pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1800)]


class Topics(NamedTuple):
    broker: Broker
    crm: str
    social: str
    tasks: list[Partitions]


@pytest.fixture(scope="module")
def topics() -> Topics:
    from tests.support.kafka import BrokerUnavailable, shared_broker  # noqa: PLC0415

    try:
        broker = shared_broker().ensure_running()
    except BrokerUnavailable as why:
        pytest.skip(str(why))
    crm, social = make_recording(20260302, cases=67_000, posts_per_hour=7_900)
    assert len(crm) + len(social) >= 1_000_000
    return Topics(
        broker,
        fill(broker, crm, PARTITIONS, case_of),
        fill(broker, social, PARTITIONS, id_of),
        list(zip(parted(crm, PARTITIONS, case_of), parted(social, PARTITIONS, id_of), strict=True)),
    )


def stage_of(folder: Path, topics: Topics) -> Stage:
    """Return a stage with promises that few cases break, and batches of the usual size."""
    made = Stage(folder, topics.broker, topics.crm, topics.social)
    text = made.config.read_text(encoding="utf-8")
    text = text.replace("target: 60", "target: 400").replace("{high: 120, normal: 300}", "{high: 2000, normal: 3000}")
    made.config.write_text(text.replace("batch_size: 50", "batch_size: 2000").replace("epoch: 100ms", "epoch: 500ms"))
    return made


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, topics: Topics) -> Iterator[Changes]:
    stage = stage_of(tmp_path_factory.mktemp("quiet"), topics)
    try:
        wanted = undisturbed(stage.config, topics.tasks).counted
        flows = stage.start(2)
        settle(stage.server, flows, wanted.total(), seconds=600)
        for flow in flows:
            flow.stop()
        assert stored(stage.server) == wanted
        yield wanted
    finally:
        stage.close()


def test_a_million_events_under_kills_give_the_changes_of_an_undisturbed_run(
    tmp_path: Path, topics: Topics, expected: Changes
) -> None:
    assert expected.total() > 1_000
    stage = stage_of(tmp_path / "stage", topics)
    broker, rng, nap = topics.broker, random.Random(11), threading.Event()
    try:
        stage.start(2)
        what = ["broker"] * BROKER_KILLS + ["flow"] * FLOW_KILLS
        rng.shuffle(what)
        until_stored(stage.server, stage.flows, 1)
        for victim in what:
            nap.wait(rng.uniform(0.2, 1.5))
            if victim == "broker":
                broker.kill()
                broker.start()
            else:
                stage.restart(rng.randrange(2))
        settle(stage.server, stage.flows, expected.total(), seconds=900)
        found = stored(stage.server)
        assert (found - expected, expected - found) == (Changes(), Changes())
    finally:
        stage.close()
