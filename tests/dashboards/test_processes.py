"""Processes of jobs: they end when they are to, for whatever reason, and leave nothing behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from dashboards.jobs import Job, Jobs, Lane, TooManyJobsError
from dashboards.processes import JobError, Limits, Progress, run
from tests.support.backtests import write_recording
from tests.support.patience import PATIENCE_S, until


@pytest.fixture
def blocked(tmp_path: Path) -> list[str]:
    """Arguments of a backtest that reads, and never gets anything."""
    write_recording(tmp_path)
    os.mkfifo(tmp_path / "never.jsonl")
    config, feed = tmp_path / "live.yaml", tmp_path / "never.jsonl"
    return ["backtest", f"--config={config}", f"--feed=social={feed}", "--progress-lines", "--json"]


def of_folder(folder: Path) -> list[int]:
    """Return the processes that have a folder among their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(folder).encode() in words and b"dashboards.job_child" in words:
                found.append(int(entry.name))
    return found


def heard(_said: Progress | str) -> None:
    pass


def done(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, PATIENCE_S))


def test_what_it_writes_comes_back_and_progress_is_told_apart(tmp_path: Path) -> None:
    write_recording(tmp_path)
    told: list[Progress | str] = []
    arguments = ["backtest", f"--config={tmp_path / 'live.yaml'}", "--progress-lines", "--json"]
    ended = done(run(arguments, tmp_path, Limits(), told.append))
    assert ended.status == 0
    assert ended.out.startswith(b'{"format":1')
    assert all(0.0 <= one.share <= 1.0 for one in told if isinstance(one, Progress))


def test_one_that_fails_says_why(tmp_path: Path) -> None:
    ended = done(run(["backtest", "--config=nowhere.yaml", "--json"], tmp_path, Limits(), heard))
    assert ended.status == 2
    assert "nowhere.yaml" in ended.said


def test_one_that_takes_too_long_is_ended(tmp_path: Path, blocked: list[str]) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    with pytest.raises(JobError, match="took longer than the 1 s that it may take"):
        done(run(blocked, folder, Limits(within_s=1.0), heard))
    assert of_folder(folder) == []


def test_one_that_needs_too_much_memory_is_ended_and_says_which_setting(tmp_path: Path, blocked: list[str]) -> None:
    limits = Limits(memory_bytes=40_000_000, memory_setting="console.backtests.memory_bytes")
    with pytest.raises(JobError, match=r"needed more than the 40 MB of memory .*console\.backtests\.memory_bytes"):
        done(run(blocked, tmp_path, limits, heard))


def test_one_that_is_cancelled_is_gone_when_that_returns(tmp_path: Path, blocked: list[str]) -> None:
    folder = tmp_path / "work"
    folder.mkdir()

    async def cancelled() -> None:
        task = asyncio.create_task(run(blocked, folder, Limits(), heard))
        while not of_folder(folder):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert of_folder(folder) == []

    done(cancelled())


def test_one_whose_server_is_killed_ends_with_it(tmp_path: Path, blocked: list[str]) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    code = (
        "import asyncio, sys, pathlib\n"
        "from dashboards.processes import Limits, run\n"
        "asyncio.run(run(sys.argv[2:], pathlib.Path(sys.argv[1]), Limits(), lambda _said: None))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(folder), *blocked]) as server:
        until(lambda: of_folder(folder), "the process of the job")
        until(lambda: any(folder.iterdir()), "its work")  # past its start: it waits for the pipe
        server.send_signal(signal.SIGKILL)
    until(lambda: not of_folder(folder), "its end")
    until(lambda: not folder.exists(), "the end of its files")


def jobs_of(lane: Lane) -> Jobs:
    return Jobs(lambda: time.time_ns() // 1000, {"backtest": lane})


def states(jobs: Sequence[Job]) -> list[str]:
    return [job.state for job in jobs]


def test_one_runs_at_a_time_others_wait_and_more_are_refused(blocked: list[str]) -> None:
    async def queue() -> None:
        jobs = jobs_of(Lane(1, 1))
        first, second = (jobs.start("backtest", "ann", blocked) for _ in range(2))
        assert states([first, second]) == ["running", "queued"]
        with pytest.raises(TooManyJobsError, match="1 job runs, 1 wait"):
            jobs.start("backtest", "ann", blocked)
        other = jobs.start("drill", "ann", ["--version"])  # another lane
        await jobs.stop(first)
        while second.state != "running":
            await asyncio.sleep(0.01)
        third = jobs.start("backtest", "ann", blocked)
        await jobs.stop(third)
        assert states([first, second, third]) == ["cancelled", "running", "cancelled"]
        await jobs.close()
        assert (second.state, second.error) == ("failed", "the server was stopped before it was done: ask again")
        assert other.ended

    done(queue())


def test_one_that_is_stopped_before_it_begins_is_cancelled(blocked: list[str]) -> None:
    async def at_once() -> None:
        told: list[str] = []
        jobs = jobs_of(Lane(1, 0))
        job = jobs.start("backtest", "ann", blocked, changed=lambda one: told.append(one.state))
        await jobs.stop(job)
        assert (job.state, told[-1]) == ("cancelled", "cancelled")
        assert job.ended_us is not None

    done(at_once())
