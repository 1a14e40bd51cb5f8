"""Work that takes longer than a request: done by a process of its own, looked at by its number."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog
from anyio import to_thread

from alerts.job_book import ENDED, State
from dashboards.errors import DEFECT
from dashboards.processes import Ended, JobError, Limits, Progress, run

MOST_KEPT = 50
STOPPED = "the server was stopped before it was done: ask again"
_log = structlog.get_logger("makegood.console")
Prepare = Callable[[Path], Sequence[str]]
"""Given the folder for a job's temporary files, returns the arguments of ``makegood``. It may block."""


class TooManyJobsError(Exception):
    """Enough jobs run and wait: wait for one, or stop one."""


class Lane(NamedTuple):
    """How many jobs of a kind run at a time, and how many may wait."""

    at_once: int = 2
    waiting: int = 0
    limits: Limits = Limits()


@dataclass(slots=True)
class Job:
    """One job.

    Attributes:
        id: to look at it. kind: what it does. by: who asked for it. about: what they asked for.
        asked_us, began_us, ended_us: microseconds UTC; it may have waited before it began.
        share: how much of it is done, 0 to 1, where it says so.
        progress: the last line that it said of itself.
        result: what it found, once it is done; a status of 1 means that it found something wrong, which is a result.
        error: why it failed, for people.
        changed: called when anything of it has changed.
    """

    id: str
    kind: str
    by: str
    asked_us: int
    about: dict[str, Any] = field(default_factory=dict)
    state: State = "queued"
    began_us: int | None = None
    ended_us: int | None = None
    share: float = 0.0
    progress: str = ""
    result: Any = None
    error: str = ""
    changed: "Callable[[Job], None] | None" = field(default=None, repr=False)
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)

    @property
    def ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in ENDED


class Jobs:
    """The jobs of one application. Used on the event loop's thread.

    Args:
        now_us: the time, microseconds UTC.
        lanes: by kind, those that have a lane of their own; all others share one.
    """

    def __init__(self, now_us: Callable[[], int], lanes: Mapping[str, Lane] | None = None) -> None:
        self._now_us = now_us
        self._lanes = {"": Lane(), **(lanes or {})}
        self._turns = {name: asyncio.Semaphore(lane.at_once) for name, lane in self._lanes.items()}
        self._jobs: dict[str, Job] = {}
        self._closing = False

    def start(
        self,
        kind: str,
        by: str,
        arguments: Sequence[str] | Prepare,
        *,
        about: dict[str, Any] | None = None,
        changed: Callable[[Job], None] | None = None,
    ) -> Job:
        """Begin a job, or have it wait for its turn.

        Args:
            kind: what it does.
            by: who asked for it.
            arguments: of ``makegood``, with ``--json`` among them; or what returns them.
            about: what they asked for, as plain data.
            changed: called when anything of it has changed.

        Raises:
            TooManyJobsError: enough run and wait.
        """
        name = self._lane_of(kind)
        lane = self._lanes[name]
        self._must_have_room(name)
        job = Job(secrets.token_hex(8), kind, by, self._now_us(), about or {}, changed=changed)
        if self._open(name) < lane.at_once:
            job.state, job.began_us = "running", job.asked_us
        self._jobs[job.id] = job
        ended = [one.id for one in self._jobs.values() if one.ended]
        for old in ended[: max(0, len(self._jobs) - MOST_KEPT)]:
            del self._jobs[old]
        prepare: Prepare = arguments if callable(arguments) else partial(_ready, arguments)
        job.task = asyncio.get_running_loop().create_task(self._take_turn(job, name, prepare))
        return job

    def _must_have_room(self, name: str) -> None:
        lane = self._lanes[name]
        if self._open(name) >= lane.at_once + lane.waiting:
            waiting = f", {lane.waiting} wait" if lane.waiting else ""
            runs = "1 job runs" if lane.at_once == 1 else f"{lane.at_once} jobs run"
            msg = f"{runs}{waiting}: wait for one of them, or stop one"
            raise TooManyJobsError(msg)

    def get(self, job_id: str) -> Job | None:
        """Return a job; None: there is none (any more)."""
        return self._jobs.get(job_id)

    def list(self) -> list[Job]:
        """Return all, the newest first."""
        return sorted(self._jobs.values(), key=lambda job: (-job.asked_us, job.id))

    async def stop(self, job: Job) -> None:
        """Stop a job, if it runs or waits. Its process is gone when this returns."""
        if job.task is not None and not job.task.done():
            job.task.cancel()
            with suppress(asyncio.CancelledError):
                await job.task
            if not job.ended:  # it had not even begun
                self._stopped(job)
                self._ended(job)

    async def close(self) -> None:
        """Stop all."""
        self._closing = True
        for job in list(self._jobs.values()):
            await self.stop(job)

    def _open(self, lane: str) -> int:
        return sum(not job.ended for job in self._jobs.values() if self._lane_of(job.kind) == lane)

    def _lane_of(self, kind: str) -> str:
        return kind if kind in self._lanes else ""

    async def _take_turn(self, job: Job, lane: str, prepare: Prepare) -> None:
        try:
            async with self._turns[lane]:
                job.state, job.began_us = "running", self._now_us()
                _tell(job)
                await _run(job, self._lanes[lane].limits, prepare)
            job.state, job.share = "done", 1.0
        except asyncio.CancelledError:
            self._stopped(job)
            raise
        except (JobError, OSError) as error:
            job.state, job.error = "failed", str(error)
            _log.warning("job_failed", job=job.id, kind=job.kind, error=job.error)
        finally:
            if not job.ended:
                job.state, job.error = "failed", DEFECT
            self._ended(job)

    def _stopped(self, job: Job) -> None:
        job.state, job.error = ("failed", STOPPED) if self._closing else ("cancelled", "")

    def _ended(self, job: Job) -> None:
        job.ended_us = self._now_us()
        _tell(job)


async def _run(job: Job, limits: Limits, prepare: Prepare) -> None:
    def hear(said: Progress | str) -> None:
        if isinstance(said, Progress):
            job.share, job.progress = max(job.share, min(said.share, 0.99)), said.words
        else:
            job.progress = said
        _tell(job)

    folder = Path(tempfile.mkdtemp(prefix="makegood-job-"))
    try:
        arguments = await to_thread.run_sync(prepare, folder)
        _finish(job, await run(arguments, folder, limits, hear))
    finally:
        await to_thread.run_sync(partial(shutil.rmtree, folder, ignore_errors=True))


def _tell(job: Job) -> None:
    if job.changed is not None:
        job.changed(job)


def _finish(job: Job, ended: Ended) -> None:
    """Take what a process wrote.

    Raises:
        JobError: when that is no result.
    """
    if ended.status not in {0, 1}:
        raise JobError(ended.said.strip() or f"it ended with status {ended.status}")
    try:
        job.result = msgspec.json.decode(ended.out)
    except msgspec.DecodeError as error:
        raise JobError(ended.said.strip() or "it said nothing that can be read") from error


def _ready(arguments: Sequence[str], _folder: Path) -> Sequence[str]:
    return arguments
