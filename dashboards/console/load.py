"""What alerts cost people: how many came, how urgent, how much of the time there was a flood, and what they came from.

Limits are those of ISA-18.2 as they are commonly quoted: about one alert in ten minutes for each person on duty, a
flood (more than ten in ten minutes) less than one percent of the time, and 5 % high, 15 % medium, 80 % low.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

from anyio import Lock, to_thread
from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse

from alerts.preview import Episode, episodes
from alerts.urgency import urgency
from config.duty import DAY_US
from dashboards.access.contract import Principal, Role, needs
from dashboards.console.state import console_of
from dashboards.console.templating import page
from dashboards.context import context_of
from dashboards.priority import Priority, priority
from dashboards.storm import FLOOD_STARTS, WITHIN_US, line_of
from detectors.contract import alert_change

Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
DAYS = 30
GOAL_PER_DAY, GOAL_FLOOD, GOAL_MIX = 144.0, 0.01, (0.05, 0.15, 0.80)
TOO_MANY_P1 = 0.10
_KEPT_US = 600_000_000
_TOP = 10
router = APIRouter()


class Source(NamedTuple):
    """Where alerts came from: one name about one service."""

    name: str
    service: str
    alerts: int


class Load(NamedTuple):
    """What alerts cost in a span of event time.

    Attributes:
        days: from the first alert in it until now. people: on duty now, one at least.
        mix: shares of P1, P2 and P3. flood: share of the time.
        top: the ten sources that most came from, and ``top_share`` of all.
    """

    alerts: int
    days: float
    people: int
    mix: tuple[float, float, float]
    flood: float
    top: tuple[Source, ...]
    top_share: float

    @property
    def per_day(self) -> float:
        """Alerts a day for each person on duty."""
        return self.alerts / self.days / self.people


def load_of(found: Sequence[Episode], level: Callable[[Episode], Priority], people: int, now_us: int) -> Load | None:
    """Return what alerts cost; None: there were none.

    Args:
        found: in the order in which they became known.
        level: how urgent one was.
        people: on duty.
        now_us: microseconds UTC.
    """
    if not found:
        return None
    first_us = found[0].told_us
    slots = Counter((one.told_us - first_us) // WITHIN_US for one in found)
    whole = max(1, -(-(now_us - first_us) // WITHIN_US))
    levels = Counter(level(one) for one in found)
    sources = Counter(line_of(one.labels) for one in found)
    top = sorted(sources.items(), key=lambda item: (-item[1], item[0]))[:_TOP]
    count = len(found)
    return Load(
        alerts=count,
        days=max((now_us - first_us) / DAY_US, 1 / 24),
        people=max(1, people),
        mix=(levels[1] / count, levels[2] / count, levels[3] / count),
        flood=sum(number > FLOOD_STARTS for number in slots.values()) / whole,
        top=tuple(Source(name, service, number) for (name, service), number in top),
        top_share=sum(number for _, number in top) / count,
    )


class Loads:
    """Keeps what was counted last: it takes a while. Used on the event loop's thread."""

    def __init__(self) -> None:
        self._at_us: int | None = None
        self._found: Load | None = None
        self._lock = Lock()

    async def now(self, request: Request) -> Load | None:
        """Return what alerts cost in the last :data:`DAYS` days, as it was counted at most ten minutes ago."""
        context = context_of(request)
        now_us = context.now_us()
        duty = await console_of(request).duty.now(now_us)
        people = len({person for one in duty for person in one.people})

        def level(one: Episode) -> Priority:
            change = alert_change(
                step="firing",
                at_us=one.told_us,
                status="firing",
                labels=one.labels,
                annotations={"summary": one.summary},
                starts_at_us=one.starts_us,
            )
            return priority(urgency(change, context.settings.urgency).rank)

        def count() -> Load | None:
            return load_of(episodes(context.store, from_us=now_us - DAYS * DAY_US, to_us=now_us), level, people, now_us)

        async with self._lock:
            if self._at_us is None or not 0 <= now_us - self._at_us < _KEPT_US:
                self._found = await to_thread.run_sync(count)
                self._at_us = now_us
        return self._found


@router.get("/load", include_in_schema=False)
async def load(request: Request, _who: Viewer) -> HTMLResponse:
    """Return what alerts have cost people lately."""
    loads: Loads | None = getattr(request.app.state, "console_loads", None)
    if loads is None:
        loads = request.app.state.console_loads = Loads()
    return await page(
        request,
        "load.html",
        active="detectors",
        part="load_part.html",
        title="What alerts cost",
        load=await loads.now(request),
        days=DAYS,
        goals=(GOAL_PER_DAY, GOAL_FLOOD, GOAL_MIX),
        too_many_p1=TOO_MANY_P1,
    )
