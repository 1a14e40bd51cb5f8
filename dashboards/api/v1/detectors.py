"""Detectors: what alerts go by, what a change would do, and changes: shadow, promote, roll back."""

from collections.abc import Callable
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from alerts.control_log import ControlLog
from alerts.shadow_log import ShadowLog
from dashboards import knobs
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.answering import Key, once, shown
from dashboards.api.v1.detector_shapes import (
    DetectorList,
    DetectorOut,
    EpisodeOut,
    ShadowOut,
    TriedOut,
    VersionOut,
)
from dashboards.context import Context, context_of
from dashboards.errors import Refused
from detectors.contract import Detector
from detectors.control import ChangeError, Control, VerdictGiven
from pipeline import compose
from pipeline.backtest.knob import Knob, NoWindowsError
from pipeline.backtest.preparing import window_detectors
from pipeline.backtest.tuning import NotTunableError
from pipeline.control.comparing import compare
from pipeline.control.history import History, history_of
from pipeline.control.writing import Writer, Written
from pipeline.findings.query import UnreadableError

router = APIRouter(prefix="/detectors", tags=["detectors"])
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Tuner = Annotated[Principal, Depends(needs(Role.TUNER))]
Name = Annotated[str, Path(min_length=1, max_length=200, description="Of its entry in the settings.")]
Why = Annotated[str, Field(min_length=1, max_length=2000, description="For what reason. It is kept.")]
Changes = Annotated[
    dict[str, str | float | dict[str, str | float]],
    Field(
        min_length=1,
        max_length=20,
        description='What differs, as in the settings file, like {"alert_budget": "1 per week", "confirm": "2 of 3"}.',
    ),
]
_PLAIN = ConfigDict(extra="forbid")


class Trying(BaseModel):
    """A change to be tried."""

    model_config = _PLAIN
    changes: Changes


class Shadowing(Trying):
    """A candidate for the shadow."""

    why: Why


class Choosing(BaseModel):
    """Which version, and why."""

    model_config = _PLAIN
    version: int | None = Field(default=None, ge=0, le=10**9, description="null: the one that there is.")
    why: Why


@router.get("", response_model=DetectorList, summary="List detectors")
async def listed(request: Request, _who: Viewer) -> Response:
    """List the detectors of the settings, with what alerts go by."""
    context = context_of(request)
    controls = await to_thread.run_sync(lambda: ControlLog(context.store).read().controls)
    return shown(request, DetectorList(items=[_told(context, name, controls) for name in sorted(_entries(context))]))


@router.get("/{name}", response_model=DetectorOut, summary="Look at one detector")
async def one(request: Request, _who: Viewer, name: Name) -> Response:
    """Return a detector with its history."""
    context = context_of(request)
    _known(context, name)
    controls = await to_thread.run_sync(lambda: ControlLog(context.store).read().controls)
    told = _told(context, name, controls)
    history = [VersionOut.of(entry) for entry in reversed(history_of(controls, name).entries)]
    return shown(request, told.model_copy(update={"history": history}))


@router.post("/{name}/try", response_model=TriedOut, summary="See what a change would have done")
async def tried(request: Request, _who: Viewer, name: Name, body: Trying) -> Response:
    """Decide again, with the change, about all windows that the flow has kept. Nothing is changed."""
    return shown(request, TriedOut.of(await knob_of(context_of(request), name, dict(body.changes))))


@router.get("/{name}/shadows/{version}", response_model=ShadowOut, summary="See what a candidate has decided")
async def shadow_of(
    request: Request, _who: Viewer, name: Name, version: Annotated[int, Path(ge=1, le=10**9)]
) -> Response:
    """Return the alerts that a candidate would have gained and lost since it is in the shadow."""
    context = context_of(request)
    _known(context, name)
    found = await to_thread.run_sync(lambda: compare(ShadowLog(context.store).decisions(name, version)))
    answer = ShadowOut(
        version=version,
        gained=[EpisodeOut.of(episode) for episode in found.gained],
        lost=[EpisodeOut.of(episode) for episode in found.lost],
        both=len(found.both),
    )
    return shown(request, answer)


@router.post("/{name}/shadow", response_model=VersionOut, summary="Let a change decide in the shadow")
async def shadowed(request: Request, who: Tuner, name: Name, body: Shadowing, key: Key = None) -> Response:
    """Begin a candidate: what it decides is recorded, and nobody is told."""
    return await _write(request, who, name, "shadow", body.why, key, lambda writer: writer.shadow(body.changes))


@router.post("/{name}/promote", response_model=VersionOut, summary="Have alerts go by a version")
async def promoted(request: Request, who: Tuner, name: Name, body: Choosing, key: Key = None) -> Response:
    """Have alerts go by a version that is, or was, in the shadow."""
    return await _write(request, who, name, "promote", body.why, key, lambda writer: writer.promote(body.version))


@router.post("/{name}/rollback", response_model=VersionOut, summary="Go back to an earlier version")
async def rolled_back(request: Request, who: Tuner, name: Name, body: Choosing, key: Key = None) -> Response:
    """Have alerts go by an earlier version: a given one, or the one before."""
    return await _write(request, who, name, "rollback", body.why, key, lambda writer: writer.rollback(body.version))


@router.post("/{name}/stop", response_model=VersionOut, summary="End a candidate")
async def ended(request: Request, who: Tuner, name: Name, body: Choosing, key: Key = None) -> Response:
    """End a candidate in the shadow."""
    return await _write(request, who, name, "stop", body.why, key, lambda writer: writer.stop(body.version))


async def knob_of(context: Context, name: str, changes: dict[str, Any]) -> Knob:
    """Return what a change of a detector would have done.

    Raises:
        Refused: when it cannot be changed so, or nothing is kept to try it on.
    """
    _known(context, name)
    if context.config is None:
        raise Refused(409, "this program was started without a settings file: it cannot find what the flow has kept")
    controls = await to_thread.run_sync(lambda: ControlLog(context.store).read().controls)
    history = history_of(controls, name)
    verdicts = [control for control in controls if isinstance(control, VerdictGiven)]
    try:
        return await knobs.ask(context.config, name, history.changes(history.live), changes, verdicts)
    except (ChangeError, NotTunableError) as error:
        raise Refused(422, str(error)) from error
    except (NoWindowsError, UnreadableError) as error:
        raise Refused(409, str(error)) from error


async def write(context: Context, who: Principal, name: str, why: str, act: Callable[[Writer], Written]) -> Written:
    """Write a change of a detector.

    Raises:
        Refused: when it cannot be changed so.
    """
    _known(context, name)

    def written() -> Written:
        detectors: dict[str, Detector] = dict(compose.build_detectors(context.settings))
        writer = Writer(
            ControlLog(context.store),
            name,
            detectors,
            by=who.name,
            why=why,
            now_us=context.now_us(),
            delay_us=context.settings.control.delay,
        )
        return act(writer)

    try:
        return await to_thread.run_sync(written)
    except ChangeError as error:
        raise Refused(422, str(error)) from error


async def _write(
    request: Request,
    who: Principal,
    name: str,
    what: str,
    why: str,
    key: str | None,
    act: Callable[[Writer], Written],
) -> Response:
    context = context_of(request)

    async def done() -> Response:
        written = await write(context, who, name, why, act)
        out = VersionOut.of(written.control)
        await record(request, action=f"detector.{what}", object=f"detector:{name}", after=out.model_dump(), why=why)
        return shown(request, out)

    return await once(request, who, key, done)


def _entries(context: Context) -> dict[str, Any]:
    return dict(context.settings.detectors)


def _known(context: Context, name: str) -> None:
    if name not in context.settings.detectors:
        known = ", ".join(sorted(context.settings.detectors)) or "none"
        raise Refused(404, f"the settings have no detector {name!r}; there are: {known}")


def _told(context: Context, name: str, controls: list[Control]) -> DetectorOut:
    history: History = history_of(controls, name)
    entry = context.settings.detectors[name]
    return DetectorOut(
        name=name,
        type=entry.type,
        tunable=name in window_detectors(context.settings),
        live=history.live,
        live_changes=history.changes(history.live),
        shadows=sorted(history.shadows),
        open=sum(
            name in (alert.labels.get("rule"), alert.labels.get("detector")) for alert in context.mirror.alerts.values()
        ),
        verdicts=history.verdicts,
        history=[],
    )
