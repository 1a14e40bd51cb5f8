"""Feed silence: a feed, or a part of it, has gone quiet."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from detectors.assembler import ClosedWindow
from detectors.columns import ColumnReads, Columns, Floats
from detectors.combine import Figures, Integers
from detectors.contract import DETECTORS, Context
from detectors.events import EVENT_CLASSES, Event
from detectors.grouping import GroupBy
from detectors.models.rate import RateView
from detectors.models.views import ViewScore
from detectors.scoring import ViewsScorer
from detectors.windowed import BaselineSettings, Positive, Windowed, WindowParts, WindowSettings
from detectors.wording import Phrase, Wording

NAME = "feed_silence"
COUNT = 0
"""Place in a window's vector: events."""


class FeedSilenceSettings(WindowSettings):
    """Alerts ``FeedSilence`` when next to nothing comes where at this hour much should.

    Silence is judged against what is normal for the hour, so a feed that sleeps at night does not alarm at night. A
    quiet day is not silence: of what is expected next to nothing must have come. Group by ``source`` for whole feeds
    (CloudEvents sources), and by more labels for parts of them.

    Attributes:
        event_types: events that count; all, when none are named.
        quiet_share: at most this share of the expected events counts as silence.
        min_expected: windows in which fewer events are expected are not scored.
        min_count: not used: silence has no least number of events.
        baseline: what normal is learned from. It warms up for a week (of half hours), because nights and weekends must
            be known; before that nothing alerts, however quiet.
    """

    type: Literal["feed_silence"] = "feed_silence"
    event_types: tuple[str, ...] = ()
    group_by: GroupBy = ("source",)
    window: Positive = 30 * 60 * 1_000_000
    quiet_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    min_expected: Annotated[float, Field(gt=0)] = 5.0
    baseline: BaselineSettings = BaselineSettings(warm_up=336.0)


@DETECTORS.register(NAME, FeedSilenceSettings)
def build(name: str, settings: FeedSilenceSettings, _context: Context) -> Windowed:
    """Build the detector of the entry ``name``.

    Raises:
        ValueError: when an event type does not exist.
    """
    unknown = sorted(set(settings.event_types) - EVENT_CLASSES.keys())
    if unknown:
        msg = f"event_types: there is no event type {unknown[0]!r}; see the reference of events"
        raise ValueError(msg)

    def may_fire(window: ClosedWindow, told: dict[str, ViewScore], _expectations: object) -> bool:
        return window.vector[COUNT] <= settings.quiet_share * told["events"].baseline

    def scorer() -> ViewsScorer:
        view = RateView("events", count=COUNT, bad="low", min_expected=settings.min_expected, memory=settings.memory())
        return ViewsScorer([view], **settings.learning(), shift=False, may_fire=may_fire, patient=True)

    return Windowed(
        name,
        settings,
        WindowParts(
            type_name=NAME,
            alertname="FeedSilence",
            event_types=frozenset(settings.event_types or EVENT_CLASSES),
            width=1,
            reads=(_ones,),
            columns=ColumnReads(frozenset(), (_column_of_ones,)),
            vectors=_vectors,
            scorer=scorer,
            wording=Wording(
                "events",
                {"events": Phrase(lambda value, _window: f"{value:.0f} events", lambda value: f"{value:.0f}")},
                min_count=settings.min_count,
                hourly=settings.hourly(),
                too_few=f"fewer than {settings.min_expected:g} events expected a window",
            ),
            learns_empty=True,
        ),
    )


def _ones(events: Sequence[Event]) -> list[float | None]:
    return [1.0] * len(events)


def _column_of_ones(columns: Columns) -> Floats:
    return np.ones(len(columns))


def _vectors(figures: Figures) -> Integers:
    return figures.astype(np.int64)
