"""Channels: would a page reach someone right now? And drills, which find out."""

from typing import Annotated, Any, Literal

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.answering import Key, once, shown
from dashboards.api.v1.jobs import JobOut, begin
from dashboards.api.v1.shapes import time_text
from dashboards.context import context_of
from dashboards.errors import Refused
from dashboards.freshness_layers import channels_layer
from dashboards.proofs import load_proofs
from sinks.drill.faults import FAULTS
from sinks.drill.report import load_drills

router = APIRouter(tags=["channels"])
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Admin = Annotated[Principal, Depends(needs(Role.ADMIN))]
Name = Annotated[str, Path(min_length=1, max_length=100, description="As the settings call it.")]


class ChannelOut(BaseModel):
    """A channel, and what is known of it."""

    name: str
    type: str
    state: str = Field(description="fresh: it has proved that it works; late: no proof lately; stale: it fails.")
    says: str
    failing_since: str | None
    tested_at: str | None
    test_works: bool | None
    breaker_open: bool
    receivers: list[str] = Field(description="Who is told by it.")


class ChannelList(BaseModel):
    """All channels, by name."""

    items: list[ChannelOut]


class DrillOut(BaseModel):
    """What the last drill of a receiver showed."""

    receiver: str
    at: str | None
    reached: bool
    remarks: list[str]
    cases: list[dict[str, Any]]


class DrillList(BaseModel):
    """The last drill of each receiver."""

    items: list[DrillOut]


class Drilling(BaseModel):
    """A drill to be run."""

    model_config = ConfigDict(extra="forbid")
    receivers: list[str] = Field(default=[], max_length=100, description="Only these; none: all there are.")
    faults: list[Literal["refused", "timed_out", "server_error", "rate_limited", "black_hole", "intact"]] = Field(
        default=[], max_length=6, description="Break the primary in these ways; none: in each."
    )
    dry_run: bool = Field(default=False, description="Send nothing: ask each channel whether it would work.")


@router.get("/channels", response_model=ChannelList, summary="List channels")
async def listed(request: Request, _who: Viewer) -> Response:
    """List the channels of the settings with what each has proved lately. Secrets are never shown."""
    context = context_of(request)
    names = tuple(sorted(context.settings.channels))
    proofs = await to_thread.run_sync(load_proofs, context.store, names)
    signs = {sign.name: sign for sign in channels_layer(context.settings, proofs, context.now_us()).signs}
    items = [
        ChannelOut(
            name=name,
            type=context.settings.channels[name].type,
            state=signs[name].state,
            says=signs[name].says,
            failing_since=time_text(proofs[name].failing_since_us),
            tested_at=time_text(proofs[name].tried_us),
            test_works=None if proofs[name].tried_us is None else proofs[name].works,
            breaker_open=proofs[name].breaker_open,
            receivers=sorted(
                receiver
                for receiver, one in context.settings.receivers.items()
                if any(tier.channel == name for tier in one.tiers)
            ),
        )
        for name in names
    ]
    return shown(request, ChannelList(items=items))


@router.post("/channels/{name}/test", response_model=JobOut, status_code=202, summary="Send a test message")
async def try_channel(request: Request, who: Admin, name: Name, key: Key = None) -> Response:
    """Send a message that is marked as a test through a channel, and wait for what becomes of it: a job."""
    if name not in context_of(request).settings.channels:
        raise Refused(404, f"there is no channel {name!r}; there are: {_known(context_of(request).settings.channels)}")

    async def act() -> Response:
        job = begin(request, who, "channel.test", ["channels", "test", name])
        await record(request, action="channel.test", object=f"channel:{name}", after={"job": job.id})
        return shown(request, JobOut.of(job), status=202)

    return await once(request, who, key, act)


@router.get("/drills", response_model=DrillList, summary="See the last drills")
async def drills(request: Request, _who: Viewer) -> Response:
    """Return what the last drill of each receiver showed, tier by tier."""
    found = await to_thread.run_sync(load_drills, context_of(request).store)
    items = [
        DrillOut(
            receiver=name,
            at=time_text(one.at_us),
            reached=one.reached,
            remarks=list(one.remarks),
            cases=[msgspec.to_builtins(case) for case in one.cases],
        )
        for name, one in sorted(found.items())
    ]
    return shown(request, DrillList(items=items))


@router.post("/drills", response_model=JobOut, status_code=202, summary="Run a drill")
async def drilled(request: Request, who: Admin, body: Drilling, key: Key = None) -> Response:
    """Break the primary of receivers, and see which tier delivers a test message, and after how long: a job."""
    known = context_of(request).settings.receivers
    for name in body.receivers:
        if name not in known:
            raise Refused(422, f"there is no receiver {name!r}; there are: {_known(known)}")

    async def act() -> Response:
        chosen = [part for fault in body.faults if fault in FAULTS for part in ("--fault", fault)]
        arguments = ["drill", *chosen, *(["--dry-run"] if body.dry_run else []), "--", *body.receivers]
        job = begin(request, who, "drill", [part for part in arguments if part != "--"])
        await record(request, action="drill.run", object="drill", after=body.model_dump())
        return shown(request, JobOut.of(job), status=202)

    return await once(request, who, key, act)


def _known(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
