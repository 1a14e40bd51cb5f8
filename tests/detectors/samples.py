"""For every registered detector: settings and events that make it alert, for the contract suite.

Adding a detector means adding a function here. The events have different times, so that arrival order within the
lateness is the only order there is.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from detectors.contract import DETECTORS, Context, Detector
from detectors.events import EVENT_CLASSES, CaseData, Event, SocialData, SurveyData

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


def make(kind: str, number: int, time_us: int, data: Any, subject: str = "") -> Event:
    """Return one event, as the decoder would."""
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    event: Event = EVENT_CLASSES[kind](  # type: ignore[call-arg, assignment]
        id=f"e{number}", source="sample", subject=subject, time=time, time_us=time_us, data=data
    )
    return event


def post(number: int, time_us: int, sentiment: float | None, **data: Any) -> Event:
    """Return one social post."""
    return make("social.post", number, time_us, SocialData(sentiment=sentiment, **data))


def sentiment_drop() -> Sample:
    """Two services for eight days; one turns bad for ten hours, then is well again."""
    rng = random.Random(11)
    events = []
    bad_from_us, bad_to_us = START_US + 130 * HOUR_US, START_US + 140 * HOUR_US
    for step in range(8 * 24 * 10):
        time_us = START_US + step * 6 * MINUTE_US + rng.randrange(6 * MINUTE_US)
        service = rng.choice(["app", "web"])
        bad = service == "app" and bad_from_us <= time_us < bad_to_us
        sentiment = round(max(-1.0, min(1.0, rng.gauss(-0.6 if bad else 0.3, 0.4))), 4)
        events.append(post(step, time_us, None if step % 50 == 0 else sentiment, service=service))
    settings = {
        "type": "sentiment_drop",
        "group_by": ["service"],
        "window": "4h",
        "hop": "2h",
        "min_count": 8,
        "labels": {"team": "care"},
    }
    return Sample(settings, events)


def sla_breach() -> Sample:
    """Cases with a promise of four hours: some are kept, some broken, some broken and then kept late."""
    rng = random.Random(12)
    steps: list[tuple[int, str, CaseData]] = []
    for case in range(60):
        opened_us = START_US + rng.randrange(48 * HOUR_US)
        data = CaseData(case_id=f"c{case}", priority="high", service="app")
        steps.append((opened_us, "crm.case.opened", data))
        if case % 5:
            steps.append((opened_us + rng.randrange(1, 8 * HOUR_US), "crm.case.resolved", data))
    steps.sort(key=lambda step: (step[0], step[1]))
    events = [make(kind, number, time_us, data) for number, (time_us, kind, data) in enumerate(steps)]
    promise = {"name": "resolution", "kind": "resolution", "target": 4, "unit": "hours"}
    return Sample({"type": "sla_breach", "promises": [promise]}, events)


def negative_survey() -> Sample:
    """Customers answer over ten days; some change their minds, some are called back, some are forgotten."""
    rng = random.Random(13)
    steps: list[tuple[int, str, str, Any]] = []
    for number in range(150):
        customer = f"c{rng.randrange(60)}"
        at_us = START_US + rng.randrange(10 * 24 * HOUR_US)
        answer: Any = {"scale": rng.choice(["nps", "csat", "ces", "smileys"]), "labels": {"response": f"r{number}"}}
        steps.append((at_us, "survey.response", customer, SurveyData(score=rng.randrange(12), **answer)))
        for _ in range(rng.choice([0, 0, 1, 2])):
            at_us += rng.randrange(1, 60 * HOUR_US)
            steps.append((at_us, "survey.response", customer, SurveyData(score=rng.randrange(8), **answer)))
        if rng.random() < 0.5:
            at_us += rng.randrange(1, 40 * HOUR_US)
            steps.append((at_us, "crm.case.agent_reply", customer, CaseData(case_id=f"k{number}")))
    steps.sort(key=lambda step: step[0])
    events = [make(kind, number, time_us, data, who) for number, (time_us, kind, who, data) in enumerate(steps)]
    return Sample({"type": "negative_survey", "open_for": "3d", "retention": "1d", "remember": "4d"}, events)


def repeat_contact() -> Sample:
    """Customers who come back about two services over three weeks, on cases that are resolved, or not, or chased."""
    rng = random.Random(14)
    steps: list[tuple[int, str, str, Any]] = []
    for number in range(120):
        customer = f"c{rng.randrange(25)}"
        at_us = START_US + rng.randrange(21 * 24 * HOUR_US)
        data = CaseData(case_id=f"k{number}", service=rng.choice(["app", "web"]), channel=rng.choice(["mail", "phone"]))
        for step in ("opened", "customer_message", "agent_reply", "resolved", "customer_message", "reopened", "closed"):
            if step == "opened" or rng.random() < 0.6:
                steps.append((at_us, f"crm.case.{step}", customer, data))
            at_us += rng.randrange(1, rng.choice([1, 30, 60]) * HOUR_US)
    steps.sort(key=lambda step: step[0])
    events = [make(kind, number, time_us, data, who) for number, (time_us, kind, who, data) in enumerate(steps)]
    settings = {"type": "repeat_contact", "window": "3d", "critical_from": 4, "chasers": 1, "retention": "1d"}
    return Sample({**settings, "case_retention": "5d"}, events)


def residual_dissatisfaction() -> Sample:
    """Customers of whom some are glad, and some are not, after their cases were resolved."""
    rng = random.Random(16)
    steps: list[tuple[int, str, str, Any]] = []
    more = ("agent_reply", "customer_message", "resolved", "customer_message", "reopened", "agent_reply", "resolved",
            "closed", "customer_message")  # fmt: skip
    for number in range(100):
        customer, case_id = f"c{rng.randrange(40)}", f"k{number}"
        service, channel = rng.choice(["app", "web"]), rng.choice(["mail", "phone"])
        at_us = START_US + rng.randrange(14 * 24 * HOUR_US)
        for step in ("opened", *more):
            if step == "opened" or rng.random() < 0.6:
                mood = round(rng.uniform(-1, 1), 2)
                data = CaseData(case_id=case_id, service=service, channel=channel, sentiment=mood, text="Well.")
                steps.append((at_us, f"crm.case.{step}", customer, data))
            at_us += rng.randrange(1, rng.choice([1, 20, 60]) * HOUR_US)
        if rng.random() < 0.5:
            score, about = rng.randrange(12), rng.choice([case_id, None])
            steps.append((at_us, "survey.response", customer, SurveyData(score=score, scale="nps", case_id=about)))
        if rng.random() < 0.3:
            post_us = at_us + rng.randrange(50 * HOUR_US)
            steps.append((post_us, "social.post", customer, SocialData(sentiment=round(rng.uniform(-1, 1), 2))))
    steps.sort(key=lambda step: step[0])
    events = [make(kind, number, time_us, data, who) for number, (time_us, kind, who, data) in enumerate(steps)]
    settings = {"type": "residual_dissatisfaction", "window": "4d", "retention": "1d", "case_retention": "6d"}
    return Sample(settings, events)


def stalled_recovery() -> Sample:
    """Cases of two weeks, some of them complaints, some with a date that passes, some answered badly about."""
    rng = random.Random(15)
    steps: list[tuple[int, str, str, Any]] = []
    more = ("agent_reply", "internal_note", "assigned", "accepted", "paused", "resumed", "customer_message", "updated",
            "agent_reply", "resolved", "agent_reply", "reopened", "closed")  # fmt: skip
    for number in range(80):
        customer, case_id = f"c{rng.randrange(40)}", f"k{number}"
        at_us = START_US + rng.randrange(14 * 24 * HOUR_US)
        due = datetime(2026, 3, rng.randrange(2, 20), 12, tzinfo=UTC) if rng.random() < 0.3 else None
        labels = {"kind": "complaint"} if rng.random() < 0.5 else {}
        opened = CaseData(case_id=case_id, service="app", queue="care", deadline=due, labels=labels)
        steps.append((at_us, "crm.case.opened", customer, opened))
        for step in more:
            at_us += rng.randrange(1, rng.choice([1, 6, 40]) * HOUR_US)
            if rng.random() < 0.4:
                marks = {"recovery": rng.choice(["remedy_promised", "remedy_delivered"])} if rng.random() < 0.1 else {}
                data = CaseData(case_id=case_id, to=rng.choice(["anna", None]), labels=marks)
                steps.append((at_us, f"crm.case.{step}", customer, data))
        if rng.random() < 0.3:
            answer = SurveyData(score=rng.randrange(1, 6), scale="csat", case_id=case_id)
            steps.append((at_us + HOUR_US, "survey.response", customer, answer))
    steps.sort(key=lambda step: step[0])
    events = [make(kind, number, time_us, data, who) for number, (time_us, kind, who, data) in enumerate(steps)]
    settings = {"type": "stalled_recovery", "retention": "1d", "max_customer_wait": 1, "remember": "2d"}
    return Sample({**settings, "flag_for": "2d", "case_retention": "9d"}, events)


SAMPLES: dict[str, Callable[[], Sample]] = {
    "negative_survey": negative_survey,
    "repeat_contact": repeat_contact,
    "residual_dissatisfaction": residual_dissatisfaction,
    "sentiment_drop": sentiment_drop,
    "sla_breach": sla_breach,
    "stalled_recovery": stalled_recovery,
}
"""One function per registered detector."""
