"""Whether an alert was worth it: what people say goes into the estimate of false alarms of its detector."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Depends, Form, Path, Request
from starlette.responses import Response

from alerts.control_log import ControlLog
from alerts.verdicts import give_verdict
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.console.templating import lead
from dashboards.context import context_of
from dashboards.errors import Refused

router = APIRouter()


@router.post("/a/{fingerprint}/verdict", include_in_schema=False)
async def verdict(
    request: Request,
    who: Annotated[Principal, Depends(needs(Role.RESPONDER))],
    fingerprint: Annotated[str, Path(pattern="^[0-9a-f]{16}$")],
    said: Annotated[Literal["useful", "noise"], Form(alias="verdict")],
    episode: Annotated[int | None, Form()] = None,
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Keep a verdict about an alert's episode, and go back to its page."""
    context = context_of(request)
    detail = await to_thread.run_sync(context.store.get, fingerprint)
    meant = None
    if detail is not None:
        known = [one for one in [detail.current, *detail.history] if episode in {None, one.starts_at_us}]
        meant = known[0] if known else None
    if meant is None:
        raise Refused(404, f"there is no such episode of alert {fingerprint} (any more)")
    log, now_us = ControlLog(context.store), context.now_us()
    await to_thread.run_sync(lambda: give_verdict(log, meant, said, by=who.name, note=note, now_us=now_us))
    await record(request, action=f"alert.{said}", object=f"alert:{fingerprint}", after={"verdict": said}, why=note)
    back = f"/a/{fingerprint}/{meant.starts_at_us}?{urlencode({'kept': said})}"
    return lead(request, back)
