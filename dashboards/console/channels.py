"""Channels: would a page reach someone right now? Tests and drills find out."""

from typing import Annotated, Any

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Depends, Form, Path, Request
from starlette.responses import HTMLResponse, Response

from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.jobs import begin
from dashboards.console.templating import lead, page
from dashboards.context import context_of
from dashboards.errors import Refused
from dashboards.proofs import load_proofs
from sinks.drill.report import load_drills

Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Admin = Annotated[Principal, Depends(needs(Role.ADMIN))]
Name = Annotated[str, Path(min_length=1, max_length=100)]
_JOBS_SHOWN = 5
router = APIRouter()


@router.get("/channels", include_in_schema=False)
async def listed(request: Request, _who: Viewer) -> HTMLResponse:
    """Return the channels, the worst first, with the last drill of each receiver."""
    context = context_of(request)
    settings = context.settings
    names = tuple(settings.channels)
    proofs = await to_thread.run_sync(load_proofs, context.store, names)
    counts = await to_thread.run_sync(context.store.counts)
    drills = await to_thread.run_sync(load_drills, context.store)
    receivers: dict[str, list[str]] = {}
    for receiver, one in settings.receivers.items():
        for tier in one.tiers:
            receivers.setdefault(tier.channel, []).append(receiver)
    return await page(
        request,
        "channels.html",
        active="channels",
        part="channels_list.html",
        title="Channels",
        types={name: entry.type for name, entry in settings.channels.items()},
        proofs=proofs,
        receivers=receivers,
        tiers={name: [tier.channel for tier in one.tiers] for name, one in settings.receivers.items()},
        drills={name: msgspec.to_builtins(one) for name, one in drills.items()},
        left=counts,
        jobs=[job for job in context.jobs.list() if job.kind in {"drill", "channel.test"}][:_JOBS_SHOWN],
        said=_said,
    )


@router.post("/channels/{name}/test", include_in_schema=False)
async def try_channel(request: Request, who: Admin, name: Name) -> Response:
    """Send a message that is marked as a test through a channel."""
    if name not in context_of(request).settings.channels:
        raise Refused(404, f"there is no channel {name!r}")
    job = begin(request, who, "channel.test", ["channels", "test", name])
    await record(request, action="channel.test", object=f"channel:{name}", after={"job": job.id})
    return _back(request)


@router.post("/drills", include_in_schema=False)
async def drill(request: Request, who: Admin, *, receiver: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Break a receiver's primary in every way, and see who is told all the same."""
    if receiver not in context_of(request).settings.receivers:
        raise Refused(404, f"there is no receiver {receiver!r}")
    job = begin(request, who, "drill", ["drill", receiver])
    await record(request, action="drill.run", object=f"receiver:{receiver}", after={"job": job.id})
    return _back(request)


def _back(request: Request) -> Response:
    return lead(request, "/channels")


def _said(result: Any) -> str:
    """Return what a finished job found, in a line."""
    if isinstance(result, dict) and "messages" in result:
        return ", ".join(str(one.get("status", "")) for one in result["messages"])
    if isinstance(result, dict):
        missed = [name for name, one in result.items() if isinstance(one, dict) and not one.get("reached", True)]
        return f"not reached in every case: {', '.join(missed)}" if missed else "reached in every case"
    return ""
