"""The models of window detectors with many groups on disk: pipeline/model_files.py."""

import random
from pathlib import Path

import pytest

import pipeline.model_files
from detectors.contract import Context, Progress, SnapshotVersionError
from detectors.panes import Panes
from detectors.sentiment_drop import SentimentDropSettings, build
from detectors.window_state import ScoredWindows
from detectors.windowed import Windowed
from pipeline.engine.logic import DetectLogic
from pipeline.frames import StateLogDamagedError
from pipeline.model_files import ModelFiles
from pipeline.routing import PaneBatch
from tests.detectors.samples import HOUR_US, START_US

GROUPS = 12


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.model_files, "LEAST_GROUPS", GROUPS)


def detector(window_h: int = 1) -> Windowed:
    built = build("drop", SentimentDropSettings(window=window_h * HOUR_US), Context())
    assert isinstance(built, Windowed)
    return built


def batch(hour: int, *, groups: int = GROUPS, part: int = 1) -> PaneBatch:
    """Return posts of an hour; ``part`` of 2 of them, and with the second one the hour is over."""
    rng = random.Random(f"{hour} {part}")
    panes: Panes = []
    for group in range(groups):
        negative, micros = rng.randrange(10), rng.randrange(-5_000_000, 5_000_000)
        panes.append(((START_US // HOUR_US) + hour, (f"service-{group}",), [20, negative, micros, 9_000_000]))
    end_us = START_US + (hour + part - 1) * HOUR_US
    return PaneBatch("drop", panes, Progress(end_us, end_us))


def logic(folder: Path, state: object = None) -> DetectLogic:
    return DetectLogic({"drop": detector()}, folder / "cases", state, models_folder=folder / "models")  # type: ignore[arg-type]


def whole(of: DetectLogic) -> bytes:
    windows = of._windows
    assert isinstance(windows, ScoredWindows)
    return windows.snapshot()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "models").iterdir())


def test_models_are_written_when_windows_have_closed_and_not_before(tmp_path: Path) -> None:
    ours = logic(tmp_path)
    ours.on_batch([batch(0), batch(0, part=2)])
    first = ours.snapshot()
    assert files(tmp_path) == ["drop.00000001.models"]
    ours.on_batch([batch(1)])
    second = ours.snapshot()
    assert files(tmp_path) == ["drop.00000001.models"]
    assert first != second
    ours.on_batch([batch(1, part=2)])
    ours.snapshot()
    assert files(tmp_path) == ["drop.00000001.models", "drop.00000002.models"]
    assert len(second[2]) < len(whole(ours)) / 4


def test_few_groups_stay_in_the_snapshot(tmp_path: Path) -> None:
    ours = logic(tmp_path)
    ours.on_batch([batch(0, groups=GROUPS - 1), batch(0, groups=GROUPS - 1, part=2)])
    assert ours.snapshot() == ("drop", -1, whole(ours))
    assert not (tmp_path / "models").exists()


def test_a_whole_state_of_before_is_taken_over(tmp_path: Path) -> None:
    ours = logic(tmp_path)
    ours.on_batch([batch(0), batch(0, part=2)])
    again = logic(tmp_path, ("drop", -1, whole(ours)))
    assert whole(again) == whole(ours)
    again.snapshot()
    assert files(tmp_path) == ["drop.00000001.models"]


@pytest.mark.parametrize("seed", range(5))
def test_whatever_snapshot_is_gone_on_from_the_state_is_the_same(tmp_path: Path, seed: int) -> None:
    """The engine goes on from the last snapshot that it committed: the last one, or the one before."""
    rng = random.Random(seed)
    steps = [(hour, part) for hour in range(12) for part in (1, 2)]
    expected = []
    straight = logic(tmp_path / "straight")
    for hour, part in steps:
        straight.on_batch([batch(hour, part=part)])
        expected.append(whole(straight))
    ours = logic(tmp_path)
    kept: list[tuple[int, object]] = [(0, None)]
    at = 0
    while at < len(steps):
        hour, part = steps[at]
        ours.on_batch([batch(hour, part=part)])
        at += 1
        if rng.random() < 0.7:
            kept.append((at, ours.snapshot()))
        if rng.random() < 0.3:
            at, state = kept[-rng.choice((1, 2)) :][0]
            kept = [(at, state)]  # once it has gone on from there, it never goes on from before
            ours = logic(tmp_path, state)
        assert at == 0 or whole(ours) == expected[at - 1]
    assert whole(ours) == expected[-1]
    ours.snapshot()
    assert len(files(tmp_path)) <= 4


def test_files_of_a_run_that_was_not_committed_are_removed(tmp_path: Path) -> None:
    ours = logic(tmp_path)
    ours.on_batch([batch(0), batch(0, part=2)])
    state = ours.snapshot()
    ours.on_batch([batch(1), batch(1, part=2)])
    ours.snapshot()
    (tmp_path / "models" / "drop.1.00000007.models").write_bytes(b"of another detector")
    again = logic(tmp_path, state)
    assert files(tmp_path) == ["drop.00000001.models", "drop.1.00000007.models"]
    assert again.snapshot() == state


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_file_that_was_damaged_is_told_of(tmp_path: Path, damage: str) -> None:
    ours = logic(tmp_path)
    ours.on_batch([batch(0), batch(0, part=2)])
    state = ours.snapshot()
    path = tmp_path / "models" / "drop.00000001.models"
    raw = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(raw[:-1] if damage == "cut" else raw[:50] + bytes([raw[50] ^ 1]) + raw[51:])
    with pytest.raises(StateLogDamagedError, match=r"drop\.00000001\.models"):
        logic(tmp_path, state)


def test_with_other_settings_the_detector_begins_anew_and_old_models_go(tmp_path: Path) -> None:
    ours = logic(tmp_path)
    ours.on_batch([batch(0), batch(0, part=2)])
    _, _, state = ours.snapshot()[:3]
    other = detector(window_h=2).state()
    anew = ModelFiles(tmp_path / "models", "drop")
    with pytest.raises(SnapshotVersionError, match="the settings changed"):
        anew.restore(other, state)
    anew = ModelFiles(tmp_path / "models", "drop")
    fresh = detector(window_h=2).state()
    for _ in range(3):
        assert files(tmp_path) == ["drop.00000001.models"]
        anew.snapshot(fresh)
    assert files(tmp_path) == []


def test_without_a_folder_everything_is_in_the_snapshot(tmp_path: Path) -> None:
    ours = DetectLogic({"drop": detector()}, tmp_path, None)
    ours.on_batch([batch(0), batch(0, part=2)])
    assert ours.snapshot() == ("drop", -1, whole(ours))
