"""A replay with controls: the engine against the harness, cut otherwise, killed and resumed."""

import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from alerts.model import to_json
from detectors.contract import NEVER_US, Finding
from detectors.control import Control, encode
from pipeline.assembly import load_settings
from pipeline.compose import build_detectors
from pipeline.control.steering import ControlsUnreadableError, read_controls
from pipeline.events import decode_many
from pipeline.harness import Harness
from pipeline.replay import replay
from tests.cli.support import makegood
from tests.support.controls import threshold
from tests.support.events import HOUR_US, START_US
from tests.support.killing import replay_killed
from tests.support.recording import LATENESS_US, make_recording, write_config, write_lines

CRM, SOCIAL = make_recording(20260302, cases=20)
EAGER = {"p_value": {"fire": "0.04"}, "cool_down": "0s"}
CONTROLS: list[Control] = [
    threshold("sentiment_drop", 1, "shadow", START_US + 20 * HOUR_US, EAGER, number=1),
    threshold("sentiment_drop", 1, "live", START_US + 40 * HOUR_US, EAGER, number=2),
    threshold("sentiment_drop", 2, "shadow", START_US + 41 * HOUR_US, {"alert_budget": "1 per month"}, number=3),
    threshold("sentiment_drop", 0, "live", START_US + 80 * HOUR_US, {}, number=4),
    threshold("sla_breach", 1, "live", START_US + 30 * HOUR_US, EAGER, number=5),
    threshold("nobody", 1, "live", START_US + 30 * HOUR_US, EAGER, number=6),
]


def config_of(folder: Path, *, batch_size: int = 500, shards: int = 3, epoch: str = "200ms") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    crm, social = write_lines(folder / "crm.jsonl", CRM), write_lines(folder / "social.jsonl", SOCIAL)
    return write_config(folder, crm, social, batch_size=batch_size, shards=shards, epoch=epoch)


def replayed(config: Path, controls: Sequence[Control] = CONTROLS) -> tuple[bytes, bytes, bytes]:
    """Return alert changes, findings, and what was decided in the shadow."""
    out, findings, shadows = (config.parent / name for name in ("alerts", "findings", "shadows"))
    replay(load_settings(config).settings, out, findings=findings, controls=controls, shadows=shadows)
    return out.read_bytes(), findings.read_bytes(), shadows.read_bytes()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, bytes]:
    return replayed(config_of(tmp_path_factory.mktemp("reference")))


def versions(findings: bytes) -> dict[int, set[int]]:
    """Return by version the hours in which windows end that went by it."""
    found: dict[int, set[int]] = {}
    for line in findings.splitlines():
        one = msgspec.json.decode(line, type=Finding)
        found.setdefault(one.version, set()).add((one.end_us - START_US) // HOUR_US)
    return found


def test_windows_go_by_the_version_that_is_in_force_when_they_end(reference: tuple[bytes, bytes, bytes]) -> None:
    found = versions(reference[1])
    assert found.keys() == {0, 1}
    assert (min(found[1]), max(found[1])) == (40, 80)
    assert reference[2]


def test_the_engine_answers_as_the_harness(tmp_path: Path, reference: tuple[bytes, bytes, bytes]) -> None:
    harness = Harness(build_detectors(load_settings(config_of(tmp_path)).settings))
    harness.control(CONTROLS)
    events, errors = decode_many([raw for _, raw in sorted(CRM + SOCIAL)])
    assert not errors
    newest_us = NEVER_US
    for event in events:
        newest_us = max(newest_us, event.time_us)
        harness.feed([event], newest_us - LATENESS_US)
    harness.finish(newest_us)
    lines = [msgspec.json.encode(to_json(change)) for change in harness.changes]
    assert lines == reference[0].splitlines()
    assert [msgspec.json.encode(one) for one in harness.shadows] == reference[2].splitlines()
    assert [one.number for one in harness.taken] == [1, 2, 3, 4]


def test_controls_change_the_alerts(tmp_path: Path, reference: tuple[bytes, bytes, bytes]) -> None:
    alerts, _, shadows = replayed(config_of(tmp_path), [])
    assert alerts != reference[0]
    assert shadows == b""


@pytest.mark.parametrize(("batch_size", "shards"), [(1, 1), (37, 5), (5000, 2)])
def test_cut_otherwise_a_replay_gives_the_same_bytes(
    batch_size: int, shards: int, tmp_path: Path, reference: tuple[bytes, bytes, bytes]
) -> None:
    assert replayed(config_of(tmp_path, batch_size=batch_size, shards=shards)) == reference


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_killed_and_resumed_a_replay_gives_the_same_bytes(
    seed: int, tmp_path: Path, reference: tuple[bytes, bytes, bytes]
) -> None:
    config = config_of(tmp_path, batch_size=20, epoch="20ms")
    file = tmp_path / "controls.jsonl"
    file.write_bytes(b"".join(encode(control) + b"\n" for control in CONTROLS))
    names = {"--findings": tmp_path / "findings", "--shadows": tmp_path / "shadows"}
    options = ["--controls", str(file), *(part for name, path in names.items() for part in (name, str(path)))]
    out = tmp_path / "alerts"
    _, kills = replay_killed(config, options, out, random.Random(seed), kills=2)
    assert kills > 0
    assert tuple(path.read_bytes() for path in (out, *names.values())) == reference


def test_a_file_that_holds_no_controls_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "controls.jsonl"
    file.write_bytes(encode(CONTROLS[0]) + b'\n{"kind": "wish"}\n')
    with pytest.raises(ControlsUnreadableError, match=r"controls.jsonl:2: not a control .*history --export"):
        read_controls(file)
    done = makegood("replay", "--config", config_of(tmp_path / "c"), "--out", tmp_path / "o", "--controls", file)
    assert (done.returncode, done.defect) == (2, None)
