"""Work that takes longer than a request: begun elsewhere, looked at and stopped here."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from alerts.job_book import State
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.answering import shown
from dashboards.api.v1.shapes import time_text
from dashboards.context import Context, context_of
from dashboards.errors import Refused
from dashboards.jobs import Job, TooManyJobsError

router = APIRouter(prefix="/jobs", tags=["jobs"])
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Tuner = Annotated[Principal, Depends(needs(Role.TUNER))]
Id = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


class JobOut(BaseModel):
    """A job."""

    id: str
    kind: str
    by: str
    state: State
    asked_at: str | None
    began_at: str | None
    ended_at: str | None
    progress: str = Field(description="The last line that it said of itself.")
    result: Any = Field(description="What it found; null until it is done.")
    error: str

    @classmethod
    def of(cls, job: Job) -> "JobOut":
        """Return it as it is answered."""
        return cls(
            id=job.id,
            kind=job.kind,
            by=job.by,
            state=job.state,
            asked_at=time_text(job.asked_us),
            began_at=time_text(job.began_us),
            ended_at=time_text(job.ended_us),
            progress=job.progress,
            result=job.result,
            error=job.error,
        )


class JobList(BaseModel):
    """Jobs, the newest first."""

    items: list[JobOut]


def begin(request: Request, who: Principal, kind: str, arguments: list[str]) -> Job:
    """Begin a job on the settings file of the application.

    Raises:
        Refused: 409 when there is no settings file, 429 when enough jobs run.
    """
    context: Context = context_of(request)
    if context.config is None:
        raise Refused(409, "this program was started without a settings file: there is nothing to run it on")
    try:
        return context.jobs.start(kind, who.name, [*arguments, "--config", str(context.config), "--json"])
    except TooManyJobsError as error:
        raise Refused(429, str(error), headers={"Retry-After": "10"}) from error


@router.get("", response_model=JobList, summary="List jobs")
async def listed(request: Request, _who: Viewer) -> Response:
    """List the jobs of this process, the newest first, without their results."""
    jobs = [JobOut.of(job) for job in context_of(request).jobs.list()]
    return shown(request, JobList(items=[job.model_copy(update={"result": None}) for job in jobs]))


@router.get("/{job_id}", response_model=JobOut, summary="Look at a job")
async def one(request: Request, _who: Viewer, job_id: Id) -> Response:
    """Return a job, with its result when it is done."""
    return shown(request, JobOut.of(_get(request, job_id)))


@router.delete("/{job_id}", response_model=JobOut, summary="Stop a job")
async def stopped(request: Request, _who: Tuner, job_id: Id) -> Response:
    """Stop a job that runs; one that has ended stays as it is."""
    job = _get(request, job_id)
    if not job.ended:
        await context_of(request).jobs.stop(job)
        await record(request, action="job.stop", object=f"job:{job.id}", before={"kind": job.kind})
    return shown(request, JobOut.of(job))


def _get(request: Request, job_id: str) -> Job:
    job = context_of(request).jobs.get(job_id)
    if job is None:
        raise Refused(404, f"there is no job {job_id} (any more): they are kept in this process, the last fifty")
    return job
