"""The audit log as the console writes and reads it. The chain itself is in :mod:`alerts.trail`."""

from typing import Any

import msgspec
import structlog
from anyio import to_thread
from starlette.requests import Request

from alerts.connection import StoreError, StoreUnavailableError
from alerts.store import AlertStore
from alerts.trail import Trail
from alerts.trail_model import Draft, Kept, Via
from alerts.trail_reading import MOST_SEARCHED, Page, Wanted, Watch, export_csv, export_json, read_page, shown
from dashboards.access.asking import address_of, request_id_of
from dashboards.access.contract import Principal, principal_of

__all__ = [
    "MOST_SEARCHED",
    "Page",
    "Wanted",
    "Watch",
    "export_csv",
    "export_json",
    "read_page",
    "record",
    "shown",
    "trail_of",
]

_log = structlog.get_logger("makegood.audit")


async def record(
    request: Request,
    *,
    action: str,
    object: str,  # noqa: A002 - the name of the field
    before: Any = None,
    after: Any = None,
    why: str = "",
    count: int = 1,
    who: Principal | None = None,
) -> Kept:
    """Write to the audit log what the request has changed. Call it when it has been changed, before answering.

    Args:
        request: of which it takes who asks, from where, and its id.
        action: what was done, like ``silence.create``.
        object: to what, like ``silence:<id>``.
        before: the thing as it was; what is named like a secret is hidden.
        after: the thing as it is now.
        why: the reason that was given.
        count: of the things that it changed: an act on many is one entry.
        who: where the route needed no role (a login).

    Raises:
        StoreUnavailableError: it is in the program's log instead.
    """
    principal = who or principal_of(request)
    context = request.app.state.makegood
    via: Via = "anonymous" if principal is None else principal.kind
    draft = Draft(
        at_us=context.now_us(),
        who="(nobody)" if principal is None else principal.name,
        role="" if principal is None else principal.role.name.lower(),
        via=via,
        address=address_of(request),
        request=request_id_of(request),
        action=action,
        object=object,
        before=before,
        after=after,
        why=why,
        count=count,
    )
    trail = trail_of(context.store)
    try:
        (kept,) = await to_thread.run_sync(trail.append, draft)
    except (StoreUnavailableError, StoreError):
        _log.exception(
            "audit_not_written", entry=msgspec.to_builtins(msgspec.structs.replace(draft, before="", after=""))
        )
        raise
    return kept


_trails: dict[int, tuple[AlertStore, Trail]] = {}


def trail_of(store: AlertStore) -> Trail:
    """Return the audit log of a store: the same one each time, as it remembers where it ended."""
    known = _trails.get(id(store))
    if known is None or known[0] is not store:
        if len(_trails) > 8:  # tests open many
            _trails.clear()
        known = _trails[id(store)] = (store, Trail(store))
    return known[1]
