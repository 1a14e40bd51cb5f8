"""For every window detector: events of a week in which one of two groups fares badly for some hours.

A row of events comes at even distances, each at a chance time of its own within its distance.
"""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from detectors.events import ConclusionData, Event, SocialData, SurveyData, TransactionData
from tests.detectors.sampling import HOUR_US, MINUTE_US, START_US, Sample, make, post

_SETTINGS: dict[str, Any] = {"group_by": ["service"], "window": "4h", "hop": "2h", "baseline": {"rhythm": "none"}}


class _Moment(NamedTuple):
    number: int
    time_us: int
    service: str
    bad: bool


def _moments(rng: random.Random, days: int, every_us: int) -> Iterator[_Moment]:
    """Yield moments of two services; ``app`` is bad for ten hours of the day before the last but one."""
    bad_from_us = START_US + (days - 2) * 24 * HOUR_US + 10 * HOUR_US
    for number in range(days * 24 * HOUR_US // every_us):
        time_us = START_US + number * every_us + rng.randrange(every_us)
        service = rng.choice(["app", "web"])
        yield _Moment(number, time_us, service, service == "app" and 0 <= time_us - bad_from_us < 10 * HOUR_US)


def sentiment_drop() -> Sample:
    """Posts of which some have no sentiment."""
    rng = random.Random(11)
    events = []
    for number, time_us, service, bad in _moments(rng, 8, 6 * MINUTE_US):
        sentiment = round(max(-1.0, min(1.0, rng.gauss(-0.6 if bad else 0.3, 0.4))), 4)
        events.append(post(number, time_us, None if number % 50 == 0 else sentiment, service=service))
    settings = {"group_by": ["service"], "window": "4h", "hop": "2h", "min_count": 8, "labels": {"team": "care"}}
    return Sample({"type": "sentiment_drop", **settings}, events)


def survey_drop() -> Sample:
    """Answers on two scales, some of them out of it, some on a scale that nobody knows."""
    rng = random.Random(21)
    events = []
    for number, time_us, service, bad in _moments(rng, 7, 6 * MINUTE_US):
        scale = rng.choice(["nps", "CSAT", "csat", "smileys"])
        best, worst = (10, 0) if scale == "nps" else (5, 1)
        glad = rng.random() < (0.15 if bad else 0.85)
        score = rng.randrange(best - 1, best + 1) if glad else rng.randrange(worst, worst + 2)
        answer = SurveyData(score=99 if number % 40 == 0 else score, scale=scale, service=service)
        events.append(make("survey.response", number, time_us, answer))
    return Sample({"type": "survey_drop", "min_count": 8, **_SETTINGS}, events)


def _conclusion(step: str, moment: _Moment, **data: Any) -> Event:
    """Return what ``sla_breach`` would conclude."""
    case_id = f"c{moment.number}"
    told = ConclusionData(case_id=case_id, promise="resolution", kind="resolution", service=moment.service, **data)
    return make(step, moment.number, moment.time_us, told)


def sla_breach_rate() -> Sample:
    """Promises, of which one in ten is broken, or one in two."""
    rng = random.Random(22)
    events = []
    for moment in _moments(rng, 7, 6 * MINUTE_US):
        broken = rng.random() < (0.6 if moment.bad else 0.1)
        events.append(_conclusion("promise.broken" if broken else "promise.met", moment))
    return Sample({"type": "sla_breach_rate", "min_count": 8, **_SETTINGS}, events)


def resolution_lag() -> Sample:
    """Cases that take two hours, or eight."""
    rng = random.Random(23)
    events = []
    for moment in _moments(rng, 7, 6 * MINUTE_US):
        spent_us = round((8 if moment.bad else 2) * HOUR_US * rng.lognormvariate(0.0, 0.8))
        events.append(_conclusion("case.resolved", moment, elapsed_us=spent_us, real_us=2 * spent_us))
    return Sample({"type": "resolution_lag", "min_count": 8, **_SETTINGS}, events)


def social_spike() -> Sample:
    """Posts, and a storm of bad ones; of one in seven nobody knows the sentiment."""
    rng = random.Random(24)
    events = []
    for number, time_us, service, bad in _moments(rng, 7, 10 * MINUTE_US):
        for more in range(6 if bad else 1):
            sentiment = rng.choice([-0.8, -0.5, 0.1] if bad else [-0.5, 0.0, 0.4, 0.6])
            data = SocialData(service=service, sentiment=None if number % 7 == 0 else sentiment)
            events.append(make("social.post", 10 * number + more, time_us + more, data))
    return Sample({"type": "social_spike", **_SETTINGS}, events)


def transaction_failure() -> Sample:
    """Payments that are slow and declined, with refunds; fewer customers pay."""
    rng = random.Random(25)
    events = []
    for number, time_us, service, bad in _moments(rng, 7, 6 * MINUTE_US):
        if bad and rng.random() < 0.4:
            continue
        step = rng.choices(
            ["payment", "declined", "failed", "refunded", "returned", "shipped"],
            [50, 25, 15, 5, 5, 10] if bad else [90, 3, 1, 2, 1, 10],
        )[0]
        latency_ms = rng.lognormvariate(7.0 if bad else 5.5, 0.5)
        data = TransactionData(
            order_id=f"o{number}", service=service, latency_ms=None if number % 9 == 0 else latency_ms
        )
        events.append(make(f"transaction.{step}", number, time_us, data))
    return Sample({"type": "transaction_failure", "min_count": 8, **_SETTINGS}, events)


def feed_silence() -> Sample:
    """Events of several types, and a service of which nothing is heard for ten hours."""
    rng = random.Random(26)
    events = []
    for number, time_us, service, bad in _moments(rng, 7, 6 * MINUTE_US):
        if not bad and number % 2:
            events.append(post(number, time_us, None, service=service))
        elif not bad:
            events.append(make("survey.response", number, time_us, SurveyData(service=service)))
    return Sample({"type": "feed_silence", **_SETTINGS}, events)
