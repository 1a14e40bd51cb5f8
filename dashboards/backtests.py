"""Backtests over recordings: one after the other, by processes of their own, kept in Redis beyond a restart."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import msgspec
import structlog
from anyio import to_thread

from alerts.connection import StoreError, StoreUnavailableError
from alerts.job_book import ENDED, JobBook, KeptJob
from alerts.store import AlertStore
from config.backtests import BacktestSettings
from dashboards.backtest_plan import Plan
from dashboards.jobs import Job, Jobs, Lane
from dashboards.processes import Limits
from pipeline.backtest.result import Backtest

KIND = "backtest"
_KEEP_EVERY_S = 1.0
_log = structlog.get_logger("makegood.console")
_to_result = msgspec.json.Decoder(Backtest)


def lane(settings: BacktestSettings) -> Lane:
    """Return how backtests are run: one at a time."""
    limits = Limits(settings.within / 1e6, settings.memory_bytes, "console.backtests.memory_bytes")
    return Lane(1, settings.waiting, limits)


class Looked(NamedTuple):
    """A backtest, and what it found; None: it is not done, or that is no longer kept."""

    job: KeptJob
    result: Backtest | None


class Backtests:
    """The backtests of one application; it knows of those of other servers on the same store as well.

    Used on the event loop's thread. Whatever reads or writes Redis raises :class:`StoreUnavailableError` while that is
    away.

    Args:
        jobs: that runs them, in the lane of :data:`KIND`.
        store: of the alerts.
        settings: of backtests.
    """

    def __init__(self, jobs: Jobs, store: AlertStore, settings: BacktestSettings) -> None:
        self._jobs = jobs
        self._server = secrets.token_hex(8)
        self._book = JobBook(store, self._server, settings.keep)
        self._changed: dict[str, Job] = {}
        self._soon = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def start(self, plan: Plan, by: str) -> KeptJob:
        """Take a backtest on: it runs when its turn has come.

        Raises:
            TooManyJobsError: enough wait.
        """
        job = self._jobs.start(KIND, by, plan.prepare, about=plan.about, changed=self._note)
        try:
            await to_thread.run_sync(self._book.add, self._kept(job))
        except BaseException:
            await self._jobs.stop(job)
            raise
        self._note(job)
        return self._kept(job)

    async def listed(self) -> list[KeptJob]:
        """Return all, the newest first."""
        found = await to_thread.run_sync(self._book.all_of, KIND)
        return [self._now(one) for one in found]

    async def get(self, job_id: str) -> Looked | None:
        """Return one; None: there is none (any more)."""
        own = self._own(job_id)
        kept = self._kept(own) if own is not None else await to_thread.run_sync(self._book.get, job_id)
        if kept is None or kept.kind != KIND:
            return None
        if own is not None and own.state == "done":
            return Looked(kept, msgspec.convert(own.result, Backtest))
        text = await to_thread.run_sync(self._book.result, job_id) if kept.state == "done" else None
        return Looked(kept, None if text is None else _to_result.decode(text))

    async def cancel(self, kept: KeptJob) -> KeptJob:
        """End one that runs or waits; of another server: have it end it, within seconds. Return how it is now."""
        own = self._own(kept.id)
        if own is not None:
            await self._jobs.stop(own)
            return self._kept(own)
        if kept.state not in ENDED:
            await to_thread.run_sync(self._book.cancel, kept.id)
        return kept

    async def close(self) -> None:
        """Write what has become of all; call it when the jobs are closed."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._changed:
            await self._write()
            await self._try(self._book.leave)

    def _own(self, job_id: str) -> Job | None:
        job = self._jobs.get(job_id)
        return job if job is not None and job.kind == KIND else None

    def _now(self, kept: KeptJob) -> KeptJob:
        own = self._own(kept.id)
        return kept if own is None else self._kept(own)

    def _kept(self, job: Job) -> KeptJob:
        return KeptJob(
            id=job.id,
            kind=job.kind,
            by=job.by,
            about=job.about,
            asked_us=job.asked_us,
            began_us=job.began_us,
            ended_us=job.ended_us,
            state=job.state,
            share=job.share,
            reading=job.progress if job.state == "running" else "",
            error=job.error,
            server=self._server,
        )

    def _note(self, job: Job) -> None:
        self._changed[job.id] = job
        if job.ended:
            self._soon.set()
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        """Write what has changed, and hear what is to be ended, while there is anything of either."""
        while self._changed or any(job.kind == KIND and not job.ended for job in self._jobs.list()):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._soon.wait(), _KEEP_EVERY_S)
            self._soon.clear()
            await self._write()

    async def _write(self) -> None:
        changed, self._changed = self._changed, {}
        kept = [self._kept(job) for job in changed.values()]
        results = {job.id: msgspec.json.encode(job.result).decode() for job in changed.values() if job.state == "done"}
        wanted: set[str] = set()
        if not await self._try(lambda: wanted.update(self._book.write(*kept, results=results))):
            self._changed = {**changed, **self._changed}
        for job_id in wanted:
            own = self._own(job_id)
            if own is not None:
                await self._jobs.stop(own)

    async def _try(self, act: Callable[[], object]) -> bool:
        """Do something with Redis; return whether it could be done. Where not, it is done again later."""
        try:
            await to_thread.run_sync(act)
        except (StoreUnavailableError, StoreError) as error:
            _log.warning("backtests_not_written", error=str(error))
            return False
        return True
