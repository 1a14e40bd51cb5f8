"""The program that measures whether p-values keep their word, at a tiny size."""

import json
import subprocess
import sys

import pytest

from benchmarks import services
from benchmarks.calibration import realised
from benchmarks.detection.worlds import WORLDS
from detectors import catalogue
from detectors.contract import DETECTORS
from detectors.windowed import WindowSettings
from tests.support.patience import PATIENCE_S

del catalogue  # imported so that every detector is registered
SCRIPT, MODULE = ["benchmarks/calibration.py"], ["-m", "benchmarks.calibration"]
TINY = ["--days", "7.5", "--groups", "2", "--seed", "1", "--json"]


def calibration(form: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *form, *arguments], cwd=services.REPO, env=services.environment(), capture_output=True,
        text=True, timeout=3 * PATIENCE_S, check=False,
    )  # fmt: skip


def test_every_window_detector_has_a_world_to_be_measured_in() -> None:
    windowed = {name for name in DETECTORS.names() if issubclass(DETECTORS.settings(name), WindowSettings)}
    assert set(WORLDS) == windowed


@pytest.mark.parametrize("form", [SCRIPT, MODULE], ids=["script", "module"])
def test_the_last_line_gives_realised_rates_of_every_window_detector(form: list[str]) -> None:
    done = calibration(form, "--null", "counts", *TINY)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert set(told) == set(WORLDS)
    for rates in told.values():
        assert list(rates) == ["0.01", "0.001", "0.0001"]
        assert 0.0 <= rates["0.0001"] <= rates["0.001"] <= rates["0.01"] <= 1.0


def test_the_same_seed_gives_the_same_rates() -> None:
    first, again, other = (realised("survey_drop", "ar", 9.0, 3, seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--null", "weekly"], "invalid choice: 'weekly'"),
        (["--detector", "sla_breach"], "invalid choice: 'sla_breach'"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(arguments: list[str], message: str) -> None:
    done = calibration(SCRIPT, *arguments, *TINY)
    assert done.returncode == 2
    assert message in done.stderr
    assert "seasonal" in done.stderr or "survey_drop" in done.stderr
