"""The inbox: what needs somebody now, in which order."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse

from alerts.connection import StoreError, StoreUnavailableError
from config.durations import US_PER_SECOND
from dashboards.access.contract import Principal, Role, needs
from dashboards.console.acts import acts_of
from dashboards.console.groups import SORTS, Group, Sort, grouped, page_of, singles
from dashboards.console.query import Query as Asked
from dashboards.console.query import QueryError, parse
from dashboards.console.resolved import Resolved, resolved_since
from dashboards.console.state import console_of, truth_of
from dashboards.console.storm import Storm
from dashboards.console.table import PLACES, Place, Row, Table, next_end
from dashboards.console.templating import page
from dashboards.context import context_of

SIZE = 50
_MOST_VIEWS = 64
_LARGE, _MOST_LARGE = 5, 3
"""Incidents of so many open alerts are named above the list; so many of them."""
_DAY_US = 86_400 * US_PER_SECOND
_MOST_RESOLVED = 50
router = APIRouter()


class View(NamedTuple):
    """What a page of the inbox shows.

    Attributes:
        problem: why the query cannot be read; empty where it can.
        places: of which alerts. matching: those asked for.
        groups: on this page; before, after: places of the first and the last, where there are more; empty: there are
            none.
        all_groups: how many there are.
    """

    asked: Asked
    problem: str
    places: tuple[Place, ...]
    matching: tuple[Row, ...]
    groups: list[Group]
    all_groups: int
    before: str = ""
    after: str = ""

    @property
    def shown(self) -> int:
        """How many alerts are in the rows of this page."""
        return sum(len(group.rows) for group in self.groups)


def places_of(text: str) -> tuple[Place, ...]:
    """Return the states in ``state=``; open where it names none.

    >>> places_of("open,acked"), places_of("nonsense")
    (('open', 'acked'), ('open',))
    """
    return tuple(place for place in PLACES if place in text.split(",")) or ("open",)


def selected(table: Table, asked: Asked, state: str) -> tuple[Row, ...]:
    """Return the alerts that a query and states ask for."""
    places = asked.places or places_of(state)
    return tuple(row for row in table.rows if row.place in places and asked.takes(row))


def groups_of(rows: Iterable[Row], view: str, sort: Sort = "worst") -> list[Group]:
    """Return rows of the list: groups, or each alert by itself."""
    return singles(rows, sort) if view == "alerts" else grouped(rows, sort)


class Address(NamedTuple):
    """What an address of the inbox says, and the addresses of other views of the same."""

    q: str
    state: str
    view: str
    sort: Sort
    after: str = ""
    before: str = ""

    def url(self, **changed: str) -> str:
        """Return the address of the same view with something changed."""
        one = {**self._asdict(), **changed}
        usual = {"state": "open", "sort": "worst"}
        text = urlencode({name: value for name, value in one.items() if value and value != usual.get(name)})
        return f"/inbox?{text}" if text else "/inbox"


class Views:
    """Puts rows together, once for all who look at the same. Used on the event loop's thread."""

    def __init__(self) -> None:
        self._of: tuple[int, int] | None = None
        self._known: dict[tuple[str, ...], tuple[Asked, tuple[Row, ...], list[Group]]] = {}

    def look(self, table: Table, me: str, asked_for: Address) -> View:
        """Return what a page of the inbox shows."""
        if self._of != (table.version, table.at_us) or len(self._known) >= _MOST_VIEWS:
            self._of = (table.version, table.at_us)
            self._known.clear()
        q, state, view, sort, after, before = asked_for
        key = (q, state, view, sort, me if "owner:me" in q else "")
        found = self._known.get(key)
        if found is None:
            try:
                asked = parse(q, me, table.at_us)
            except QueryError as error:
                return View(Asked(q, (), (), ()), str(error), places_of(state), (), [], 0)
            matching = selected(table, asked, state)
            found = self._known[key] = (asked, matching, groups_of(matching, view, sort))
        asked, matching, groups = found
        part = page_of(groups, after, SIZE, before)
        return View(
            asked, "", asked.places or places_of(state), matching, part.groups, len(groups), part.before, part.after
        )


@router.get("/inbox", include_in_schema=False)
async def inbox(
    request: Request,
    who: Annotated[Principal, Depends(needs(Role.VIEWER))],
    q: Annotated[str, Query(max_length=2000)] = "",
    state: Annotated[str, Query(max_length=100)] = "open",
    view: Annotated[str, Query(max_length=20)] = "",
    sort: Annotated[str, Query(max_length=20)] = "",
    after: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[str, Query(max_length=100)] = "",
    said: Annotated[str, Query(max_length=64)] = "",
) -> HTMLResponse:
    """Return the inbox."""
    context, console = context_of(request), console_of(request)
    now_us = context.now_us()
    table = console.tables.now(now_us)
    storm = console.weather.now(table)
    told = storm is not None and not q and state == "open" and view not in {"groups", "alerts"}
    address = Address(q, state, view, next((one for one in SORTS if one == sort), "worst"), after, before)
    found = _flood(storm) if told and storm is not None else views_of(request).look(table, who.name, address)
    # No await in between: what is shown, and up to which place of the log, are of one moment.
    seq = context.mirror.seq
    truth = await truth_of(request)
    wanted = state == "resolved" or (not told and not found.groups and not found.problem)
    count, resolved = (
        await _resolved(request, now_us, _MOST_RESOLVED if state == "resolved" else 3) if wanted else (None, [])
    )
    if state != "resolved" and count is None:
        count = None
    late = {sign.name: sign for sign in truth.detectors.signs if sign.state != "fresh"}
    if 2 * len(late) > len(truth.detectors.signs):
        late = {}  # most of them: the truth bar says it once
    return await page(
        request,
        "inbox.html",
        active="inbox",
        part="inbox_list.html",
        title="Inbox",
        q=q,
        state=state,
        view=view,
        sort=address.sort,
        orders=[(one, address.url(sort=one, after="", before="")) for one in SORTS],
        found=found,
        storm=storm if told else None,
        storming=storm,
        seq=seq,
        next_url=address.url(after=found.after, before="") if found.after else "",
        previous_url=address.url(before=found.before, after="") if found.before else "",
        resolved=resolved,
        resolved_count=count,
        late=late,
        sparks=await console.sparks.of(found.groups, now_us),
        said=acts_of(request).told(said),
        next_end=next_end(table),
        largest=largest(table.rows) if state == "open" and not q else [],
        people=sorted([*context.settings.people, *context.settings.schedules]),
    )


def views_of(request: Request) -> Views:
    """Return what puts rows together for the application that a request came to."""
    views: Views | None = getattr(request.app.state, "inbox_views", None)
    if views is None:
        views = request.app.state.inbox_views = Views()
    return views


def _flood(storm: Storm) -> View:
    """Return the view of a page that tells of a storm: it has no rows of its own."""
    return View(Asked("", (), (), ()), "", ("open",), storm.rows, [], 0)


def largest(rows: Iterable[Row]) -> list[tuple[int, int, str]]:
    """Return the incidents that most open alerts belong to: number, how many, and the service of most of them."""
    found: dict[int, Counter[str]] = {}
    for row in rows:
        if row.alert.incident is not None and row.place == "open":
            found.setdefault(row.alert.incident, Counter())[row.alert.change.labels.get("service", "")] += 1
    counted = [(number, services.total(), services.most_common(1)[0][0]) for number, services in found.items()]
    large = [one for one in counted if one[1] >= _LARGE]
    return sorted(large, key=lambda one: (-one[1], one[0]))[:_MOST_LARGE]


async def _resolved(request: Request, now_us: int, most: int) -> tuple[int | None, list[Resolved]]:
    """Return what has resolved within a day; nothing while the store is away, which the truth bar says."""
    store = context_of(request).store
    try:
        return await to_thread.run_sync(resolved_since, store, now_us - _DAY_US, most)
    except (StoreUnavailableError, StoreError):
        return None, []
