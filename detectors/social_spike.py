"""Social spike: more posts than is normal for the hour, and not because people are happy."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from detectors.assembler import ClosedWindow
from detectors.columns import field_read
from detectors.combine import Figures, Integers
from detectors.contract import DETECTORS, Context
from detectors.events import Event
from detectors.models.rate import RateView
from detectors.models.share import ShareView
from detectors.models.views import ViewScore
from detectors.scoring import ViewsScorer
from detectors.windowed import Positive, Windowed, WindowParts, WindowSettings
from detectors.wording import Phrase, Wording, percent_text

NAME = "social_spike"
COUNT, SCORED, NEGATIVE = range(3)
"""Places in a window's vector: posts, those whose sentiment is known, and the negative ones of these."""
_UNKNOWN = 9.0
"""Stands for a sentiment that is not known."""
_MOST_GOOD = 0.02
"""A share of negative posts whose p-value is above it is as good as ever."""


class SocialSpikeSettings(WindowSettings):
    """Alerts ``SocialSpike`` when there are more posts about a group, or more negative ones, than is normal.

    A campaign or a launch makes many posts too. Where the sentiment of enough posts is known and the share of negative
    ones is as ever, the finding says ``harmless``, and there is no alert.

    Attributes:
        min_expected: windows in which fewer posts are expected, and fewer have come, are not scored.
        min_count: of so many posts with a known sentiment the share of negative ones is believed.
        negative_below: sentiment at or below this is negative (-0.05 is VADER's own bound).
    """

    type: Literal["social_spike"] = "social_spike"
    window: Positive = 30 * 60 * 1_000_000
    min_expected: Annotated[float, Field(gt=0)] = 5.0
    min_count: Annotated[int, Field(ge=2)] = 10
    negative_below: Annotated[float, Field(ge=-1, le=1)] = -0.05


@DETECTORS.register(NAME, SocialSpikeSettings)
def build(name: str, settings: SocialSpikeSettings, _context: Context) -> Windowed:
    """Build the detector of the entry ``name``. It refers to nothing in the context."""

    def vectors(figures: Figures) -> Integers:
        known = figures[0] < _UNKNOWN
        negative = figures[0] <= settings.negative_below
        return np.stack((np.ones(len(known), dtype=np.int64), known.astype(np.int64), negative.astype(np.int64)))

    def scorer() -> ViewsScorer:
        memory = settings.memory()
        posts = RateView("posts", count=COUNT, bad="high", min_expected=settings.min_expected, memory=memory)
        angry = RateView(
            "negative_posts", count=NEGATIVE, bad="high", min_expected=settings.min_expected / 2.0, memory=memory
        )
        share = ShareView("negative_share", part=NEGATIVE, count=SCORED, min_count=settings.min_count, memory=memory)
        return ViewsScorer(
            [posts, angry, share],
            **settings.learning(),
            shift=False,
            may_fire=_may_fire,
        )

    phrases = {
        "posts": Phrase(lambda value, _window: f"{value:.0f} posts", lambda value: f"{value:.0f}", affected=COUNT),
        "negative_posts": Phrase(
            lambda value, _window: f"{value:.0f} negative posts", lambda value: f"{value:.0f}", affected=NEGATIVE
        ),
        "negative_share": Phrase(_share, percent_text, affected=NEGATIVE),
    }
    return Windowed(
        name,
        settings,
        WindowParts(
            type_name=NAME,
            alertname="SocialSpike",
            event_types=frozenset({"social.post"}),
            width=3,
            reads=(_sentiments,),
            columns=field_read("sentiment", missing=_UNKNOWN),
            vectors=vectors,
            scorer=scorer,
            wording=Wording(
                "posts",
                phrases,
                min_count=settings.min_count,
                hourly=settings.hourly(),
                too_few=f"fewer than {settings.min_expected:g} posts expected a window",
            ),
            learns_empty=True,
        ),
    )


def _may_fire(_window: ClosedWindow, told: dict[str, ViewScore], _expectations: object) -> bool:
    """Return whether people are not as happy as ever, as far as is known, and there is more of something."""
    volume = min((told[name].p_value for name in ("posts", "negative_posts") if name in told), default=1.0)
    share = told.get("negative_share")
    if share is None:
        return volume <= _MOST_GOOD
    return share.p_value <= _MOST_GOOD and volume <= _MOST_GOOD


def _share(value: float, window: ClosedWindow) -> str:
    return f"{percent_text(value)} negative of {window.vector[SCORED]} posts"


def _sentiments(events: Sequence[Event]) -> list[float | None]:
    return [_UNKNOWN if event.data.sentiment is None else event.data.sentiment for event in events]
