"""A week of tweets to six US airlines in February 2015, in which storms cancelled flights. Human sentiment labels."""

import csv
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from detectors.contract import AlertChange, Context, Progress
from detectors.events import Event, SocialData, SocialEvent
from detectors.sentiment_drop import SentimentDropSettings, build
from detectors.windowed import Windowed
from tests.support.combine import combined
from tests.support.data import data_path

pytestmark = pytest.mark.data
SENTIMENT = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}


def us(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc, arg-type]


@pytest.fixture(scope="module")
def tweets() -> list[Event]:
    events: dict[str, Event] = {}
    with data_path("airline_tweets", "Tweets.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            time = datetime.strptime(row["tweet_created"], "%Y-%m-%d %H:%M:%S %z")
            events.setdefault(
                row["tweet_id"],
                SocialEvent(
                    id=row["tweet_id"],
                    source="tweets",
                    time=time,
                    time_us=int(time.timestamp()) * 1_000_000,
                    data=SocialData(labels={"airline": row["airline"]}, sentiment=SENTIMENT[row["airline_sentiment"]]),
                ),
            )
    return list(events.values())


def firing(tweets: list[Event], **settings: Any) -> list[AlertChange]:
    entry = {"group_by": ["airline"], "window": "12h", "hop": "1h", "p_value": {"fire": 0.015}, **settings}
    detector = build("mood", SentimentDropSettings.model_validate(entry), Context())
    assert isinstance(detector, Windowed)
    batch = combined(detector, tweets)
    end_us = max(event.time_us for event in tweets) + 1
    outcome = detector.state().update(batch, Progress(end_us, end_us))
    return [change for change in outcome.changes if change.status == "firing"]


def begins_within(changes: list[AlertChange], airline: str, from_us: int, to_us: int) -> bool:
    return any(change.labels["airline"] == airline and from_us <= change.starts_at_us <= to_us for change in changes)


def check(changes: list[AlertChange]) -> None:
    assert begins_within(changes, "Southwest", us(2015, 2, 21, 12), us(2015, 2, 22, 12))
    assert begins_within(changes, "Delta", us(2015, 2, 22, 12), us(2015, 2, 23, 12))
    assert sum(change.starts_at_us < us(2015, 2, 21) for change in changes) <= 2


def test_the_storms_are_found_and_nothing_before_them(tweets: list[Event]) -> None:
    changes = firing(tweets)
    check(changes)
    assert all(change.starts_at_us >= us(2015, 2, 21) for change in changes)


@pytest.mark.parametrize(("window", "hop"), [("6h", "1h"), ("8h", "1h"), ("12h", "1h"), ("12h", "3h"), ("16h", "1h")])
def test_other_windows_thresholds_and_counts_find_the_same(tweets: list[Event], window: str, hop: str) -> None:
    for fire, min_count in product((0.0125, 0.015, 0.03), (15, 50)):
        check(firing(tweets, window=window, hop=hop, p_value={"fire": fire}, min_count=min_count))


def test_one_view_is_enough(tweets: list[Event]) -> None:
    for view in ("negative_share", "mean"):
        check(firing(tweets, views=[view]))
