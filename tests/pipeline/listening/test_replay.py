"""Window detectors that listen to what case detectors conclude: the engine against the harness."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from detectors.contract import NEVER_US, Finding
from pipeline import compose
from pipeline.assembly import load_settings
from pipeline.events import decode_many
from pipeline.harness import Harness
from pipeline.replay import replay
from tests.support.events import MINUTE_US, START_US, raw_event
from tests.support.killing import replay_killed
from tests.support.listening import LISTENER, in_queues, with_listener, without_others
from tests.support.recording import LATENESS_US, Timed, make_recording, shuffled, write_config, write_lines

_CRM, SOCIAL = make_recording(20260302, cases=150, hours=96, posts_per_hour=4)
CRM = in_queues(_CRM)


@pytest.fixture(autouse=True)
def listening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "build_detectors", with_listener)


def config_of(
    folder: Path, crm: list[Timed], *, alone: bool = False, shards: int = 3, size: int = 50, epoch: str = "200ms"
) -> Path:
    """Write events and settings; ``alone``: the feed of cases is the only one."""
    folder.mkdir(parents=True, exist_ok=True)
    social = write_lines(folder / "social.jsonl", SOCIAL)
    own = write_lines(folder / "crm.jsonl", crm)
    path = without_others(write_config(folder, own, social, shards=shards, batch_size=size, epoch=epoch))
    if alone:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not line.startswith("  social:")), encoding="utf-8")
    return path


def replayed(config: Path) -> list[Finding]:
    """Replay, and return what the listener found."""
    found = config.parent / "findings.jsonl"
    replay(load_settings(config).settings, config.parent / "alerts.jsonl", findings=found)
    return of_listener(found)


def of_listener(path: Path) -> list[Finding]:
    rows = [msgspec.json.decode(line, type=Finding) for line in path.read_bytes().splitlines()]
    return [row for row in rows if row.detector == LISTENER.name]


def harnessed(config: Path, crm: Sequence[Timed]) -> Harness:
    """Return a harness that was given the same events one by one, as they come."""
    harness = Harness(with_listener(load_settings(config).settings), shards=2)
    events, errors = decode_many([raw for _, raw in crm])
    assert not errors
    newest_us = NEVER_US
    for event in events:
        newest_us = max(newest_us, event.time_us)
        harness.feed([event], newest_us - LATENESS_US)
    return harness


def found_by(harness: Harness) -> list[Finding]:
    return [found for found in harness.findings if found.detector == LISTENER.name]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    folder = tmp_path_factory.mktemp("reference")
    harness = harnessed(config_of(folder, CRM), CRM)
    harness.finish(max(at_us for at_us, _ in CRM + SOCIAL))
    return found_by(harness)


def test_the_listener_counts_what_the_alerts_tell(tmp_path: Path, reference: list[Finding]) -> None:
    harness = harnessed(config_of(tmp_path, CRM), CRM)
    harness.finish(max(at_us for at_us, _ in CRM + SOCIAL))
    broken: Counter[str] = Counter()
    last_us = max(found.end_us for found in reference)
    for change in harness.changes:
        if change.labels["alertname"] == "SlaBreach" and change.step == "confirmed" and change.at_us < last_us:
            broken[change.labels["queue"]] += 1
    counted: Counter[str] = Counter()
    for found in reference:
        counted[found.group["queue"]] += found.count
    assert counted == Counter({queue: 2 * count for queue, count in broken.items()})  # every moment is in two windows
    assert broken.total() > 100


@pytest.mark.parametrize(("shards", "size"), [(1, 5000), (3, 17), (8, 1)])
def test_a_replay_gives_what_the_harness_does_however_it_is_cut_and_spread(
    tmp_path: Path, reference: list[Finding], shards: int, size: int
) -> None:
    assert replayed(config_of(tmp_path, CRM, shards=shards, size=size)) == reference


def test_another_order_within_the_lateness_gives_the_same(tmp_path: Path, reference: list[Finding]) -> None:
    order = shuffled(CRM, random.Random(3))
    assert replayed(config_of(tmp_path, order, size=23)) == reference


@pytest.mark.parametrize("seed", range(2))
def test_late_events_give_the_same_however_they_are_cut(tmp_path: Path, seed: int) -> None:
    order = shuffled(CRM, random.Random(seed), lateness_us=12 * LATENESS_US)
    harness = harnessed(config_of(tmp_path, order), order)
    harness.finish(max(at_us for at_us, _ in order))
    expected = found_by(harness)
    assert len(expected) > 50
    for shards, size in ((3, 1), (1, 17), (8, 5000)):
        assert replayed(config_of(tmp_path / str(size), order, alone=True, shards=shards, size=size)) == expected


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_killed_at_random_moments_and_resumed_gives_the_same(
    tmp_path: Path, reference: list[Finding], seed: int
) -> None:
    config = config_of(tmp_path, CRM, size=5, epoch="20ms")
    found = tmp_path / "findings.jsonl"
    options = ["--findings", str(found)]
    program = "tests.support.listening"
    _, kills = replay_killed(config, options, tmp_path / "alerts.jsonl", random.Random(seed), kills=2, program=program)
    assert kills > 0
    assert of_listener(found) == reference


def test_time_passes_for_a_listener_when_no_case_says_anything(tmp_path: Path) -> None:
    opened = raw_event("crm.case.opened", "1", START_US + 9 * 60 * MINUTE_US, {"case_id": "c", "queue": "q"})
    (found, *_) = replayed(config_of(tmp_path, [(START_US, opened)]))  # only posts go on, for days
    assert (found.count, found.group) == (1, {"queue": "q"})


def test_alerts_of_listeners_stand_in_the_output_with_the_others(tmp_path: Path) -> None:
    config = config_of(tmp_path, CRM)
    replayed(config)
    rows = [msgspec.json.decode(line) for line in (tmp_path / "alerts.jsonl").read_bytes().splitlines()]
    names = {row["labels"]["alertname"] for row in rows}
    assert {"Breaches", "SlaBreach"} <= names


def test_a_harness_that_is_restored_goes_on_where_it_was(tmp_path: Path, reference: list[Finding]) -> None:
    config = config_of(tmp_path, CRM)
    half = len(CRM) // 2
    first = harnessed(config, CRM[:half])
    second = Harness(with_listener(load_settings(config).settings), shards=2)
    second.restore(first.snapshot())
    second.advance(first.progress.watermark_us)
    for event in decode_many([raw for _, raw in CRM[half:]])[0]:
        second.feed([event], event.time_us - LATENESS_US)
    second.finish(max(at_us for at_us, _ in CRM + SOCIAL))
    assert found_by(first) + found_by(second) == reference


SHIPPED = """
  rate: {type: sla_breach_rate, group_by: [queue], window: 1h, min_count: 2}
  lag: {type: resolution_lag, group_by: [queue], window: 2h, hop: 30m, min_count: 2}
flow:
"""


def test_the_detectors_that_ship_find_in_a_replay_what_they_find_in_the_harness(tmp_path: Path) -> None:
    config = config_of(tmp_path, CRM, size=170)
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("flow:\n", SHIPPED.lstrip("\n"), 1), encoding="utf-8")
    replayed(config)
    rows = [msgspec.json.decode(line, type=Finding) for line in (tmp_path / "findings.jsonl").read_bytes().splitlines()]
    harness = harnessed(config, CRM)
    harness.finish(max(at_us for at_us, _ in CRM + SOCIAL))
    assert rows == harness.findings
    assert {row.detector for row in rows} == {"rate", "lag", LISTENER.name}
    assert {"fires", "quiet"} <= {row.verdict for row in rows}
