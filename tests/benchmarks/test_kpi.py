"""benchmarks/kpi.py, and the scoring of its results."""

import csv
import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import kpi
from benchmarks.series import kpiscore, study
from tests.support.data import data_path

REPO = Path(__file__).resolve().parents[2]


def lines(points: int, spike: int | None = None) -> list[str]:
    values = np.random.default_rng(2).normal(100.0, 5.0, points).round(2).tolist()
    labels = [0] * points
    if spike is not None:
        values[spike], labels[spike] = 400.0, 1
    return [f"{1_500_000_000 + 60 * i},{value},{labels[i]}" for i, value in enumerate(values)]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def run(data: Path, out: Path) -> int:
    return kpi.main(["--data", str(data), "--out", str(out), "--processes", "1"])


def test_plain_and_compressed_files_are_answered_under_their_stem(tmp_path: Path) -> None:
    rows = lines(1300, spike=1100)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "plain.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    with gzip.open(tmp_path / "in" / "packed.csv.gz", "wt") as file:
        file.write("\n".join(rows) + "\n")
    assert run(tmp_path / "in", tmp_path / "out") == 0
    found = read(tmp_path / "out" / "packed.csv")
    assert list(found[0]) == ["timestamp", "value", "label", "score", "alert"]
    assert [",".join((row["timestamp"], row["value"], row["label"])) for row in found] == rows
    assert found == read(tmp_path / "out" / "plain.csv")
    assert found[1100]["alert"] == "1"
    assert sum(row["alert"] == "1" for row in found[600:]) <= 3
    assert max(range(600, 1300), key=lambda i: float(found[i]["score"])) == 1100


def test_labels_change_nothing_but_their_own_column(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    rows = lines(500)
    (tmp_path / "in" / "a.csv").write_text("\n".join(rows), encoding="utf-8")
    (tmp_path / "in" / "b.csv").write_text("\n".join(row[:-1] + "1" for row in rows), encoding="utf-8")
    run(tmp_path / "in", tmp_path / "out")
    one, other = read(tmp_path / "out" / "a.csv"), read(tmp_path / "out" / "b.csv")
    assert [(row["score"], row["alert"]) for row in one] == [(row["score"], row["alert"]) for row in other]


def test_rows_that_cannot_be_read_are_answered(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    odd = ["timestamp,value,label", *lines(40), "x,1,0", "1500003000,,1", "1500003060,nan", "1499990000,5,0", "", "7"]
    (tmp_path / "in" / "odd.csv").write_text("\n".join(odd), encoding="utf-8")
    assert run(tmp_path / "in", tmp_path / "out") == 0
    found = read(tmp_path / "out" / "odd.csv")
    assert len(found) == 45
    assert [row["label"] for row in found[40:]] == ["0", "1", "0", "0", "0"]
    assert [row["score"] for row in found[41:43]] == ["0", "0"]


@pytest.mark.parametrize("how", ["file", "module"])
def test_it_runs_as_a_file_and_as_a_module(tmp_path: Path, how: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("\n".join(lines(30)), encoding="utf-8")
    program = ["benchmarks/kpi.py"] if how == "file" else ["-m", "benchmarks.kpi"]
    command = [sys.executable, *program, "--data", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    subprocess.run(command, cwd=REPO, check=True, capture_output=True)
    assert len(read(tmp_path / "out" / "a.csv")) == 30


def test_a_segment_counts_whole_if_found_in_time_and_not_at_all_later() -> None:
    labels = np.zeros(40, dtype=np.int64)
    labels[5:25] = 1
    levels = np.array([1.0])

    def counted(*detections: int) -> tuple[float, float, float]:
        scores = np.zeros(40)
        scores[list(detections)] = 1.0
        found, false, missed = kpiscore.counts([labels], [scores], levels)
        return found[0, 0], false[0, 0], missed[0, 0]

    assert counted(12) == (20, 0, 0)
    assert counted(13, 20) == (0, 0, 20)
    assert counted(5, 6, 30, 31) == (20, 2, 0)
    assert kpiscore.counts([labels], [labels.astype(float)], levels).f1([0])[0] == 1.0


def test_the_study_reads_what_the_program_wrote(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, spike in (("a", 900), ("b", 1000)):
        (tmp_path / "in" / f"{name}.csv").write_text("\n".join(lines(1200, spike)), encoding="utf-8")
    run(tmp_path / "in", tmp_path / "out")
    rows = {row["threshold"]: row for row in study.kpi(tmp_path / "out")}
    assert float(str(rows["tuned"]["F1"])) > 0.5
    for halves in ("first and last half", "even and odd", "halves at random"):
        assert float(str(rows[halves]["F1"])) > 0.3
    assert 0.1 < float(str(rows["decisions"]["F1"])) <= 1.0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_shared_series_reach_what_the_documentation_says(tmp_path: Path) -> None:
    assert kpi.main(["--data", str(data_path("kpi")), "--out", str(tmp_path), "--processes", "2"]) == 0
    rows = {row["threshold"]: float(str(row["F1"])) for row in study.kpi(tmp_path)}
    assert rows["tuned"] >= 0.83
    assert min(rows["first and last half"], rows["even and odd"], rows["halves at random"]) >= 0.8, rows
