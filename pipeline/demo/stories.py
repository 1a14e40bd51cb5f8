"""What happens to one customer: an order, a survey, a post (cases have a file of their own). Planned at the beginning.

A story answers with its events, ``(time_us, feed, raw)``; when each arrives is somebody else's matter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from config.durations import US_PER_SECOND
from pipeline.demo.chance import Weighted, exponential, lognormal, normal
from pipeline.demo.company import HOUR_US, MINUTE_US, Company, Customer
from pipeline.demo.incidents import EFFECTS, Effect, Incident
from pipeline.demo.wire import event, time_text
from pipeline.demo.words import measured, write

Told = tuple[int, str, bytes]
FIRST_REPLY_MEDIAN_US = {"p1": 3 * MINUTE_US, "p2": 6 * MINUTE_US, "p3": 12 * MINUTE_US, "p4": 24 * MINUTE_US}
RESOLUTION_MEDIAN_US = {"p1": 1 * HOUR_US, "p2": 2 * HOUR_US, "p3": 6 * HOUR_US, "p4": 18 * HOUR_US}
DELIVERY_MEDIAN_US = 30 * HOUR_US
DELIVERY_PROMISE_US = 72 * HOUR_US
_DELIVERY_SPREAD = 0.3
_SHOP_CHANNEL = Weighted(["web", "mobile"], [0.45, 0.55])
_POST_CHANNEL = Weighted(["microblog", "reviews", "forum"], [0.7, 0.2, 0.1])
_ANGRY, _HAPPY = 0.15, 0.30
"""Shares of posts on an ordinary day; the rest is neutral."""


@dataclass(slots=True)
class Scene:
    """Where and when a story begins: the moment, the place, and what is wrong there.

    Attributes:
        identity: unique; ids of events and cases begin with it.
        scored: share of texts that carry a sentiment already. Text that is not English always does.
    """

    company: Company
    rng: Random
    identity: str
    time_us: int
    service: str
    region: str
    effect: Effect
    incidents: Sequence[Incident]
    scored: float

    def mood(self) -> str:
        """Return the mood of somebody who writes here and now."""
        angry = min(0.97, _ANGRY + self.effect.anger)
        happy = min(1.0 - angry, _HAPPY + self.effect.joy) * (1.0 - min(1.0, self.effect.anger))
        at = self.rng.random()
        return "angry" if at < angry else "happy" if at < angry + happy else "neutral"

    def says(self, customer: Customer, mood: str) -> str:
        """Return the fields of a text, and of its sentiment where it carries one."""
        text = f',"text":"{write(self.rng, customer.language, mood, self.service)}"'
        if customer.language == "en" and self.rng.random() >= self.scored:
            return text
        return f'{text},"sentiment":{measured(self.rng, mood)}'

    def labels(self, customer: Customer, more: str = "") -> str:
        """Return the labels that every event carries."""
        return f'"labels":{{"tier":"{customer.tier}","language":"{customer.language}"{more}}}'


def post(scene: Scene) -> Iterator[Told]:
    """Somebody writes about the company in public."""
    customer = scene.company.customer(scene.rng, scene.region)
    data = (
        f'"service":"{scene.service}","region":"{scene.region}","channel":"{_POST_CHANNEL.pick(scene.rng)}",'
        f'"author":"@{customer.id}",{scene.labels(customer)}{scene.says(customer, scene.mood())}'
    )
    yield scene.time_us, "social", event("social", "social.post", scene.identity, scene.time_us, customer.id, data)


def survey(scene: Scene) -> Iterator[Told]:
    """A customer answers the question whether they would recommend us (0 to 10)."""
    customer = scene.company.customer(scene.rng, scene.region)
    score = min(10, max(0, round(8.2 + scene.effect.survey + 1.8 * normal(scene.rng))))
    mood = "happy" if score >= 9 else "angry" if score <= 5 else "neutral"
    data = (
        f'"score":{score},"scale":"nps","service":"{scene.service}","region":"{scene.region}","channel":"email",'
        f"{scene.labels(customer)}{scene.says(customer, mood) if scene.rng.random() < 0.4 else ''}"
    )
    yield scene.time_us, "survey", event("survey", "survey.response", scene.identity, scene.time_us, customer.id, data)


def order(scene: Scene) -> Iterator[Told]:
    """A customer buys something; the payment works or not; a parcel travels; some of it comes back."""
    rng, effect = scene.rng, scene.effect
    customer = scene.company.customer(rng, scene.region)
    vendor = scene.company.vendor(rng, scene.service)
    failures, latency = effect.failures, effect.latency
    for one in scene.incidents:
        if "vendor" in one.scope and one.touches(service=scene.service, region=scene.region, vendor=vendor):
            strength = one.strength(scene.time_us)
            failures += EFFECTS[one.kind].failures * strength
            latency *= 1.0 + (EFFECTS[one.kind].latency - 1.0) * strength
    labels = scene.labels(customer, f',"vendor":"{vendor}"')
    with_parcel = scene.service == "delivery"
    deadline = f',"deadline":"{time_text(scene.time_us + DELIVERY_PROMISE_US)}"' if with_parcel else ""
    head = (
        f'"order_id":"o{scene.identity}","amount":{lognormal(rng, 45.0, 0.9):.2f},"currency":"EUR",'
        f'"service":"{scene.service}","region":"{scene.region}","channel":"{_SHOP_CHANNEL.pick(rng)}",{labels}'
    )

    def step(number: int, name: str, time_us: int, more: str = "") -> Told:
        identity = f"{scene.identity}.{number}"
        return (
            time_us,
            "transaction",
            event("transaction", f"transaction.{name}", identity, time_us, customer.id, head + more, number),
        )

    yield step(0, "purchased", scene.time_us, deadline)
    taken_ms = lognormal(rng, 180.0, 0.6) * latency
    paid_us = scene.time_us + 1_000_000 + int(taken_ms * 1000)
    at = rng.random()
    outcome = "failed" if at < 0.01 + failures else "declined" if at < 0.04 + failures else "payment"
    status = {"failed": "error", "declined": "declined", "payment": "ok"}[outcome]
    yield step(1, outcome, paid_us, f',"status":"{status}","latency_ms":{taken_ms:.1f}')
    if outcome != "payment":
        return
    end_us = paid_us
    if with_parcel:
        travel_us = int(lognormal(rng, DELIVERY_MEDIAN_US, _DELIVERY_SPREAD) * effect.delay)
        end_us = paid_us + travel_us
        yield step(2, "shipped", paid_us + travel_us // 8)
        yield step(3, "delivered", end_us)
    if rng.random() < 0.02:
        yield step(4, "refunded", end_us + int(exponential(rng, 6 * HOUR_US)) + US_PER_SECOND)
