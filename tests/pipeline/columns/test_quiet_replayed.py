"""Replays whose case detectors get quiet events packed: killed and resumed, they tell what those by rows tell."""

import random
from pathlib import Path

import pytest

from pipeline.assembly import load_settings
from pipeline.replay import replay
from tests.pipeline.columns.lives import LifeRecords
from tests.pipeline.columns.test_quiet import CASES
from tests.support.killing import replay_killed

pytest.importorskip("numba")
CONFIG = """
time: {{lateness: 5m, dedup_horizon: 2h}}
feeds:
  crm: {{type: file, path: {path}, format: jsonl}}
detectors:{detectors}
flow: {{shards: 3, batch_size: 40, epoch: 20ms, columns: {mode}}}
"""


def config_of(folder: Path, recording: Path, mode: str) -> Path:
    folder.mkdir()
    path = folder / "makegood.yaml"
    path.write_text(CONFIG.format(path=recording, detectors=CASES, mode=mode), encoding="utf-8")
    return path


def test_killed_at_random_moments_and_resumed_they_tell_the_same(tmp_path: Path) -> None:
    records = LifeRecords(11, things=60, odd=0.02, late=0.0005, begins=0.1)
    recording = tmp_path / "crm.jsonl"
    lines: list[bytes] = []
    for _ in range(60):
        lines += records.batch(50)
        records.pause()
    recording.write_bytes(b"\n".join(lines) + b"\n")
    by_rows = config_of(tmp_path / "rows", recording, "off")
    expected, found = by_rows.with_name("alerts.jsonl"), by_rows.with_name("findings.jsonl")
    replay(load_settings(by_rows).settings, expected, findings=found)
    by_columns = config_of(tmp_path / "columns", recording, "on")
    told, seen = by_columns.with_name("alerts.jsonl"), by_columns.with_name("findings.jsonl")
    _, kills = replay_killed(by_columns, ["--findings", str(seen)], told, random.Random(11), kills=3)
    assert kills > 0
    assert told.read_bytes() == expected.read_bytes()
    assert seen.read_bytes() == found.read_bytes()
    assert len(expected.read_bytes().splitlines()) > 300
