"""What the samples of detectors are made of: events, as the decoder would make them."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from detectors.contract import DETECTORS, Context, Detector
from detectors.events import ALL_CLASSES, Event, SocialData

START_US = 1_772_409_600_000_000  # 2026-03-02T00:00:00Z, a Monday
MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US


class Sample(NamedTuple):
    """Settings and events, in event time order; ``lateness_us`` is how far they may be shuffled."""

    settings: dict[str, Any]
    events: list[Event]
    lateness_us: int = HOUR_US

    def detector(self) -> Detector:
        name = self.settings["type"]
        settings = DETECTORS.settings(name).model_validate(self.settings)
        return DETECTORS.factory(name)(f"my_{name}", settings, Context())


def make(kind: str, number: int, time_us: int, data: Any, subject: str = "", source: str = "sample") -> Event:
    """Return one event, as the decoder would."""
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    event: Event = ALL_CLASSES[kind](  # type: ignore[call-arg, assignment]
        id=f"e{number}", source=source, subject=subject, time=time, time_us=time_us, data=data
    )
    return event


def post(number: int, time_us: int, sentiment: float | None, **data: Any) -> Event:
    """Return one social post."""
    return make("social.post", number, time_us, SocialData(sentiment=sentiment, **data))
