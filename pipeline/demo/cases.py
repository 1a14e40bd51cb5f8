"""The life of a support case, planned when it is opened."""

from collections.abc import Iterator

from config.durations import US_PER_SECOND
from pipeline.demo.chance import Weighted, exponential, lognormal
from pipeline.demo.company import HOUR_US, MINUTE_US
from pipeline.demo.stories import Scene, Told
from pipeline.demo.wire import event

FIRST_REPLY_MEDIAN_US = {"p1": 3 * MINUTE_US, "p2": 6 * MINUTE_US, "p3": 12 * MINUTE_US, "p4": 24 * MINUTE_US}
RESOLUTION_MEDIAN_US = {"p1": 1 * HOUR_US, "p2": 2 * HOUR_US, "p3": 6 * HOUR_US, "p4": 18 * HOUR_US}
_SPREAD = 0.5
"""A target of five times the median is missed by one case in 1500 on an ordinary day (``_SPREAD`` is the sigma)."""
_PRIORITY = {
    "gold": Weighted(["p1", "p2", "p3"], [0.4, 0.4, 0.2]),
    "silver": Weighted(["p1", "p2", "p3", "p4"], [0.1, 0.4, 0.4, 0.1]),
    "bronze": Weighted(["p2", "p3", "p4"], [0.2, 0.5, 0.3]),
}
_CASE_CHANNEL = Weighted(["email", "chat", "phone", "web"], [0.4, 0.3, 0.1, 0.2])
_IMPATIENT_AFTER_US = 40 * MINUTE_US


def case(scene: Scene) -> Iterator[Told]:
    """A customer asks for help: opened, assigned, answered, paused while they answer, resolved, at times reopened."""
    rng = scene.rng
    customer = scene.company.customer(rng, scene.region)
    priority = _PRIORITY[customer.tier].pick(rng)
    delay = scene.effect.delay
    case_id = f"case-{scene.identity}"
    head = (
        f'"case_id":"{case_id}","priority":"{priority}","queue":"{scene.service}","service":"{scene.service}",'
        f'"region":"{scene.region}","channel":"{_CASE_CHANNEL.pick(rng)}",{scene.labels(customer)}'
    )
    number = 0

    def step(name: str, time_us: int, more: str = "") -> Told:
        nonlocal number
        raw = event("crm", f"crm.case.{name}", f"{scene.identity}.{number}", time_us, customer.id, head + more, number)
        number += 1
        return time_us, "crm", raw

    opened_us = scene.time_us
    mood = "angry" if rng.random() < 0.3 + scene.effect.anger else "neutral"
    yield step("opened", opened_us, f',"status":"open"{scene.says(customer, mood)}')
    yield step("auto_reply", opened_us + 2 * US_PER_SECOND)
    reply_after_us = int(lognormal(rng, FIRST_REPLY_MEDIAN_US[priority], _SPREAD) * delay)
    group = f"{scene.service}-{scene.region}-{1 + int(rng.random() * 3)}"
    yield step("assigned", opened_us + 3 * US_PER_SECOND + reply_after_us // 3, f',"to":"{group}"')
    if reply_after_us > _IMPATIENT_AFTER_US and rng.random() < 0.5:
        asked_us = opened_us + int(reply_after_us * (0.5 + 0.4 * rng.random()))
        yield step("customer_message", asked_us, scene.says(customer, "angry"))
    replied_us = opened_us + 5 * US_PER_SECOND + reply_after_us
    yield step("agent_reply", replied_us)

    work_us = int(lognormal(rng, RESOLUTION_MEDIAN_US[priority], _SPREAD) * (1.0 + (delay - 1.0) / 2.0))
    at_us = replied_us + work_us // 2
    if rng.random() < 0.5:
        yield step("paused", at_us, ',"status":"awaiting_customer","reason":"awaiting_customer"')
        at_us += int(exponential(rng, 2 * HOUR_US)) + US_PER_SECOND
        yield step("customer_message", at_us, scene.says(customer, scene.mood()))
        at_us += US_PER_SECOND
        yield step("resumed", at_us, ',"status":"open"')
    at_us += work_us // 2 + US_PER_SECOND
    yield step("agent_reply", at_us - US_PER_SECOND // 2)
    yield step("resolved", at_us, ',"status":"resolved"')
    reopened = rng.random() < 0.05
    if reopened:
        again_us = at_us + int(exponential(rng, 5 * HOUR_US)) + MINUTE_US
        yield step("reopened", again_us, f',"status":"open"{scene.says(customer, "angry")}')
        reply_us = again_us + int(lognormal(rng, FIRST_REPLY_MEDIAN_US[priority], _SPREAD) * delay)
        yield step("agent_reply", reply_us)
        at_us = reply_us + work_us // 4 + US_PER_SECOND
        yield step("resolved", at_us, ',"status":"resolved"')
    if rng.random() < 0.3:
        late = min(2.0, reply_after_us / FIRST_REPLY_MEDIAN_US[priority] / 5.0)
        score = min(5, max(1, round(4.6 - late - reopened + scene.effect.survey / 3.0 + (rng.random() - 0.5))))
        answered_us = at_us + int(exponential(rng, HOUR_US)) + MINUTE_US
        data = (
            f'"score":{score},"scale":"csat","case_id":"{case_id}","service":"{scene.service}",'
            f'"region":"{scene.region}","channel":"email",{scene.labels(customer)}'
        )
        identity = f"{scene.identity}.s"
        yield answered_us, "survey", event("survey", "survey.response", identity, answered_us, customer.id, data)
