"""The harness gives the answers of the cases however their events are cut, spread and interrupted."""

import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from config.loader import load
from config.yamlfile import Document
from detectors.contract import AlertChange, Detector, Progress
from detectors.events import Event
from pipeline.assembly import build_detectors, settings_model
from pipeline.cases.expand import arrivals
from pipeline.cases.model import CaseFile
from pipeline.cases.run import case_file_model
from pipeline.harness import Harness, TimeRunsBackwardsError, change_order

CASES = Path(__file__).resolve().parents[1] / "cases"
FILES = sorted(CASES.glob("*.yaml"))
Feed = Callable[[Harness, Sequence[Event]], Harness]


def detectors_of(file: CaseFile) -> dict[str, Detector]:
    settings = settings_model().model_construct(calendars=file.calendars, detectors=file.detectors)
    return build_detectors(settings, Document("cases", None, {}))


def on_time(path: Path) -> tuple[dict[str, Detector], list[Event]]:
    """Return the detectors of a case file, and all events of its cases that are on time."""
    file = load(path, case_file_model()).settings
    events: list[Event] = []
    for number, case in enumerate(file.cases):
        for arrival in arrivals(case, file):
            if arrival.arrival_us == arrival.event.time_us:
                event = arrival.event
                event.source = f"case-{number}"
                events.append(event)
    return detectors_of(file), sorted(events, key=lambda event: event.time_us)


def at_once(harness: Harness, events: Sequence[Event]) -> Harness:
    harness.feed(events)
    harness.finish(max(event.time_us for event in events))
    return harness


def one_by_one(harness: Harness, events: Sequence[Event]) -> Harness:
    for event in events:
        harness.feed([event], event.time_us)
    harness.finish(events[-1].time_us)
    return harness


def answers(path: Path, feed: Feed, shards: int = 1) -> list[AlertChange]:
    detectors, events = on_time(path)
    return feed(Harness(detectors, shards=shards), events).changes


@cache
def answers_one_by_one(path: Path) -> list[AlertChange]:
    return answers(path, one_by_one)


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_the_cases_alert(path: Path) -> None:
    assert answers_one_by_one(path)


def test_answers_do_not_depend_on_batches(path: Path) -> None:
    assert answers(path, at_once) == answers_one_by_one(path)


@pytest.mark.parametrize("shards", [2, 7])
def test_answers_do_not_depend_on_shards(path: Path, shards: int) -> None:
    assert answers(path, one_by_one, shards) == answers_one_by_one(path)


def test_answers_do_not_depend_on_the_order_before_the_watermark(path: Path) -> None:
    def shuffled(harness: Harness, events: Sequence[Event]) -> Harness:
        return at_once(harness, random.Random(5).sample(list(events), len(events)))

    assert answers(path, shuffled) == answers_one_by_one(path)


def test_answers_do_not_depend_on_a_restart_in_between(path: Path) -> None:
    detectors, events = on_time(path)
    first, second = Harness(detectors, shards=2), Harness(detectors, shards=2)
    cut = len(events) // 2
    for event in events[:cut]:
        first.feed([event], event.time_us)
    second.restore(first.snapshot())
    second.advance(first.progress.watermark_us)
    one_by_one(second, events[cut:])
    assert sorted([*first.changes, *second.changes], key=change_order) == answers_one_by_one(path)


def test_changes_come_in_the_order_of_a_replay(path: Path) -> None:
    changes = answers_one_by_one(path)
    assert changes == sorted(changes, key=change_order)


def test_time_does_not_run_backwards() -> None:
    harness = Harness([])
    harness.advance(10, 20)
    assert harness.progress == Progress(10, 20)
    with pytest.raises(TimeRunsBackwardsError):
        harness.advance(9)
    with pytest.raises(TimeRunsBackwardsError):
        harness.advance(10, 19)
    with pytest.raises(TimeRunsBackwardsError):
        harness.advance(30, 20)


def test_the_clock_of_a_replay_is_its_watermark() -> None:
    harness = Harness([])
    harness.finish(10)
    assert harness.progress == Progress(11, 11)
