"""Controls that come while the engine runs, for detectors over feeds and for those that listen to conclusions."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from detectors.contract import ControlTaken, Finding, ShadowDecision
from detectors.control import Control, Mode
from pipeline import compose, recovery
from pipeline.assembly import load_settings
from pipeline.control.steering import Steering, steerable
from pipeline.engine.execute import execute
from pipeline.engine.logic import PrepareLogic
from pipeline.engine.sinks import CallSink
from pipeline.feeds.contract import FeedContext
from pipeline.flow import Note, build_flow
from pipeline.lane import Lane, Pace
from pipeline.replay import replay
from pipeline.routing import ProcessRouter
from pipeline.stopping import Drain
from pipeline.tallies import Tallies
from tests.support.controls import threshold
from tests.support.events import HOUR_US, START_US
from tests.support.recording import make_recording, write_config, write_lines

CRM, SOCIAL = make_recording(20260302, cases=120)
EAGER = {"p_value": {"fire": "0.04"}, "cool_down": "0s"}
NAMES = ("sentiment_drop", "breaches")
RATE = """
  breaches: {type: sla_breach_rate, group_by: [service], window: 12h, hop: 6h, min_count: 4}
flow:"""


def config_of(folder: Path) -> Path:
    crm, social = write_lines(folder / "crm.jsonl", CRM), write_lines(folder / "social.jsonl", SOCIAL)
    path = write_config(folder, crm, social, batch_size=50)
    path.write_text(path.read_text(encoding="utf-8").replace("\nflow:", RATE))
    return path


def script() -> list[Control]:
    modes: list[tuple[Mode, int]] = [("shadow", 20), ("live", 50)]
    rows = [(name, mode, START_US + hours * HOUR_US) for mode, hours in modes for name in NAMES]
    return [threshold(name, 1, mode, at_us, EAGER, number=number) for number, (name, mode, at_us) in enumerate(rows, 1)]


Told = TypeVar("Told", Finding, ShadowDecision)


def decoded(path: Path, kind: type[Told]) -> list[Told]:
    return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().splitlines()]


def ordered(told: Sequence[Told]) -> list[Told]:
    return sorted(told, key=lambda one: (one.detector, one.end_us, sorted(one.group.items())))


def test_controls_that_the_lane_brings_hold_as_if_they_had_been_known_from_the_beginning(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    settings = load_settings(config).settings
    built, pace, tallies = compose.build_detectors(settings), Pace(), Tallies()
    waiting = script()
    looks = 0

    def controls() -> list[Control]:
        """Give one control after each few batches, all of them before their time has come."""
        nonlocal looks
        looks += 1
        return [waiting.pop(0)] if waiting and looks % 3 == 0 else []

    steering = Steering(steerable(built), more=True)
    prepare = compose.build_prepare(
        settings,
        router=ProcessRouter(built, settings.flow.shards),
        enricher=compose.build_enricher(settings),
        tallies=tallies,
        pace=pace,
        dedup_folder=tmp_path / recovery.SEEN,
    )

    def build_lane() -> Lane:
        feeds = compose.build_feeds(settings, FeedContext(recording=True))
        return Lane(feeds, batch_size=50, clock_us=None, tick_us=0, pace=pace, controls=controls)

    findings: list[Finding] = []
    notes: list[Note] = []
    flow = build_flow(
        build_lane=build_lane,
        drain=Drain(),
        prepare=partial(PrepareLogic, prepare),
        detectors=built,
        shards=settings.flow.shards,
        cases_folder=tmp_path / recovery.CASES,
        alert_sink=CallSink(lambda _: None),
        dead_letter_sink=CallSink(lambda _: None),
        finding_sink=CallSink(findings.extend),
        note_sink=CallSink(notes.extend),
        steering=steering,
    )
    with recovery.locked(tmp_path / "work"):
        execute(flow, epoch_us=200_000, folder=tmp_path / "work", identity="test")
    assert waiting == []
    replay(settings, tmp_path / "alerts", findings=tmp_path / "f", controls=script(), shadows=tmp_path / "s")
    found = [msgspec.json.decode(msgspec.json.encode(one), type=Finding) for one in findings]
    assert ordered(found) == ordered(decoded(tmp_path / "f", Finding))
    taken = [one for one in notes if isinstance(one, ControlTaken)]
    assert sorted((one.detector, one.number, one.late) for one in taken) == [
        ("breaches", 2, False),
        ("breaches", 4, False),
        ("sentiment_drop", 1, False),
        ("sentiment_drop", 3, False),
    ]
    decided = [one for one in notes if isinstance(one, ShadowDecision)]
    assert ordered(decided) == ordered(decoded(tmp_path / "s", ShadowDecision))
    assert steering.estimates.keys() == set(NAMES)
    assert all(rate > 0 and counted > 0 for rate, counted in steering.estimates.values())
