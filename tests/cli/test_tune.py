"""``makegood tune`` from end to end: what it proposes, prints and writes."""

import itertools
import json
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from config.loader import validate
from config.yamlfile import parse_yaml
from detectors.control import changed
from pipeline.assembly import settings_model
from pipeline.backtest.result import read
from pipeline.backtest.tuning import window_settings
from pipeline.commands.controls import read_changes
from tests.cli.support import Finished, makegood
from tests.support.backtests import write_recording, write_settings


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_recording(tmp_path_factory.mktemp("recording"))
    write_settings(folder / "noisy.yaml", "p_value: {fire: 0.03}")
    return folder


def tune(recording: Path, *arguments: str | Path, detector: str = "sentiment_drop") -> Finished:
    feed = f"social={recording / 'social.jsonl'}"
    return makegood("tune", detector, "-c", recording / "noisy.yaml", "--feed", feed, *arguments)


@pytest.fixture(scope="module")
def told(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Path]:
    out = tmp_path_factory.mktemp("tuned") / "out"
    labels = ("--labels", recording / "labels.yaml", "--budget", "1 per week", "--out", out, "--json")
    return tune(recording, *labels), out


def test_the_proposal_keeps_the_budget_and_finds_every_incident(told: tuple[Finished, Path]) -> None:
    done, _ = told
    assert (done.returncode, done.defect) == (0, None)
    result = json.loads(done.stdout)
    assert (result["agrees"], result["exact"], result["keeps_budget"]) == (True, False, True)
    assert result["chosen"]["recall"]["count"] == 2
    assert result["chosen"]["f1"] >= result["now"]["f1"]
    assert len(result["tried"]) == 76


def test_the_yaml_and_the_command_make_the_same_change(told: tuple[Finished, Path], recording: Path) -> None:
    result = json.loads(told[0].stdout)
    words = shlex.split(result["command"])
    assert words[:3] == ["makegood", "shadow", "sentiment_drop"]
    assert "--why" in words, "no candidate without a reason"
    assert words[-2:] == ["--backtest", str(told[1] / "backtest.json")]
    given = read_changes([value for name, value in itertools.pairwise(words) if name == "--set"])
    document = parse_yaml((recording / "noisy.yaml").read_text())
    entry = window_settings(validate(document, settings_model()), "sentiment_drop")
    by_yaml = yaml.safe_load(result["yaml"])["detectors"]["sentiment_drop"]
    assert changed(entry, given) == changed(entry, by_yaml) == changed(entry, result["chosen"]["changes"])


def test_the_backtest_of_the_change_is_written_to_go_with_it(told: tuple[Finished, Path]) -> None:
    result, backtest = json.loads(told[0].stdout), read(told[1] / "backtest.json")
    assert result["backtest"] == backtest.id
    assert not backtest.exact
    assert backtest.b is not None
    assert backtest.b.detectors[0].alerts == result["chosen"]["alerts"]
    assert json.loads((told[1] / "tune.json").read_text()) == result


def test_with_exact_the_proposed_setting_is_run(recording: Path, tmp_path: Path) -> None:
    few = ("--budget", "3 per week", "--confirm", "1 of 1", "--min-duration", "0s")
    done = tune(recording, *few, "--exact", "--out", tmp_path, "--json")
    result, backtest = json.loads(done.stdout), read(tmp_path / "backtest.json")
    assert (result["exact"], backtest.exact) == (True, True)
    assert backtest.b is not None
    assert result["chosen"]["alerts"] == backtest.b.detectors[0].alerts
    assert result["chosen"] in result["tried"]
    assert "=>   3 per week" in tune(recording, *few, "--exact").stdout


def test_plots_are_written_for_light_and_dark_with_a_page(told: tuple[Finished, Path]) -> None:
    names = {path.name for path in told[1].iterdir()}
    plots = {f"{name}{dark}.png" for name in ("precision-recall", "alerts-per-day", "series") for dark in ("", ".dark")}
    assert names == {*plots, "tune.json", "backtest.json", "tune.html"}
    assert (told[1] / "tune.html").read_text().count("data:image/png") == 6


def test_the_same_command_gives_the_same_files(told: tuple[Finished, Path], recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    labels = ("--labels", recording / "labels.yaml", "--budget", "1 per week", "--out", out)
    assert tune(recording, *labels).returncode == 0
    for path in told[1].iterdir():
        if path.suffix != ".html" and path.name != "tune.json":  # these two say where they stand
            assert (out / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_table_marks_what_holds_now_and_what_is_proposed(recording: Path) -> None:
    done = tune(recording, "--budget", "3 per week")
    assert done.returncode == 0
    assert "now  p <= 0.03" in done.stdout
    assert "=>   3 per week" in done.stdout
    assert "  detectors:\n    sentiment_drop:\n      alert_budget: 3 per week\n" in done.stdout
    assert "makegood shadow sentiment_drop --config" in done.stdout
    assert "--exact runs it" in done.stdout


def test_without_labels_and_budget_nothing_is_proposed(recording: Path) -> None:
    done = tune(recording, "--confirm", "1 of 1", "--min-duration", "0s")
    assert done.returncode == 0
    assert "nothing is proposed: give --labels or --budget" in done.stdout
    assert "decided by 19 settings" in done.stdout


def test_without_matplotlib_everything_but_the_plots_is_written(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = tune(recording, "--budget", "3 per week", "--out", tmp_path / "out")
    assert done.returncode == 0
    assert "no plots: matplotlib is not installed; pip install 'makegood[plots]'" in done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"tune.json", "backtest.json"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--budget", "2 a week"], "--budget: '2 a week' is not a budget: write how many false alarms you accept"),
        (["--confirm", "3 of 2"], "3 of 2 can never be"),
        (["--min-duration", "1"], "--min-duration 1: '1' is not a duration"),
        (["--warm-up", "30d"], "nothing is left to judge"),
    ],
)
def test_unusable_input_ends_with_2_and_is_named(arguments: list[str], told: str, recording: Path) -> None:
    done = tune(recording, *arguments)
    assert (done.returncode, done.defect) == (2, None)
    assert told in done.stderr


def test_a_detector_that_is_not_there_is_named(recording: Path) -> None:
    done = tune(recording, detector="mood")
    assert (done.returncode, done.defect) == (2, None)
    assert "mood: the settings have no detector of that name; these can be tuned: sentiment_drop" in done.stderr
