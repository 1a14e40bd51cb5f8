"""Controls where processes share the work: who decides for a detector goes by them, also after a kill and a move."""

import random
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from alerts.control_log import ControlLog
from alerts.shadow_log import ShadowLog
from alerts.store import AlertStore
from config.delivery import StoreSettings
from detectors.control import Control
from pipeline.assembly import load_settings
from pipeline.compose import build_detectors
from pipeline.control.running import own_detectors
from pipeline.events import decode_many
from pipeline.feeds.contract import Share
from pipeline.harness import Harness
from tests.pipeline.listening.test_shared import case_of, id_of
from tests.pipeline.scale.stage import Stage
from tests.support.controls import threshold
from tests.support.events import HOUR_US, START_US
from tests.support.kafka import Broker
from tests.support.recording import LATENESS_US, make_recording
from tests.support.sharing import fill, until

PARTITIONS = 4
CRM, SOCIAL = make_recording(20260302, cases=60)
EAGER = {"p_value": {"fire": "0.04"}, "cool_down": "0s"}
CONTROLS: list[Control] = [
    threshold("sentiment_drop", 1, "shadow", START_US + 20 * HOUR_US, EAGER, number=1),
    threshold("sentiment_drop", 1, "live", START_US + 40 * HOUR_US, EAGER, number=2),
    threshold("sentiment_drop", 2, "shadow", START_US + 41 * HOUR_US, {"alert_budget": "1 per month"}, number=3),
]
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]


@pytest.fixture
def stage(tmp_path: Path, broker: Broker) -> Iterator[Stage]:
    topics = fill(broker, CRM, PARTITIONS, case_of), fill(broker, SOCIAL, PARTITIONS, id_of)
    made = Stage(tmp_path / "stage", broker, *topics, PARTITIONS)
    yield made
    made.close()


def expected(config: Path) -> Harness:
    """Return a harness that was given all events and controls, as far as the time of the furthest behind comes."""
    newest: dict[tuple[str, int], int] = {}
    for feed, events, key_of in (("crm", CRM, case_of), ("social", SOCIAL, id_of)):
        for at_us, raw in events:
            newest[feed, crc32(key_of(raw).encode()) % PARTITIONS] = at_us
    harness = Harness(build_detectors(load_settings(config).settings))
    harness.control(CONTROLS)
    reached_us = min(newest.values()) - LATENESS_US
    harness.feed(decode_many([raw for _, raw in sorted(CRM + SOCIAL)])[0], reached_us)
    return harness


def changes(store: AlertStore) -> list[str]:
    details = [store.get(record.current.fingerprint) for record in store.list_alerts()]
    history = [change for detail in details if detail is not None for change in detail.history]
    return sorted(change.change_id for change in history if change.labels["detector"] == "sentiment_drop")


def test_of_two_processes_one_decides_for_a_detector(stage: Stage) -> None:
    settings = load_settings(stage.config).settings
    built = build_detectors(settings)
    owners = [index for index in range(2) if "sentiment_drop" in own_detectors(settings, built, Share(index, 2))]
    assert len(owners) == 1


def test_killed_and_moved_two_processes_go_by_controls_as_one_does(stage: Stage) -> None:
    harness = expected(stage.config)
    wanted = sorted(one.change_id for one in harness.changes if one.labels["detector"] == "sentiment_drop")
    shadows = [one for one in harness.shadows if one.version == 2]
    assert len(wanted) > 4
    assert shadows
    with stage.server.client() as client:
        store = AlertStore(client, StoreSettings())
        log, shadow_log = ControlLog(store), ShadowLog(store)
        for control in CONTROLS:
            log.append(lambda _, one=control: one)  # type: ignore[misc]

        def reached(least: int, least_shadows: int = 0) -> None:
            def enough() -> bool:
                for flow in stage.flows:
                    flow.check()
                told = len(shadow_log.decisions("sentiment_drop", 2))
                return len(changes(store)) >= least and told >= least_shadows

            until(enough)

        rng = random.Random(5)
        stage.start(2)
        for least in (1, 3):
            reached(least)
            stage.restart(rng.randrange(2))
        for flow in stage.flows:
            flow.kill()
        moved = stage.rescale(1)
        assert moved.returncode == 0, moved.stderr
        flows = stage.start(1)
        flows[0].wait_until_it_holds_its_folder()
        reached(len(wanted), len(shadows))  # the shadow decides last
        flows[0].stop()
        assert changes(store) == wanted
        assert shadow_log.decisions("sentiment_drop", 2) == shadows
        assert sorted(number for _, number in shadow_log.taken()) == [1, 2, 3]
        assert not any(taken.late or taken.problem for taken in shadow_log.taken().values())
