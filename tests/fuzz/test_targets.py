"""The targets of guided fuzzing: with what earlier runs found, with any bytes, and guided by coverage."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.fuzz.followed import follow
from tests.fuzz.keep import CORPUS, LARGEST_BYTES, MOST, chosen
from tests.fuzz.seeds import seeds_of_target
from tests.fuzz.targets import TARGETS, _Trickle, lines
from tests.support.fuzz import fuzzed
from tests.support.patience import PATIENCE_S

REPO = Path(__file__).resolve().parents[2]
NEEDS_ATHERIS = pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_what_earlier_runs_found_breaks_no_rule(name: str) -> None:
    kept = sorted((CORPUS / name).iterdir()) if (CORPUS / name).exists() else []
    assert len(kept) <= MOST, "choose anew: python -m tests.fuzz.keep"
    with capture_logs():
        for seed in seeds_of_target(name):
            TARGETS[name](seed)
        for path in kept:
            assert path.stat().st_size <= LARGEST_BYTES
            TARGETS[name](path.read_bytes())


@pytest.mark.parametrize("name", ["decode", "mapping", "times", "lines", "table", "tail"])
def test_no_bytes_break_a_rule(name: str) -> None:
    @given(st.one_of(st.binary(max_size=200), changed_seeds(name)))
    def run(data: bytes) -> None:
        with capture_logs():
            TARGETS[name](data)

    run()


def changed_seeds(name: str) -> st.SearchStrategy[bytes]:
    """Return seeds with a few bytes replaced."""
    edits = st.lists(st.tuples(st.integers(0, 500), st.binary(max_size=3)), max_size=4)

    def apply(seed: bytes, changes: list[tuple[int, bytes]]) -> bytes:
        for place, new in changes:
            at = place % (len(seed) + 1)
            seed = seed[:at] + new + seed[at + len(new) // 2 :]
        return seed

    return st.builds(apply, st.sampled_from(seeds_of_target(name)), edits)


def guided(name: str, folder: Path, *options: str, timeout_s: float) -> str:
    command = [sys.executable, "-m", "tests.fuzz.guided", name, str(folder), "-seed=1", *options]
    done = subprocess.run(
        command, cwd=REPO, capture_output=True, text=True, timeout=timeout_s, check=False, errors="replace"
    )
    told = done.stderr + done.stdout
    assert done.returncode == 0, told[-4_000:]
    return told


def test_of_many_inputs_the_fewest_that_reach_as_much_are_kept() -> None:
    inputs = [b"\x00\x002024-05-01T09:30:00Z", b"\x00\x002024-05-01T09:30:01Z", b"\x00\x00x", b"\x00\x00y", b""]
    kept = chosen("times", inputs)
    assert len(kept) == 2
    assert {len(data) for data in kept} == {22, 3}


@NEEDS_ATHERIS
def test_guided_by_coverage_nothing_breaks_a_rule(tmp_path: Path) -> None:
    told = guided("anything", tmp_path, "-runs=3000", timeout_s=3 * PATIENCE_S)
    assert "Done 3000 runs" in told
    assert "NEW" in told, "no input reached anything new: is the code instrumented?"
    assert any(tmp_path.iterdir())


@NEEDS_ATHERIS
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["decode", "mapping", "times", "lines", "table", "tail"])
def test_guided_by_coverage_for_long_nothing_breaks_a_rule(name: str, tmp_path: Path) -> None:
    assert "Done" in guided(name, tmp_path, "-runs=300000", "-max_total_time=300", timeout_s=800)


@NEEDS_ATHERIS
def test_a_broken_rule_ends_guided_fuzzing(tmp_path: Path) -> None:
    script = tmp_path / "planted.py"
    script.write_text(
        "import sys\nfrom tests.fuzz import guided\n"
        "def planted(data):\n    if data[:2] == b'{\"': raise ValueError('planted')\n"
        "guided.targets.TARGETS['decode'] = planted\n"
        "guided.main(['decode', sys.argv[1], '-runs=3000', '-seed=1'])\n"
    )
    found = tmp_path / "found"
    command = [sys.executable, str(script), str(found)]
    done = subprocess.run(
        command, cwd=REPO, env={"PYTHONPATH": str(REPO)}, capture_output=True, text=True, timeout=3 * PATIENCE_S,
        check=False, errors="replace",
    )  # fmt: skip
    assert done.returncode == 77
    assert "planted" in done.stderr + done.stdout
    assert list(found.glob("crash-*"))


def test_a_line_of_blanks_is_no_record() -> None:
    from pipeline.records.lines import LineReader  # noqa: PLC0415

    reader = LineReader(_Trickle(b"x\n \ny\n", 64), 0, max_record_bytes=64, whole=True)  # type: ignore[arg-type]
    assert reader.take(9).records == [b"x", b"y"]


def test_a_reader_that_has_read_nothing_goes_on_in_the_file_that_was_rotated(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(b"unfinished")
    first = follow(path, 0, {})
    first.take(9)
    marks, position = first.marks(), first.position
    first.close()
    with path.open("ab") as file:
        file.write(b" and finished\n")
    path.rename(tmp_path / "app.log.1")
    path.write_bytes(b"new\n")
    again = follow(path, position, marks)
    found = [record for _ in range(4) for record in again.take(9).records]
    again.close()
    assert found == [b"unfinished and finished", b"new"]


def test_the_records_of_the_older_generator_break_no_rule_of_lines() -> None:
    lines(b"\x1f\x3f\x07" + b"\n".join(record[:200] for record in fuzzed(80, seed=3)))
