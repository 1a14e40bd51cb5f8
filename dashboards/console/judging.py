"""Whether an alert was worth it: what people say goes into the estimate of false alarms of its detector."""

from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Depends, Form, Path, Request
from starlette.responses import Response

from alerts.connection import StoreError, StoreUnavailableError
from alerts.control_log import ControlLog
from alerts.store import AlertStore
from alerts.verdicts import give_verdict
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.console.acts import Wish
from dashboards.console.outcome import Change, Outcome, skipped_words
from dashboards.console.table import Row
from dashboards.console.templating import lead
from dashboards.context import context_of
from dashboards.errors import Refused
from detectors.control import ChangeError

MOST_AT_ONCE = 200
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


def judged(store: AlertStore, wish: Wish, rows: Sequence[Row], later: int, gone: int) -> Outcome:
    """Keep for each alert that its episode, as it was seen, was noise. Blocks.

    Args:
        store: of the alerts.
        wish: who says so, and why.
        rows: the alerts, :data:`MOST_AT_ONCE` at most.
        later: how many match that nobody had seen: nothing is said of them.
        gone: how many were seen that match no more.
    """
    log, done, failed = ControlLog(store), 0, ""
    for row in rows:
        try:
            give_verdict(log, row.alert.change, "noise", by=wish.by, note=wish.text, now_us=wish.now_us)
        except (StoreUnavailableError, StoreError, ChangeError) as error:
            failed = f"{len(rows) - done:,} could not be marked: {error}"
            break
        done += 1
    changes = tuple(
        Change(fingerprint=row.alert.fingerprint, episode_us=row.alert.change.starts_at_us) for row in rows[:done]
    )
    return Outcome(
        id=wish.id,
        act="noise",
        by=wish.by,
        at_us=wish.now_us,
        done=done,
        skipped=skipped_words(later, gone),
        failed=failed,
        changes=changes,
    )
