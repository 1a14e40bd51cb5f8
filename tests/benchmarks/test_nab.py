"""benchmarks/nab.py, and the scoring of its results."""

import csv
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks import nab
from benchmarks.series import made, nabscore, study
from tests.support.data import data_path

REPO = Path(__file__).resolve().parents[2]
START = datetime(2014, 4, 1, tzinfo=UTC)


def write(path: Path, values: list[object], heading: str = "timestamp,value") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{START + timedelta(minutes=5 * i):%Y-%m-%d %H:%M:%S},{value}" for i, value in enumerate(values)]
    path.write_text("\n".join([heading, *rows]) + "\n", encoding="utf-8")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def noise(points: int) -> list[object]:
    values: list[object] = np.random.default_rng(1).normal(10.0, 1.0, points).round(3).tolist()
    return values


def run(data: Path, out: Path, *more: str) -> int:
    return nab.main(["--data", str(data), "--out", str(out), "--processes", "1", *more])


def test_every_row_is_answered_in_its_order_with_score_and_alert(tmp_path: Path) -> None:
    values = noise(1500)
    values[1300] = 80.0
    write(tmp_path / "in" / "kind" / "one.csv", values)
    assert run(tmp_path / "in", tmp_path / "out") == 0
    rows = read(tmp_path / "out" / "kind" / "one.csv")
    assert list(rows[0]) == ["timestamp", "value", "anomaly_score", "alert"]
    assert [row["value"] for row in rows] == [str(value) for value in values]
    assert rows[0]["timestamp"] == "2014-04-01 00:00:00"
    assert [i for i, row in enumerate(rows) if row["alert"] == "1" and i > 1000] == [1300]
    assert max(range(500, 1500), key=lambda i: float(rows[i]["anomaly_score"])) == 1300


@pytest.mark.parametrize("how", ["file", "module"])
def test_it_runs_as_a_file_and_as_a_module_on_a_folder_with_data_in_it(tmp_path: Path, how: str) -> None:
    write(tmp_path / "in" / "data" / "kind" / "one.csv", noise(50))
    program = ["benchmarks/nab.py"] if how == "file" else ["-m", "benchmarks.nab"]
    done = subprocess.run(
        [sys.executable, *program, "--data", str(tmp_path / "in"), "--out", str(tmp_path / "out")],
        cwd=REPO,
        check=True,
        capture_output=True,
        text=True,
    )
    assert len(read(tmp_path / "out" / "kind" / "one.csv")) == 50
    assert "one.csv: 50 points" in done.stderr
    assert done.stdout == ""


def test_a_score_depends_only_on_what_came_before(tmp_path: Path) -> None:
    values = noise(400)
    write(tmp_path / "in" / "a" / "whole.csv", values)
    write(tmp_path / "in" / "a" / "part.csv", values[:250])
    run(tmp_path / "in", tmp_path / "out")
    assert read(tmp_path / "out" / "a" / "whole.csv")[:250] == read(tmp_path / "out" / "a" / "part.csv")


def test_rows_that_cannot_be_read_are_answered_and_score_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "odd"
    values: list[object] = [*noise(60), "", "NaN", "inf", "-inf", "many", "1e999", *noise(60)]
    write(folder / "values.csv", values)
    write(folder / "empty.csv", [])
    write(folder / "constant.csv", [5] * 300)
    (folder / "times.csv").write_text(
        "value,timestamp\n1,2014-04-01 00:05:00\n2,2014-04-01 00:00:00\n3,never\n4\n\n5,2014-04-01T00:10:00Z\n6,9e99\n",
        encoding="utf-8",
    )
    assert run(tmp_path / "in", tmp_path / "out") == 0
    rows = read(tmp_path / "out" / "odd" / "values.csv")
    assert len(rows) == len(values)
    assert {row["anomaly_score"] for row in rows[60:66]} == {"0"}
    assert read(tmp_path / "out" / "odd" / "empty.csv") == []
    assert {row["anomaly_score"] for row in read(tmp_path / "out" / "odd" / "constant.csv")} == {"0"}
    assert [row["value"] for row in read(tmp_path / "out" / "odd" / "times.csv")] == ["1", "2", "3", "4", "5", "6"]


def test_a_file_that_is_damaged_is_named_and_the_others_are_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "in" / "a" / "good.csv", noise(30))
    (tmp_path / "in" / "a" / "bad.csv").write_text('timestamp,value\n"' + "x" * 200_000, encoding="utf-8")
    assert run(tmp_path / "in", tmp_path / "out") == 1
    assert "bad.csv: cannot be read" in capsys.readouterr().err
    assert len(read(tmp_path / "out" / "a" / "good.csv")) == 30


def test_a_river_model_stands_in_and_an_unknown_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "in" / "a" / "one.csv", noise(60))
    for name in ("HalfSpaceTrees", "StandardAbsoluteDeviation"):
        assert run(tmp_path / "in", tmp_path / "out", "--model", f"anomaly.{name}") == 0
        assert len(read(tmp_path / "out" / "a" / "one.csv")) == 60
    with pytest.raises(SystemExit):
        run(tmp_path / "in", tmp_path / "out", "--model", "anomaly.Nothing")
    assert "River has no such model" in capsys.readouterr().err


def test_folders_without_series_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(SystemExit):
            run(folder, tmp_path / "out")
    assert "holds no" in capsys.readouterr().err


# A series of 40 points with one window [20, 29]: 6 points of probation; the worth of its first point is 1.


def one_window() -> nabscore.Labelled:
    return nabscore.labelled("kind/series.csv", 40, [(20, 29)])


def earned(detections: list[int], profile: str = "standard") -> float:
    scores = np.zeros(40)
    scores[detections] = 1.0
    table = nabscore.table([one_window()], [scores], nabscore.PROFILES[profile])
    return table.score([0], int(np.flatnonzero(table.thresholds == 1.0)[0]))


def test_the_earliest_detection_in_a_window_counts_and_it_is_worth_most_at_the_left_edge() -> None:
    assert earned([20]) == pytest.approx(100.0)
    assert earned([20, 25, 29]) == pytest.approx(100.0)
    assert earned([29]) == pytest.approx(50 + 50 * nabscore.sigmoid(-0.1) / nabscore.sigmoid(-1.0))
    assert earned([28]) > earned([29])


def test_false_detections_cost_by_their_distance_behind_a_window_and_twice_in_the_second_profile() -> None:
    assert earned([20, 10]) == pytest.approx(100.0 - 50 * 0.11)
    assert earned([20, 10, 11], "low FP") == pytest.approx(100.0 - 50 * 0.44)
    assert earned([20, 30]) == pytest.approx(100.0 + 50 * 0.11 * nabscore.sigmoid(1 / 9))
    assert earned([20, 30]) > earned([20, 39])
    assert earned([20, 3]) == pytest.approx(100.0)  # in the probation


def test_a_window_that_is_missed_costs_and_saying_nothing_scores_zero() -> None:
    table = nabscore.table([one_window()], [np.zeros(40)], nabscore.PROFILES["low FN"])
    assert table.score([0], 0) == 0.0
    assert earned([10], "low FN") < 0.0


def test_the_best_threshold_is_found_for_all_series_together() -> None:
    quiet = nabscore.labelled("kind/quiet.csv", 40, [])
    found, noisy = np.zeros(40), np.zeros(40)
    found[20], noisy[10:20] = 0.7, 0.5
    table = nabscore.table([one_window(), quiet], [found, noisy], nabscore.PROFILES["standard"])
    best = table.best([0, 1])
    assert table.thresholds[best] == 0.7
    assert table.score([0, 1], best) == pytest.approx(100.0)


def test_made_series_are_the_same_for_a_seed_and_the_study_reads_what_the_program_wrote(tmp_path: Path) -> None:
    made.write(tmp_path / "in", seed=3, each=1)
    made.write(tmp_path / "again", seed=3, each=1)
    windows = json.loads((tmp_path / "in" / "labels" / "combined_windows.json").read_text("utf-8"))
    assert {name.partition("/")[0] for name in windows} == set(made.KINDS)
    for name in windows:
        assert (tmp_path / "in" / "data" / name).read_bytes() == (tmp_path / "again" / "data" / name).read_bytes()
    for name in [name for name in windows if not name.startswith(("prices", "latency"))]:
        (tmp_path / "in" / "data" / name).unlink()
        del windows[name]
    (tmp_path / "in" / "labels" / "combined_windows.json").write_text(json.dumps(windows), encoding="utf-8")
    assert run(tmp_path / "in", tmp_path / "out") == 0
    rows = {row["threshold"]: row for row in study.nab(tmp_path / "in", tmp_path / "out")}
    assert 40 < float(str(rows["decisions"]["standard"])) <= float(str(rows["optimum"]["standard"])) <= 100


@pytest.mark.data
@pytest.mark.slow
def test_the_shared_categories_reach_what_the_documentation_says(tmp_path: Path) -> None:
    data = data_path("nab")
    assert nab.main(["--data", str(data), "--out", str(tmp_path), "--processes", "2"]) == 0
    rows = {row["threshold"]: row for row in study.nab(data, tmp_path)}
    least = {"optimum": (81, 77, 84.5), "left out": (77, 73.5, 80.5), "decisions": (78, 74, 80)}
    for name, floors in least.items():
        found = [float(str(rows[name][profile])) for profile in nabscore.PROFILES]
        assert all(value >= floor for value, floor in zip(found, floors, strict=True)), (name, found)
