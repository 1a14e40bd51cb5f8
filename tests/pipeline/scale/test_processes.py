"""Flow processes that share the work: killed, rescaled, their broker restarted; all of it real."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.pipeline.scale.stage import Stage
from tests.support.kafka import Broker, Cluster
from tests.support.patience import PATIENCE_S
from tests.support.recording import make_recording
from tests.support.sharing import (
    Changes,
    Judged,
    SharedFlow,
    fill,
    judged,
    parted,
    settle,
    stored,
    until_judged,
    until_stored,
)
from tests.support.undisturbed import Partitions, undisturbed

PARTITIONS = 4
CRM, SOCIAL = make_recording(20260302)
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]


class Topics(NamedTuple):
    crm: str
    social: str


class Outcome(NamedTuple):
    """What was stored, and what was found in every window: sums that are wrong need not change an alert."""

    changes: Changes
    windows: Judged


def ended(stage: Stage, changes: int, windows: int) -> Outcome:
    """Return what the stage has made of everything, once there is so much of it and its processes have stopped."""
    settle(stage.server, stage.flows, changes)
    until_judged(stage.config, stage.flows, windows)
    for flow in stage.flows:
        flow.stop()
    return Outcome(stored(stage.server), judged(stage.config))


def case_of(raw: bytes) -> str:
    return str(json.loads(raw)["data"]["case_id"])


def id_of(raw: bytes) -> str:
    return str(json.loads(raw)["id"])


def tasks() -> list[Partitions]:
    """Return the partitions of each task, as :func:`filled` fills them."""
    return list(zip(parted(CRM, PARTITIONS, case_of), parted(SOCIAL, PARTITIONS, id_of), strict=True))


def filled(cluster: Cluster) -> Topics:
    return Topics(fill(cluster, CRM, PARTITIONS, case_of), fill(cluster, SOCIAL, PARTITIONS, id_of))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """What two processes store when nothing goes wrong."""
    from tests.support.kafka import BrokerUnavailable, shared_broker  # noqa: PLC0415

    try:
        broker = shared_broker().ensure_running()
    except BrokerUnavailable as why:
        pytest.skip(str(why))
    stage = Stage(tmp_path_factory.mktemp("quiet"), broker, *filled(broker), PARTITIONS)
    try:
        wanted = undisturbed(stage.config, tasks())
        stage.start(2)
        found = ended(stage, len(wanted.changes), len(wanted.findings))
        assert found.changes == wanted.counted
        assert len(found.windows) == len(wanted.findings)
        yield found
    finally:
        stage.close()


@pytest.fixture
def stage(tmp_path: Path, broker: Broker) -> Iterator[Stage]:
    made = Stage(tmp_path / "stage", broker, *filled(broker), PARTITIONS)
    yield made
    made.close()


def test_two_processes_store_everything_once(expected: Outcome) -> None:
    assert len(expected.changes) > 400
    assert set(expected.changes.values()) == {1}
    assert len(expected.windows) > 500


def test_processes_that_are_killed_again_and_again_lose_and_double_nothing(stage: Stage, expected: Outcome) -> None:
    rng = random.Random(5)
    flows = stage.start(2)
    for kill in range(1, 7):
        until_stored(stage.server, stage.flows, min(kill * 50, expected.changes.total()))
        stage.restart(rng.randrange(len(flows)))
    assert ended(stage, expected.changes.total(), len(expected.windows)) == expected


def test_rescaled_from_two_to_three_to_one_between_kills_lose_and_double_nothing(
    stage: Stage, expected: Outcome
) -> None:
    for goal, of, to in ((80, 2, 3), (220, 3, 1)):
        flows = stage.start(of)
        for flow in flows:
            flow.wait_until_it_holds_its_folder()
        until_stored(stage.server, flows, goal)
        running = stage.rescale(to)
        assert (running.returncode, "in use" in running.stderr) == (1, True), running.stderr
        for flow in flows:
            flow.kill()
        moved = stage.rescale(to, "--json")
        assert moved.returncode == 0, moved.stderr
        assert json.loads(moved.stdout)["before"] == of
    stage.start(1)
    assert ended(stage, expected.changes.total(), len(expected.windows)) == expected


def test_a_folder_of_another_share_is_refused_and_says_what_to_do(stage: Stage) -> None:
    flows = stage.start(2)
    until_stored(stage.server, flows, 10)
    for flow in flows:
        flow.wait_until_it_holds_its_folder()
        flow.stop()
    wrong = SharedFlow(stage.config, stage.server.url, 0, 3)
    assert wrong.process.wait(PATIENCE_S) == 2
    assert "makegood rescale --to 3" in wrong.log.read_text()


def test_a_process_whose_folder_is_gone_begins_anew_and_nothing_is_doubled(stage: Stage, expected: Outcome) -> None:
    flows = stage.start(2)
    until_stored(stage.server, flows, 100)
    for flow in flows:
        flow.wait_until_it_holds_its_folder()
        flow.kill()
    gone = stage.config.parent / "var" / "flow-1"
    gone.rename(gone.with_name("lost"))
    refused = stage.rescale(1)
    assert (refused.returncode, "--lost" in refused.stderr) == (2, True), refused.stderr
    moved = stage.rescale(1, "--lost", "1")
    assert moved.returncode == 0, moved.stderr
    stage.start(1)
    assert ended(stage, expected.changes.total(), len(expected.windows)) == expected


@pytest.mark.slow
def test_a_broker_that_is_killed_three_times_loses_and_doubles_nothing(
    stage: Stage, broker: Broker, expected: Outcome
) -> None:
    flows = stage.start(2)
    for goal in (60, 160, 260):
        until_stored(stage.server, flows, min(goal, expected.changes.total()))
        broker.kill()
        broker.start()
    assert ended(stage, expected.changes.total(), len(expected.windows)) == expected
