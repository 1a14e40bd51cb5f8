"""Sentiment drop: more negative events, or a lower mean sentiment, than is normal for the hour."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from detectors.assembler import ClosedWindow
from detectors.columns import field_read
from detectors.combine import Figures, Integers
from detectors.contract import DETECTORS, Context
from detectors.events import Event
from detectors.models.baseline import SENTIMENT
from detectors.models.mean import MICRO, MeanView
from detectors.models.share import ShareView
from detectors.models.views import View
from detectors.scoring import ViewsScorer
from detectors.windowed import Windowed, WindowParts, WindowSettings
from detectors.wording import Phrase, Wording, percent_text

NAME = "sentiment_drop"
EventType = Literal["social.post", "survey.response", "crm.case.customer_message"]
ViewName = Literal["negative_share", "mean"]
COUNT, NEGATIVE, SUM, SQUARES = range(4)
"""Places in a window's vector: events, negative events, sum of sentiment, sum of its squares (both in millionths)."""
WIDTH = 4
_NOUNS = {"social.post": "posts", "survey.response": "responses", "crm.case.customer_message": "customer messages"}
_PRIOR_SPREAD = 0.35


class SentimentDropSettings(WindowSettings):
    """Alerts ``SentimentDrop`` when a group's sentiment is worse than its own past can explain.

    Attributes:
        event_types: events whose sentiment counts; those that have none are ignored.
        negative_below: sentiment at or below this is negative (-0.05 is VADER's own bound).
        views: what is tested: the share of negative events, the mean sentiment, or both.
    """

    type: Literal["sentiment_drop"] = "sentiment_drop"
    event_types: Annotated[tuple[EventType, ...], Field(min_length=1)] = (
        "social.post",
        "survey.response",
        "crm.case.customer_message",
    )
    negative_below: Annotated[float, Field(ge=-1, le=1)] = -0.05
    views: Annotated[tuple[ViewName, ...], Field(min_length=1, max_length=2)] = ("negative_share", "mean")

    @model_validator(mode="after")
    def _views_differ(self) -> Self:
        if len(set(self.views)) != len(self.views):
            msg = "views: a view is named twice"
            raise ValueError(msg)
        return self


@DETECTORS.register(NAME, SentimentDropSettings)
def build(name: str, settings: SentimentDropSettings, _context: Context) -> Windowed:
    """Build the detector of the entry ``name``. It refers to nothing in the context."""
    noun = _NOUNS[settings.event_types[0]] if len(settings.event_types) == 1 else "messages"
    negative_micro = round(settings.negative_below * MICRO)

    def vectors(figures: Figures) -> Integers:
        micros = np.rint(figures[0] * MICRO).astype(np.int64)
        return np.stack((np.ones_like(micros), micros <= negative_micro, micros, micros * micros // MICRO))

    def share(value: float, window: ClosedWindow) -> str:
        return f"{percent_text(value)} negative of {window.vector[COUNT]} {noun}"

    def mean(value: float, window: ClosedWindow) -> str:
        return f"mean sentiment {value:+.2f} over {window.vector[COUNT]} {noun}"

    phrases = {
        "negative_share": Phrase(share, percent_text, affected=NEGATIVE),
        "mean": Phrase(mean, lambda value: f"{value:+.2f}", affected=NEGATIVE),
    }
    return Windowed(
        name,
        settings,
        WindowParts(
            type_name=NAME,
            alertname="SentimentDrop",
            event_types=frozenset(settings.event_types),
            width=WIDTH,
            reads=(_sentiments,),
            columns=field_read("sentiment"),
            vectors=vectors,
            scorer=lambda: _scorer(settings),
            wording=Wording(noun, phrases, min_count=settings.min_count, hourly=settings.hourly()),
        ),
    )


def _scorer(settings: SentimentDropSettings) -> ViewsScorer:
    known: dict[ViewName, View] = {
        "negative_share": ShareView(
            "negative_share",
            part=NEGATIVE,
            count=COUNT,
            min_count=settings.min_count,
            memory=settings.memory(),
        ),
        "mean": MeanView(
            "mean",
            count=COUNT,
            total=SUM,
            squares=SQUARES,
            bad="low",
            min_count=settings.min_count,
            scale=SENTIMENT,
            prior_spread=_PRIOR_SPREAD,
            memory=settings.memory(),
        ),
    }
    return ViewsScorer([known[view] for view in settings.views], **settings.learning())


def _sentiments(events: Sequence[Event]) -> list[float | None]:
    return [event.data.sentiment for event in events]
