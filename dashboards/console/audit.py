"""The audit log: who changed what, when and why; and the proof that nothing of it was changed."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from config.durations import US_PER_SECOND
from dashboards.access.audit import Wanted, export_csv, export_json, read_page, shown, trail_of
from dashboards.access.contract import Principal, Role, needs
from dashboards.console.state import console_of
from dashboards.console.templating import page
from dashboards.context import context_of
from dashboards.errors import Refused

Admin = Annotated[Principal, Depends(needs(Role.ADMIN))]
Text = Annotated[str, Query(max_length=200)]
router = APIRouter()


@router.get("/audit", include_in_schema=False)
async def listed(
    request: Request,
    _who: Admin,
    *,
    who: Text = "",
    action: Text = "",
    about: Text = "",
    since: Text = "",
    until: Text = "",
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> HTMLResponse:
    """Return entries, the newest first, and whether the chain is whole."""
    trail = trail_of(context_of(request).store)
    wanted = wanted_of(who, action, about, since, until)
    found = await to_thread.run_sync(lambda: read_page(trail, wanted, before=before))
    checked = await to_thread.run_sync(console_of(request).audit.look, trail)
    asked = {name: value for name, value in request.query_params.items() if name != "before" and value}
    more = None if found.before is None else "/audit?" + urlencode({**asked, "before": found.before})
    return await page(
        request,
        "audit.html",
        active="audit",
        title="Audit",
        entries=[(kept.entry, shown(kept)) for kept in found.entries],
        checked=checked,
        asked=asked,
        more=more,
        first=f"/audit?{urlencode(asked)}" if before else None,
        query=urlencode(asked),
    )


@router.get("/audit/export.{form}", include_in_schema=False)
async def exported(
    request: Request,
    _who: Admin,
    form: str,
    *,
    who: Text = "",
    action: Text = "",
    about: Text = "",
    since: Text = "",
    until: Text = "",
) -> Response:
    """Return all entries that are wanted, as CSV or as lines of JSON, with times in UTC."""
    if form not in {"csv", "json"}:
        raise Refused(404, f"the audit log is exported as csv or json, not {form!r}")
    trail = trail_of(context_of(request).store)
    wanted = wanted_of(who, action, about, since, until)
    lines = export_csv(trail, wanted) if form == "csv" else export_json(trail, wanted)
    kind = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
    headers = {"Content-Disposition": f'attachment; filename="makegood-audit.{form}"', "Cache-Control": "no-store"}
    return StreamingResponse(lines, media_type=kind, headers=headers)


def wanted_of(who: str, action: str, about: str, since: str, until: str) -> Wanted:
    """Return which entries are wanted.

    Raises:
        Refused: for what is no time.
    """
    return Wanted(who=who, action=action, object=about, from_us=_time_us(since), to_us=_time_us(until))


def _time_us(text: str) -> int | None:
    if not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip() + ("Z" if "T" in text and text.strip()[-1:].isdigit() else ""))
    except ValueError as error:
        raise Refused(422, f"{text!r} is no time: write it in UTC, like 2026-03-02T09:00") from error
    if at.tzinfo is None:
        raise Refused(422, f"{text!r} is no time: write it in UTC, like 2026-03-02T09:00")
    return round(at.timestamp() * US_PER_SECOND)
