"""Detectors: what alerts go by, the knob that shows at once what a change would have done, and changes themselves."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Depends, Form, Path, Query, Request
from starlette.responses import HTMLResponse, Response

from alerts.control_log import ControlLog
from alerts.shadow_log import ShadowLog
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.backtests import begin, end
from dashboards.api.v1.detectors import knob_of, write
from dashboards.backtest_plan import NO_FOLDER, Wanted, known_recordings
from dashboards.backtests import Looked
from dashboards.console.knob import Choice, choices_of, shown_now
from dashboards.console.templating import lead, page
from dashboards.context import Context, context_of
from dashboards.errors import Refused
from detectors.control import Control, VerdictGiven
from pipeline.backtest.preparing import window_detectors
from pipeline.backtest.recordings import Recording
from pipeline.control.comparing import Comparison, compare
from pipeline.control.history import FROM_FILE, History, flat, history_of
from pipeline.control.writing import Writer, Written

Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Tuner = Annotated[Principal, Depends(needs(Role.TUNER))]
Name = Annotated[str, Path(min_length=1, max_length=200)]
Why = Annotated[str, Form(max_length=2000)]
_BACKTESTS_SHOWN = 5
router = APIRouter()


@router.get("/detectors", include_in_schema=False)
async def listed(request: Request, _who: Viewer) -> HTMLResponse:
    """Return the detectors, those that cost people most first."""
    context = context_of(request)
    controls = await _controls(context)
    tunable = set(window_detectors(context.settings))
    open_: dict[str, int] = {}
    for alert in context.mirror.alerts.values():
        name = alert.labels.get("rule") or alert.labels.get("detector", "")
        open_[name] = open_.get(name, 0) + 1
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "type": entry.type,
            "tunable": name in tunable,
            "open": open_.get(name, 0),
            "history": history_of(controls, name),
            "says": shown_now(entry, history_of(controls, name)) if name in tunable else "judges single cases",
        }
        for name, entry in sorted(context.settings.detectors.items())
    ]
    rows.sort(key=lambda row: (-row["open"], row["name"]))
    return await page(
        request, "detectors.html", active="detectors", part="detectors_list.html", title="Detectors", rows=rows
    )


@router.get("/detectors/{name}", include_in_schema=False)
async def one(
    request: Request,
    _who: Viewer,
    name: Name,
    *,
    budget: Annotated[str, Query(max_length=20)] = "",
    confirm: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    """Return a detector, and what another budget or confirmation would have made of the windows that are kept."""
    context = context_of(request)
    entry = context.settings.detectors.get(name)
    if entry is None:
        known = ", ".join(sorted(context.settings.detectors)) or "none"
        raise Refused(404, f"the settings have no detector {name!r}; there are: {known}")
    controls = await _controls(context)
    history = history_of(controls, name)
    tunable = name in window_detectors(context.settings)
    choice = choices_of(entry, history, budget, confirm) if tunable else None
    tried, why_not = None, ""
    recordings, none_because = await to_thread.run_sync(_recordings, context) if tunable else ([], "")
    if choice is not None:
        try:
            tried = await knob_of(context, name, choice.changes or choice.same)
        except Refused as error:
            why_not = error.refusal.detail
    return await page(
        request,
        "detector.html",
        active="detectors",
        part="knob.html",
        title=name,
        name=name,
        entry=entry,
        tunable=tunable,
        choice=choice,
        tried=tried,
        why_not=why_not,
        history=history,
        flat=flat,
        from_file=FROM_FILE,
        shadows=await _shadows(context, history),
        verdicts=[one for one in controls if isinstance(one, VerdictGiven) and one.detector == name][-20:][::-1],
        recordings=recordings,
        none_because=none_because,
        backtests=await _backtests(context, name) if tunable else (),
    )


@router.get("/detectors/{name}/backtests", include_in_schema=False)
async def backtests(request: Request, _who: Viewer, name: Name) -> HTMLResponse:
    """Return the last backtests of a detector: how far they are, and what they found."""
    found = await _backtests(context_of(request), name)
    values: dict[str, Any] = {"name": name, "backtests": found, "flat": flat, "none_because": ""}
    return await page(request, "backtests.html", active="detectors", title=name, **values)


@router.post("/detectors/{name}/backtests", include_in_schema=False)
async def backtest(
    request: Request,
    who: Tuner,
    name: Name,
    recording: Annotated[str, Form(max_length=100)],
    *,
    budget: Annotated[str, Form(max_length=20)] = "",
    confirm: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Try what the knob says on a recording."""
    choice = await _chosen(context_of(request), name, budget, confirm)
    await begin(request, who, Wanted(name, choice.changes, recording))
    query = urlencode({"budget": budget, "confirm": confirm})
    return lead(request, f"/detectors/{name}?{query}")


@router.post("/detectors/{name}/backtests/{backtest_id}/cancel", include_in_schema=False)
async def cancel(
    request: Request, _who: Tuner, name: Name, backtest_id: Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
) -> Response:
    """End a backtest that runs or waits."""
    await end(request, backtest_id)
    return lead(request, f"/detectors/{name}")


@router.post("/detectors/{name}/shadow", include_in_schema=False)
async def shadow(
    request: Request,
    who: Tuner,
    name: Name,
    *,
    budget: Annotated[str, Form(max_length=20)] = "",
    confirm: Annotated[str, Form(max_length=20)] = "",
    why: Why = "",
) -> Response:
    """Let what the knob says decide in the shadow."""
    choice = await _chosen(context_of(request), name, budget, confirm)
    return await _change(request, who, name, "shadow", why, lambda writer: writer.shadow(choice.changes))


@router.post("/detectors/{name}/{what}", include_in_schema=False)
async def change(
    request: Request,
    who: Tuner,
    name: Name,
    what: Annotated[str, Path(pattern="^(promote|rollback|stop)$")],
    version: Annotated[int, Form(ge=0, le=10**9)],
    why: Why = "",
) -> Response:
    """Promote a version, go back to one, or end a candidate."""
    acts: Mapping[str, Callable[[Writer], Written]] = {
        "promote": lambda writer: writer.promote(version),
        "rollback": lambda writer: writer.rollback(version),
        "stop": lambda writer: writer.stop(version),
    }
    return await _change(request, who, name, what, why, acts[what])


async def _change(
    request: Request, who: Principal, name: str, what: str, why: str, act: Callable[[Writer], Written]
) -> Response:
    if not why.strip():
        raise Refused(422, "say why: whoever looks at the history later wants to know")
    written = await write(context_of(request), who, name, why.strip(), act)
    after: dict[str, Any] = {"version": written.control.version, "changes": dict(written.control.decision)}
    await record(request, action=f"detector.{what}", object=f"detector:{name}", after=after, why=why.strip())
    address = f"/detectors/{name}"
    return lead(request, address)


async def _chosen(context: Context, name: str, budget: str, confirm: str) -> Choice:
    entry = context.settings.detectors.get(name)
    if entry is None or name not in window_detectors(context.settings):
        raise Refused(404, f"{name!r} is no detector that can be changed while it runs")
    choice = choices_of(entry, history_of(await _controls(context), name), budget, confirm)
    if not choice.changes:
        raise Refused(422, "nothing is changed: move the knob first")
    return choice


def _recordings(context: Context) -> tuple[list[Recording], str]:
    """Return the recordings, and why there are none."""
    try:
        found = known_recordings(context.settings)
    except Refused as error:
        return [], error.refusal.detail
    return found or [], NO_FOLDER if found is None else "" if found else "the folder of recordings has none"


async def _backtests(context: Context, name: str) -> list[Looked]:
    """Return the last backtests of a detector, with what they found."""
    of_it = [one for one in await context.backtests.listed() if one.about["detector"] == name][:_BACKTESTS_SHOWN]
    return [found for one in of_it if (found := await context.backtests.get(one.id)) is not None]


async def _controls(context: Context) -> list[Control]:
    return await to_thread.run_sync(lambda: ControlLog(context.store).read().controls)


async def _shadows(context: Context, history: History) -> dict[int, Comparison]:
    def read() -> dict[int, Comparison]:
        log = ShadowLog(context.store)
        return {version: compare(log.decisions(history.detector, version)) for version in sorted(history.shadows)}

    return await to_thread.run_sync(read)
