"""The comparison with peers tells right from wrong, and our own job and the bare loop come out right."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.peers import windows
from benchmarks.peers.contestants import CONTESTANTS, REPO
from benchmarks.peers.environments import HERE
from benchmarks.peers.process import Run
from benchmarks.peers.recording import customer, group, split, write_recording
from benchmarks.peers.report import Measured, conclusions

PEERS = REPO / "var" / "peers"


def run_bench(folder: Path, events: int, only: str) -> dict[str, list[str]]:
    """Run the comparison; return what was wrong, by contestant and cores."""
    command = [sys.executable, "-m", "benchmarks.peers", "--events", str(events), "--rounds", "1", "--only", only]
    done = subprocess.run(
        [*command, "--folder", str(folder)], cwd=REPO, capture_output=True, text=True, timeout=1_500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((folder / "results.json").read_bytes())["rows"]
    return {f"{row['name']}/{row['cores']}": row["wrong"] for row in rows}


def test_makegood_on_one_and_two_cores_and_the_bare_loop_give_the_exact_answer(tmp_path: Path) -> None:
    wrong = run_bench(tmp_path, 20_000, "bare,makegood")
    assert wrong == {"bare/1": [], "makegood/1": [], "makegood/2": []}


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.timeout(1_600)
def test_every_peer_that_is_installed_gives_the_exact_answer(tmp_path: Path) -> None:
    installed = [
        contestant.name
        for contestant in CONTESTANTS
        if contestant.environment and (PEERS / "env" / contestant.environment / ".installed").exists()
    ]
    if not installed:
        pytest.skip("no peer is installed; make bench-peers installs them")
    (tmp_path / "env").symlink_to(PEERS / "env")
    assert not any(run_bench(tmp_path, 50_000, ",".join(installed)).values())


def test_the_recording_is_the_same_for_the_same_seed_and_holds_repeats_and_broken_lines(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    made = write_recording(one, 30_000)
    assert made == write_recording(other, 30_000)
    assert one.read_bytes() == other.read_bytes()
    lines = one.read_bytes().splitlines()
    assert len(lines) == made.lines == 30_000
    assert len(lines) - len(set(lines)) == made.repeats > 0
    counted = sum(count for count, _, _ in windows.exact(one, drop_repeats=False).values())
    assert counted == made.lines - made.broken < made.lines
    assert sum(count for count, _, _ in windows.exact(one, drop_repeats=True).values()) == counted - made.repeats


@pytest.mark.parametrize("by", [customer, group], ids=["customer", "group"])
def test_sharing_out_keeps_every_line_and_repeats_together(tmp_path: Path, by: Callable[[bytes], bytes]) -> None:
    whole, parts = tmp_path / "all", [tmp_path / "0", tmp_path / "1"]
    write_recording(whole, 5_000)
    split(whole, parts, by)
    shares = [part.read_bytes().splitlines() for part in parts]
    assert sorted(shares[0] + shares[1]) == sorted(whole.read_bytes().splitlines())
    assert not set(shares[0]) & set(shares[1])
    assert min(map(len, shares)) > 1_000


def test_a_window_that_is_missing_or_too_many_or_off_is_a_difference() -> None:
    right = {(minute, "tv", "east"): (4, 0.25, 0.125) for minute in (60, 120, 180)}
    assert windows.differences(right, dict(right)) == []
    assert windows.differences(right, {**right, (60, "tv", "east"): (5, 0.25, 0.125)})
    assert windows.differences(right, {**right, (60, "tv", "east"): (4, 0.25, 0.125001)})
    assert windows.differences(right, {**right, (60, "tv", "west"): (1, 0.0, 0.0)})
    assert windows.differences(right, {key: right[key] for key in list(right)[1:]})


def test_windows_of_the_minute_in_which_the_recording_ends_are_not_compared() -> None:
    right = {(60, "tv", "east"): (4, 0.25, 0.125), (120, "tv", "east"): (1, 0.0, 0.5)}
    assert windows.differences(right, {(60, "tv", "east"): (4, 0.25, 0.125)}) == []


def test_a_window_that_is_written_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "windows.csv"
    path.write_text("60,tv,east,4,0.25,0.125\n60,tv,east,1,0.0,0.5\n")
    with pytest.raises(ValueError, match="written twice"):
        windows.read([path])


def test_start_up_is_taken_off_and_what_is_too_short_says_nothing() -> None:
    start, short = Run(2.0, 2.0, 1), Run(2.5, 2.5, 1)
    ours = Measured("makegood", "", 1, 1_000, [start], [Run(12.0, 11.0, 1)])
    peer = Measured("flink", "", 1, 1_000, [start], [Run(22.0, 20.0, 1)])
    assert ours.best == 100.0
    assert ours.cpu_us == pytest.approx(9_000.0)
    assert not Measured("quix", "", 1, 1_000, [start], [short]).says_something
    assert conclusions([ours, peer]) == [
        "1 core(s): Makegood 2.00 x the best peer (PyFlink, Table API); by CPU time 2.00 x"
    ]


def test_a_run_that_waited_for_its_core_is_told() -> None:
    shared = Measured("bare", "", 1, 1_000, [Run(1.0, 1.0, 1)], [Run(10.0, 5.0, 1)])
    assert [line for line in conclusions([shared]) if "held up" in line and line.endswith(" bare/1")]


def test_every_contestant_is_pinned() -> None:
    for environment in {contestant.environment for contestant in CONTESTANTS} - {""}:
        lines = (HERE / f"requirements-{environment}.txt").read_text().splitlines()
        assert all("==" in line for line in lines if line and not line.startswith("#"))
