"""SLA breach rate: more promises are broken than is normal for the hour."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from detectors.assembler import ClosedWindow
from detectors.combine import Figures, Integers
from detectors.contract import DETECTORS, Context
from detectors.events import Event
from detectors.models.baseline import Scale
from detectors.models.rate import KnownRate
from detectors.models.share import ShareView
from detectors.models.views import ViewScore
from detectors.scoring import ViewsScorer
from detectors.windowed import Windowed, WindowParts, WindowSettings
from detectors.wording import Phrase, Wording, percent_text

NAME = "sla_breach_rate"
COUNT, BROKEN = range(2)
"""Places in a window's vector: promises that were met or broken, and those broken."""
_SCALE = Scale(low=0.002, high=0.995, start=0.1, start_sd=0.2, group_sd=0.1, hour_sd=0.05)


class SlaBreachRateSettings(WindowSettings):
    """Alerts ``SlaBreachRate`` when the share of promises that are broken is higher than the group's past can explain.

    It counts what ``sla_breach`` concludes, so the settings need an entry of that type. A promise counts when it is met
    and when it is broken. Where no more of them are broken than usual at this time, nothing is wrong, whatever their
    share: in a holiday few new promises are met, and those of the days before are still broken.
    Group by ``queue``, ``service``, ``region``, ``tier``, ``promise`` or ``priority``.

    Attributes:
        min_count: windows in which fewer promises were met or broken are not scored.
    """

    type: Literal["sla_breach_rate"] = "sla_breach_rate"
    min_count: Annotated[int, Field(ge=2)] = 20


@DETECTORS.register(NAME, SlaBreachRateSettings)
def build(name: str, settings: SlaBreachRateSettings, _context: Context) -> Windowed:
    """Build the detector of the entry ``name``. It refers to nothing in the context."""

    def share(value: float, window: ClosedWindow) -> str:
        return f"{percent_text(value)} broken of {window.vector[COUNT]} promises"

    def scorer() -> ViewsScorer:
        view = ShareView(
            "broken_share",
            part=BROKEN,
            count=COUNT,
            min_count=settings.min_count,
            memory=settings.memory(),
            scale=_SCALE,
        )
        usual = KnownRate("broken", count=BROKEN, memory=settings.memory())
        return ViewsScorer([view, usual], **settings.learning(), may_fire=_may_fire)

    return Windowed(
        name,
        settings,
        WindowParts(
            type_name=NAME,
            alertname="SlaBreachRate",
            event_types=frozenset({"promise.met", "promise.broken"}),
            width=2,
            reads=(_broken,),
            vectors=_vectors,
            scorer=scorer,
            wording=Wording(
                "promises",
                {"broken_share": Phrase(share, percent_text, affected=BROKEN)},
                min_count=settings.min_count,
                hourly=settings.hourly(),
            ),
        ),
    )


def _may_fire(window: ClosedWindow, _told: dict[str, ViewScore], expectations: tuple[Any, ...]) -> bool:
    """Return whether more promises are broken than is usual at this time."""
    return bool(window.vector[BROKEN] > expectations[1].count)


def _broken(events: Sequence[Event]) -> list[float | None]:
    return [1.0 if event.step == "broken" else 0.0 for event in events]


def _vectors(figures: Figures) -> Integers:
    broken = figures[0].astype(np.int64)
    return np.stack((np.ones_like(broken), broken))
