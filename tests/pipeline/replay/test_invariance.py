"""The same recording gives the same bytes, however it is cut, ordered, repeated or interrupted."""

import json
import random
from pathlib import Path

import pytest

from pipeline.assembly import load_settings
from pipeline.replay import Summary, replay
from tests.support.events import HOUR_US, MINUTE_US, START_US, raw_event
from tests.support.killing import replay_killed
from tests.support.recording import LATENESS_US, Timed, make_recording, shuffled, write_config, write_lines

CRM, SOCIAL = make_recording(20260302)


def run(
    folder: Path, crm: list[Timed], social: list[Timed], *, shards: int = 3, batch_size: int = 500
) -> tuple[bytes, Summary]:
    folder.mkdir(parents=True, exist_ok=True)
    config = write_config(
        folder,
        write_lines(folder / "crm.jsonl", crm),
        write_lines(folder / "social.jsonl", social),
        shards=shards,
        batch_size=batch_size,
    )
    out = folder / "alerts.jsonl"
    summary = replay(load_settings(config).settings, out)
    return out.read_bytes(), summary


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Summary]:
    return run(tmp_path_factory.mktemp("reference"), CRM, SOCIAL)


def test_the_recording_gives_alerts_of_every_kind(reference: tuple[bytes, Summary]) -> None:
    rows = [json.loads(line) for line in reference[0].splitlines()]
    assert {row["labels"]["alertname"] for row in rows} == {"SlaBreach", "SlaAtRisk", "SentimentDrop"}
    assert {row["status"] for row in rows} == {"firing", "resolved"}
    assert reference[1].late == 0
    assert reference[1].events == len(CRM) + len(SOCIAL)


def test_run_twice_gives_the_same_bytes(tmp_path: Path, reference: tuple[bytes, Summary]) -> None:
    assert run(tmp_path, CRM, SOCIAL)[0] == reference[0]


@pytest.mark.parametrize("batch_size", [1, 17, 5000])
def test_another_batch_size_gives_the_same_bytes(
    tmp_path: Path, reference: tuple[bytes, Summary], batch_size: int
) -> None:
    assert run(tmp_path, CRM, SOCIAL, batch_size=batch_size)[0] == reference[0]


@pytest.mark.parametrize("shards", [1, 8])
def test_another_number_of_shards_gives_the_same_bytes(
    tmp_path: Path, reference: tuple[bytes, Summary], shards: int
) -> None:
    assert run(tmp_path, CRM, SOCIAL, shards=shards)[0] == reference[0]


@pytest.mark.parametrize("seed", range(3))
def test_another_order_within_the_lateness_gives_the_same_bytes(
    tmp_path: Path, reference: tuple[bytes, Summary], seed: int
) -> None:
    rng = random.Random(seed)
    alerts, summary = run(tmp_path, shuffled(CRM, rng), shuffled(SOCIAL, rng), batch_size=123)
    assert summary.late == 0
    assert alerts == reference[0]


def test_every_record_twice_gives_the_same_bytes(tmp_path: Path, reference: tuple[bytes, Summary]) -> None:
    twice_each = [event for event in CRM for _ in range(2)]
    alerts, summary = run(tmp_path / "each", twice_each, SOCIAL)
    assert alerts == reference[0]
    assert summary.duplicates == len(CRM)
    alerts, summary = run(tmp_path / "appended", CRM + CRM, SOCIAL + SOCIAL)
    assert alerts == reference[0]
    assert summary.duplicates == len(CRM) + len(SOCIAL)


@pytest.mark.parametrize(
    "seed", [1, 2, pytest.param(3, marks=pytest.mark.slow), pytest.param(4, marks=pytest.mark.slow)]
)
def test_killed_at_random_moments_and_resumed_gives_the_same_bytes(
    tmp_path: Path, reference: tuple[bytes, Summary], seed: int
) -> None:
    rng = random.Random(seed)
    config = write_config(
        tmp_path,
        write_lines(tmp_path / "crm.jsonl", CRM),
        write_lines(tmp_path / "social.jsonl", SOCIAL),
        batch_size=20,
        epoch="20ms",
    )
    out = tmp_path / "alerts.jsonl"
    summary, kills = replay_killed(config, [], out, rng)
    assert kills > 0
    assert out.read_bytes() == reference[0]
    assert summary["events"] == reference[1].events


@pytest.mark.parametrize("seed", range(2))
def test_really_late_events_give_the_same_bytes_however_one_feed_is_cut(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    both = shuffled(sorted(CRM + SOCIAL), rng, lateness_us=6 * LATENESS_US)
    results = [
        run_one_feed(tmp_path / str(size), both, shards=shards, batch_size=size)
        for size, shards in ((1, 3), (17, 1), (400, 8), (10_000, 3))
    ]
    assert results[0][1].late > 100
    assert {summary.late for _, summary in results} == {results[0][1].late}
    assert len({alerts for alerts, _ in results}) == 1


def run_one_feed(folder: Path, events: list[Timed], *, shards: int, batch_size: int) -> tuple[bytes, Summary]:
    folder.mkdir()
    path = write_lines(folder / "events.jsonl", events)
    config = write_config(folder, path, path, shards=shards, batch_size=batch_size)
    text = config.read_text(encoding="utf-8").splitlines(keepends=True)
    config.write_text("".join(line for line in text if not line.startswith("  social:")), encoding="utf-8")
    out = folder / "alerts.jsonl"
    summary = replay(load_settings(config).settings, out)
    return out.read_bytes(), summary


def reopened_around_the_retention() -> list[Timed]:
    """Cases that are resolved in time and reopened six to nine days later; a case is kept for seven."""
    events: list[Timed] = []
    for number in range(40):
        case_id = f"c-{number:05d}"
        opened_us = START_US + number * HOUR_US
        reopened_us = opened_us + HOUR_US + 6 * 24 * HOUR_US + number * 2 * HOUR_US
        steps = {"opened": 0, "agent_reply": 10, "resolved": 60}
        told = [(step, opened_us + minutes * MINUTE_US) for step, minutes in steps.items()]
        for step, at_us in [*told, ("reopened", reopened_us), ("customer_message", reopened_us + MINUTE_US)]:
            data = {"case_id": case_id, "priority": "high"}
            events.append((at_us, raw_event(f"crm.case.{step}", f"{case_id}/{step}", at_us, data)))
    for hour in range(24 * 20):
        at_us = START_US + hour * HOUR_US
        events.append((at_us, raw_event("social.post", f"p-{hour}", at_us, {"sentiment": 0.1, "service": "tv"})))
    return sorted(events)


def test_whether_a_case_is_still_in_memory_when_it_is_reopened_does_not_matter(tmp_path: Path) -> None:
    events = reopened_around_the_retention()
    orders = {"sorted": events, **{f"shuffled-{seed}": shuffled(events, random.Random(seed)) for seed in range(2)}}
    results = {
        run_one_feed(tmp_path / f"{name}-{size}", order, shards=3, batch_size=size)[0]
        for name, order in orders.items()
        for size in (1, 10, 1000)
    }
    assert len(results) == 1
