"""Alerts: listed, and looked at."""

from collections.abc import Sequence
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from alerts.responses import Responses
from config.matchers import Matcher, matchers_of, matches_all
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.alert_shapes import AlertDetailOut, AlertOut, AlertPage, ChangeOut
from dashboards.api.v1.answering import After, Limit, number, page, place, shown
from dashboards.api.v1.told_shapes import AccountOut, NotificationOut, ResponseOut
from dashboards.context import Context, context_of
from dashboards.errors import Refused
from dashboards.mirror import OpenAlert
from detectors.contract import AlertChange

router = APIRouter(prefix="/alerts", tags=["alerts"])
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Fingerprint = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="Of the alert: 16 hexadecimal digits.")]
_STATES = Literal["open", "acknowledged", "suppressed", "resolved"]


@router.get("", response_model=AlertPage, summary="List alerts")
async def listed(
    request: Request,
    _who: Viewer,
    *,
    match: Annotated[
        list[str] | None, Query(max_length=20, description='Matchers, like service="pay" or region=~"eu.*".')
    ] = None,
    state: Annotated[list[_STATES] | None, Query(description="Only these; default: all that fire.")] = None,
    limit: Limit = 50,
    after: After = "",
) -> Response:
    """List alerts, the most urgent first, then the newest; resolved ones by their last change."""
    context = context_of(request)
    matchers = _matchers(match or ())
    states = frozenset(state or ("open", "acknowledged", "suppressed"))
    at = place(after, 3)
    if states == {"resolved"}:
        return shown(request, await _resolved(context, matchers, limit, at))
    if "resolved" in states:
        raise Refused(400, "state=resolved cannot be asked for together with others: ask twice")
    mirror, now_us = context.mirror, context.now_us()
    found = [
        one
        for one in mirror.alerts.values()
        if matches_all(matchers, one.labels) and (len(states) == 3 or mirror.state(one, now_us) in states)
    ]
    found.sort(key=_order)
    total = len(found)
    if at is not None:
        reached = (number(at[0]), number(at[1]), at[2])
        found = [one for one in found if _order(one) > reached]
    kept, more = page(found, limit, lambda one: tuple(str(part) for part in _order(one)))
    items = [AlertOut.of(one, mirror, now_us) for one in kept]
    return shown(request, AlertPage(items=items, next=more, total=total, seq=str(mirror.seq)))


@router.get("/{fingerprint}", response_model=AlertDetailOut, summary="Look at one alert")
async def one(request: Request, _who: Viewer, fingerprint: Fingerprint) -> Response:
    """Return an alert with its history, who was told, what became of each change, and what people said."""
    context = context_of(request)
    detail = await to_thread.run_sync(context.store.get, fingerprint)
    standing = await to_thread.run_sync(responses_of(context).of, fingerprint)
    if detail is None:
        raise Refused(404, f"there is no alert {fingerprint} (any more): resolved ones are kept for a time")
    known = context.mirror.alerts.get(fingerprint)
    if known is not None:
        alert = AlertOut.of(known, context.mirror, context.now_us())
    else:
        alert = AlertOut.resolved(detail.current, _receivers(context, detail.current))
    answer = AlertDetailOut(
        alert=alert,
        history=[ChangeOut.of(one) for one in detail.history],
        notifications=[NotificationOut.of(one) for one in detail.notifications],
        accounts=[AccountOut.of(one) for one in detail.accounts],
        responses=[] if standing is None else [ResponseOut.of(one) for one in standing.responses],
    )
    return shown(request, answer)


def responses_of(context: Context) -> Responses:
    """Return the answers to alerts of an application's store."""
    return Responses(context.store, context.settings.responses)


def _receivers(context: Context, change: AlertChange) -> list[str]:
    return list(dict.fromkeys(place.match.receiver for place in context.mirror.places(change.labels)))


async def _resolved(context: Context, matchers: Sequence[Matcher], limit: int, at: tuple[str, ...] | None) -> AlertPage:
    records = await to_thread.run_sync(lambda: context.store.list_alerts(status="resolved", matchers=matchers))
    keyed = [((0, -one.current.at_us, one.current.fingerprint), one.current) for one in records]
    total = len(keyed)
    if at is not None:
        reached = (0, number(at[1]), at[2])
        keyed = [one for one in keyed if one[0] > reached]
    kept, more = page(keyed, limit, lambda one: tuple(str(part) for part in one[0]))
    items = [AlertOut.resolved(change, _receivers(context, change)) for _, change in kept]
    return AlertPage(items=items, next=more, total=total, seq=str(context.mirror.seq))


def _order(alert: OpenAlert) -> tuple[int, int, str]:
    return alert.urgency.rank, -alert.change.starts_at_us, alert.fingerprint


def _matchers(texts: Sequence[str]) -> Sequence[Matcher]:
    try:
        return matchers_of(texts)
    except ValueError as error:
        raise Refused(400, f"match: {error}") from error
