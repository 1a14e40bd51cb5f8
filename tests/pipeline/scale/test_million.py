"""A million events through two flow processes, while the broker and the processes are killed: the nightly size."""

import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.scale.stage import Stage
from tests.support.kafka import Broker
from tests.support.recording import make_recording
from tests.support.sharing import Changes, fill, settle, stored, until_stored

PARTITIONS = 4
BROKER_KILLS, FLOW_KILLS = 3, 10
pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> tuple[Broker, str, str]:
    from tests.support.kafka import BrokerUnavailable, shared_broker  # noqa: PLC0415

    try:
        broker = shared_broker().ensure_running()
    except BrokerUnavailable as why:
        pytest.skip(str(why))
    crm, social = make_recording(20260302, cases=67_000, posts_per_hour=7_900)
    assert len(crm) + len(social) >= 1_000_000
    return (
        broker,
        fill(broker, crm, PARTITIONS, lambda raw: str(json.loads(raw)["data"]["case_id"])),
        fill(broker, social, PARTITIONS, lambda raw: str(json.loads(raw)["id"])),
    )


def stage_of(folder: Path, topics: tuple[Broker, str, str]) -> Stage:
    """Return a stage with promises that few cases break, and batches of the usual size."""
    broker, crm, social = topics
    made = Stage(folder, broker, crm, social)
    text = made.config.read_text(encoding="utf-8")
    text = text.replace("target: 60", "target: 400").replace("{high: 120, normal: 300}", "{high: 2000, normal: 3000}")
    made.config.write_text(text.replace("batch_size: 50", "batch_size: 2000").replace("epoch: 100ms", "epoch: 500ms"))
    return made


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, topics: tuple[Broker, str, str]) -> Iterator[Changes]:
    stage = stage_of(tmp_path_factory.mktemp("quiet"), topics)
    try:
        flows = stage.start(2)
        settle(stage.server, flows, seconds=600)
        for flow in flows:
            flow.stop()
        yield stored(stage.server)
    finally:
        stage.close()


def test_a_million_events_under_kills_give_the_changes_of_an_undisturbed_run(
    tmp_path: Path, topics: tuple[Broker, str, str], expected: Changes
) -> None:
    assert expected.total() > 1_000
    stage = stage_of(tmp_path / "stage", topics)
    broker, rng, nap = topics[0], random.Random(11), threading.Event()
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
