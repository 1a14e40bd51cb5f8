"""For every registered detector: settings and events that make it alert, for the contract suite.

Adding a detector means adding a function here. The events have different times, so that arrival order within the
lateness is the only order there is.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from detectors.events import CaseData, SocialData, SurveyData
from tests.detectors import window_samples
from tests.detectors.sampling import HOUR_US, MINUTE_US, START_US, Sample, make, post
from tests.detectors.window_samples import sentiment_drop

__all__ = ["HOUR_US", "MINUTE_US", "SAMPLES", "START_US", "Sample", "make", "post", "sentiment_drop"]


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
    "feed_silence": window_samples.feed_silence,
    "negative_survey": negative_survey,
    "repeat_contact": repeat_contact,
    "residual_dissatisfaction": residual_dissatisfaction,
    "resolution_lag": window_samples.resolution_lag,
    "sentiment_drop": sentiment_drop,
    "sla_breach": sla_breach,
    "sla_breach_rate": window_samples.sla_breach_rate,
    "social_spike": window_samples.social_spike,
    "stalled_recovery": stalled_recovery,
    "survey_drop": window_samples.survey_drop,
    "transaction_failure": window_samples.transaction_failure,
}
"""One function per registered detector."""
