"""Intakes and flow processes over topics without keys: what they find is what one process finds that reads them."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.pipeline.scale.repartition.stage import SortingStage, scattered, settings, written
from tests.support.kafka import Broker
from tests.support.recording import make_recording, shuffled
from tests.support.sharing import Changes, settle, stored, until_stored
from tests.support.undisturbed import undisturbed

_RNG = random.Random(3)
CRM, SOCIAL = (scattered(shuffled(rows, _RNG), _RNG) for rows in make_recording(20260302, cases=120, hours=72))
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]


class Topics(NamedTuple):
    broker: Broker
    crm: str
    social: str


@pytest.fixture(scope="module")
def topics() -> Topics:
    from tests.support.kafka import BrokerUnavailable, shared_broker  # noqa: PLC0415

    try:
        broker = shared_broker().ensure_running()
    except BrokerUnavailable as why:
        pytest.skip(str(why))
    return Topics(broker, written(broker, CRM), written(broker, SOCIAL))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, topics: Topics) -> Iterator[Changes]:
    """What one process stores that reads the topics itself."""
    stage = SortingStage(settings(tmp_path_factory.mktemp("direct"), *topics, scale=False))
    try:
        wanted = undisturbed(stage.config, [[*CRM, *SOCIAL]]).counted
        stage.flows = [stage.flow()]
        settle(stage.server, stage.flows, wanted.total())
        stage.flows[0].stop()
        assert stored(stage.server) == wanted
        yield wanted
    finally:
        stage.close()


@pytest.fixture
def stage(tmp_path: Path, topics: Topics) -> Iterator[SortingStage]:
    made = SortingStage(settings(tmp_path / "stage", *topics, scale=True))
    yield made
    made.close()


@pytest.mark.slow
def test_two_intakes_and_two_flows_find_what_one_process_finds(stage: SortingStage, expected: Changes) -> None:
    assert len(expected) > 200
    assert set(expected.values()) == {1}
    stage.start(2, 2)
    settle(stage.server, stage.all, expected.total())
    for process in stage.all:
        process.stop()
    assert stored(stage.server) == expected


def test_intakes_and_flows_that_are_killed_again_and_again_lose_and_double_nothing(
    stage: SortingStage, expected: Changes
) -> None:
    rng = random.Random(7)
    stage.start(2, 2)
    for goal in range(20, 141, 20):
        until_stored(stage.server, stage.all, min(goal, expected.total()))
        stage.restart(rng.choice(["intake", "flow"]), rng.randrange(2))
    settle(stage.server, stage.all, expected.total())
    assert stored(stage.server) == expected


@pytest.mark.slow
def test_another_number_of_intakes_and_one_whose_folder_is_gone_lose_and_double_nothing(
    stage: SortingStage, expected: Changes
) -> None:
    stage.start(2, 2)
    for goal, of in ((30, 3), (90, 1)):
        until_stored(stage.server, stage.all, goal)
        stage.replace_intakes(of)
    until_stored(stage.server, stage.all, 150)
    stage.kill_intakes()
    for folder in (stage.config.parent / "var").glob("repartition-*"):
        folder.rename(folder.with_name(f"lost-{folder.name}"))
    stage.replace_intakes(2)
    settle(stage.server, stage.all, expected.total())
    assert stored(stage.server) == expected


@pytest.mark.slow
def test_a_broker_that_is_killed_loses_and_doubles_nothing(
    stage: SortingStage, topics: Topics, expected: Changes
) -> None:
    stage.start(2, 2)
    for goal in (30, 100):
        until_stored(stage.server, stage.all, goal)
        topics.broker.kill()
        topics.broker.start()
    settle(stage.server, stage.all, expected.total())
    assert stored(stage.server) == expected


@pytest.mark.slow
def test_flows_that_are_rescaled_lose_and_double_nothing(stage: SortingStage, expected: Changes) -> None:
    stage.start(1, 2)
    until_stored(stage.server, stage.all, 60)
    stage.rescale(3)
    settle(stage.server, stage.all, expected.total())
    assert stored(stage.server) == expected
