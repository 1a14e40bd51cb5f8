"""Work that takes longer than a request: done by a process of its own, looked at by its number."""

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import structlog

State = Literal["running", "done", "failed", "stopped"]
MOST_RUNNING = 2
MOST_KEPT = 50
LONGEST_S = 3600.0
_MOST_SAID_BYTES = 20_000
_log = structlog.get_logger("makegood.console")


class TooManyJobsError(Exception):
    """Enough jobs run: wait for one, or stop one."""


@dataclass(slots=True)
class Job:
    """One job.

    Attributes:
        id: to look at it. kind: what it does. by: who asked for it.
        progress: the last line that it said of itself.
        result: what it found, once it is done; a status of 1 means that it found something wrong, which is a result.
        error: why it failed, for people.
    """

    id: str
    kind: str
    by: str
    began_us: int
    state: State = "running"
    ended_us: int | None = None
    progress: str = ""
    result: Any = None
    error: str = ""
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class Jobs:
    """The jobs of one application. Used on the event loop's thread.

    Args:
        now_us: the time, microseconds UTC.
    """

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._jobs: dict[str, Job] = {}

    def start(self, kind: str, by: str, arguments: Sequence[str]) -> Job:
        """Begin a job: ``makegood`` with these arguments, which must include ``--json``.

        Raises:
            TooManyJobsError: enough run.
        """
        if sum(job.state == "running" for job in self._jobs.values()) >= MOST_RUNNING:
            msg = f"{MOST_RUNNING} jobs run: wait for one of them, or stop one"
            raise TooManyJobsError(msg)
        job = Job(secrets.token_hex(8), kind, by, self._now_us())
        self._jobs[job.id] = job
        ended = [one.id for one in self._jobs.values() if one.state != "running"]
        for old in ended[: max(0, len(self._jobs) - MOST_KEPT)]:
            del self._jobs[old]
        job.task = asyncio.get_running_loop().create_task(self._run(job, arguments))
        return job

    def get(self, job_id: str) -> Job | None:
        """Return a job; None: there is none (any more)."""
        return self._jobs.get(job_id)

    def list(self) -> list[Job]:
        """Return all, the newest first."""
        return sorted(self._jobs.values(), key=lambda job: (-job.began_us, job.id))

    async def stop(self, job: Job) -> None:
        """Stop a job, if it runs."""
        if job.task is not None and not job.task.done():
            job.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await job.task

    async def close(self) -> None:
        """Stop all."""
        for job in list(self._jobs.values()):
            await self.stop(job)

    async def _run(self, job: Job, arguments: Sequence[str]) -> None:
        command = (sys.executable, "-m", "pipeline.cli", *arguments)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(os.environ),
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(LONGEST_S):
                out, said = await asyncio.gather(_all(process.stdout), self._listen(job, process.stderr))
                status = await process.wait()
            self._finish(job, status, out, said)
        except asyncio.CancelledError:
            job.state, job.error = "stopped", "it was stopped"
            raise
        except TimeoutError:
            job.state, job.error = "failed", f"it took longer than {LONGEST_S:.0f} s"
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            job.ended_us = self._now_us()

    def _finish(self, job: Job, status: int, out: bytes, said: str) -> None:
        if status not in {0, 1}:
            job.state, job.error = "failed", said.strip() or f"it ended with status {status}"
            _log.warning("job_failed", job=job.id, kind=job.kind, status=status)
            return
        try:
            job.result = msgspec.json.decode(out)
        except msgspec.DecodeError:
            job.state, job.error = "failed", said.strip() or "it said nothing that can be read"
            return
        job.state = "done"

    async def _listen(self, job: Job, stream: asyncio.StreamReader | None) -> str:
        """Keep the last line that it says as its progress; return the end of what it said."""
        said = b""
        while stream is not None and (chunk := await stream.read(4096)):
            said = (said + chunk)[-_MOST_SAID_BYTES:]
            lines = said.decode(errors="replace").replace("\r", "\n").strip().splitlines()
            job.progress = lines[-1][:300] if lines else ""
        return said.decode(errors="replace")


async def _all(stream: asyncio.StreamReader | None) -> bytes:
    return b"" if stream is None else await stream.read()
