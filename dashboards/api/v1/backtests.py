"""Backtests: what a change of a detector would have done to a recording, found out by a process of its own."""

from datetime import datetime
from typing import Annotated

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from alerts.job_book import ENDED, KeptJob
from config.durations import US_PER_SECOND
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.answering import Key, once, shown
from dashboards.api.v1.backtest_shapes import BacktestIn, BacktestList, BacktestOut, RecordingList, RecordingOut
from dashboards.api.v1.problems import PREFIX
from dashboards.backtest_plan import Wanted, known_recordings, plan
from dashboards.backtests import Looked
from dashboards.context import context_of
from dashboards.errors import Refused
from dashboards.jobs import TooManyJobsError

router = APIRouter(tags=["backtests"])
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Tuner = Annotated[Principal, Depends(needs(Role.TUNER))]
Id = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
_AGAIN_S = "10"


@router.get("/recordings", response_model=RecordingList, summary="List recordings")
async def recorded(request: Request, _who: Viewer) -> Response:
    """List the recordings that backtests can be run on."""
    found = await to_thread.run_sync(known_recordings, context_of(request).settings)
    items = [RecordingOut.of(one) for one in found or ()]
    return shown(request, RecordingList(configured=found is not None, items=items))


@router.get("/backtests", response_model=BacktestList, summary="List backtests")
async def listed(request: Request, _who: Viewer) -> Response:
    """List the last 200 backtests, of all servers on the same store, the newest first, without their results."""
    found = await context_of(request).backtests.listed()
    return shown(request, BacktestList(items=[BacktestOut.of(one) for one in found]))


@router.post(
    "/backtests",
    response_model=BacktestOut,
    status_code=202,
    summary="Try a change on a recording",
    responses={
        202: {
            "description": "It runs, or waits for its turn.",
            "headers": {"Location": {"description": "Where to look at it.", "schema": {"type": "string"}}},
        }
    },
)
async def begun(request: Request, who: Tuner, body: BacktestIn, key: Key = None) -> Response:
    """Run a detector over a recording twice: as alerts go by it now, and with the change. Nothing is changed by it.

    It is done by a process of its own, one at a time, with a limit of time and of memory; look at it until it is done.
    """

    async def act() -> Response:
        wanted = Wanted(body.detector, body.changes, body.recording, _us(body.from_at), _us(body.to_at), body.warm_up)
        return shown(request, BacktestOut.of(await begin(request, who, wanted)), status=202)

    response = await once(request, who, key, act)
    if response.status_code == 202:
        made = msgspec.json.decode(bytes(response.body))
        response.headers["Location"] = f"{PREFIX}/backtests/{made['id']}"
    return response


async def begin(request: Request, who: Principal, wanted: Wanted) -> KeptJob:
    """Take a backtest on.

    Raises:
        Refused: when it cannot be run, or enough wait.
    """
    context = context_of(request)
    planned = await to_thread.run_sync(plan, context.config, context.settings, context.store, wanted)
    try:
        job = await context.backtests.start(planned, who.name)
    except TooManyJobsError as error:
        raise Refused(429, str(error), headers={"Retry-After": _AGAIN_S}) from error
    await record(request, action="backtest.start", object=f"backtest:{job.id}", after=job.about)
    return job


@router.get("/backtests/{backtest_id}", response_model=BacktestOut, summary="Look at a backtest")
async def one(request: Request, _who: Viewer, backtest_id: Id) -> Response:
    """Return how far a backtest is, and what it found when it is done. Ask with its ETag while it runs."""
    found = await _get(request, backtest_id)
    return shown(request, BacktestOut.of(found.job, found.result))


@router.delete("/backtests/{backtest_id}", response_model=BacktestOut, summary="Cancel a backtest")
async def cancelled(request: Request, _who: Tuner, backtest_id: Id) -> Response:
    """End a backtest that runs or waits; one that has ended stays as it is. One of another server ends in seconds."""
    found = await end(request, backtest_id)
    return shown(request, BacktestOut.of(found.job, found.result))


async def end(request: Request, backtest_id: str) -> Looked:
    """End a backtest that runs or waits; return how it is now.

    Raises:
        Refused: when there is none.
    """
    found = await _get(request, backtest_id)
    if found.job.state in ENDED:
        return found
    job = await context_of(request).backtests.cancel(found.job)
    await record(request, action="backtest.cancel", object=f"backtest:{job.id}", before=job.about)
    return Looked(job, None)


async def _get(request: Request, backtest_id: str) -> Looked:
    found = await context_of(request).backtests.get(backtest_id)
    if found is None:
        raise Refused(404, f"there is no backtest {backtest_id} (any more): the last 200 are kept")
    return found


def _us(time: datetime | None) -> int | None:
    return None if time is None else round(time.timestamp() * US_PER_SECOND)
