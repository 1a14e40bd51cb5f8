"""A large seeded file of canonical events in order of time, of one of two companies.

``desk`` is mostly a service desk: 35 % about cases, 30 % posts, 10 % surveys, 25 % payments. Half of the surveys come
from a customer whose case was resolved shortly before, and name the case; answers are half 9 and 10, a third 7 and 8,
a fifth worse. Every fifth post is by somebody who is known as a customer.

``shop`` is a seller: five events an order, from the purchase to the delivery, and one answer in stars an order, as at
Olist (https://www.kaggle.com/datasets/olistbr/brazilian-ecommerce: 99,224 answers to 99,441 orders, 57 % of them with
five stars, 12 % with one); one order in fifteen leads to a case: 76 % orders, 15 % surveys, 6 % about cases, 3 % posts.

A case, and an order, is one customer's from its first step to its last.
"""

import random
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.support.events import START_US, rfc3339

SERVICES = ("broadband", "mobile", "tv", "landline")
REGIONS = ("north", "south", "east", "west")
CUSTOMERS = 200_000
OPEN_AT_ONCE = 3_000
MIXES = {"desk": (0.35, 0.30, 0.10), "shop": (0.06, 0.03, 0.15)}
"""Shares of events about cases, of posts and of surveys; the rest is about orders."""
PURE = {"cases": (1.0, 0.0, 0.0), "posts": (0.0, 1.0, 0.0), "surveys": (0.0, 0.0, 1.0), "orders": (0.0, 0.0, 0.0)}
"""Companies with events of one kind only."""
_CASE_STEPS = ("opened", "agent_reply", "customer_message", "agent_reply", "resolved")
_SCORES = (10, 10, 10, 9, 9, 8, 8, 7, 6, 3)
_STARS = (5,) * 57 + (4,) * 19 + (3,) * 8 + (2,) * 4 + (1,) * 12
_ORDER_STEPS = ("purchased", "approved", "payment", "shipped", "delivered")


class _Thing(NamedTuple):
    """A case or an order: whose it is, where, and how many steps it has taken."""

    id: str
    customer: str
    service: str
    region: str
    done: int = 0


class _Things:
    """Cases or orders that are open, and the last ones that were finished; each takes ``steps`` after another."""

    def __init__(self, rng: random.Random, prefix: str, steps: Sequence[str]) -> None:
        self._rng = rng
        self._prefix = prefix
        self._steps = steps
        self._open: list[_Thing] = []
        self.finished: deque[_Thing] = deque(maxlen=500)

    def step(self, number: int) -> tuple[str, _Thing]:
        """Begin one or take one that is open a step further; return the step."""
        rng, things = self._rng, self._open
        if not things or (len(things) < OPEN_AT_ONCE and rng.random() < 0.3):
            things.append(
                _Thing(f"{self._prefix}-{number}", _customer(rng), rng.choice(SERVICES), rng.choice(REGIONS), 1)
            )
            return self._steps[0], things[-1]
        index = rng.randrange(len(things))
        thing = things[index]
        step = self._steps[thing.done]
        if thing.done + 1 == len(self._steps):
            things[index] = things[-1]
            things.pop()
            self.finished.append(thing)
        else:
            things[index] = thing._replace(done=thing.done + 1)
        return step, thing


class _Company:
    """Makes the events of one company."""

    def __init__(self, rng: random.Random, mix: str) -> None:
        self._rng = rng
        self._mix = mix
        self._cases = _Things(rng, "c", _CASE_STEPS)
        self._orders = _Things(rng, "o", _ORDER_STEPS)

    def event(self, number: int) -> tuple[str, str, dict[str, object]]:
        """Return type, customer and data of the next event."""
        cases, posts, surveys = (MIXES | PURE)[self._mix]
        chance = self._rng.random()
        if chance < cases:
            step, case = self._cases.step(number)
            about = {"case_id": case.id, **({"priority": "normal"} if step == "opened" else {})}
            return f"crm.case.{step}", case.customer, {**_where(case), **about}
        if chance < cases + posts:
            return self._post()
        if chance < cases + posts + surveys:
            return self._survey()
        return self._order(number)

    def _post(self) -> tuple[str, str, dict[str, object]]:
        rng = self._rng
        customer = _customer(rng) if rng.random() < 0.2 else ""
        said = {"sentiment": _mood(rng), "author": f"user-{rng.randrange(50_000)}"}
        return "social.post", customer, {**self._anywhere(), **said}

    def _survey(self) -> tuple[str, str, dict[str, object]]:
        rng = self._rng
        if self._mix == "shop" and self._orders.finished:
            order = rng.choice(self._orders.finished)
            return "survey.response", order.customer, {**_where(order), "score": rng.choice(_STARS), "scale": "stars"}
        answer = {"score": float(rng.choice(_SCORES)), "scale": "nps", "sentiment": _mood(rng)}
        if self._cases.finished and rng.random() < 0.5:
            case = rng.choice(self._cases.finished)
            return "survey.response", case.customer, {**_where(case), **answer, "case_id": case.id}
        return "survey.response", _customer(rng), {**self._anywhere(), **answer}

    def _order(self, number: int) -> tuple[str, str, dict[str, object]]:
        rng = self._rng
        paid = {"amount": round(rng.expovariate(1 / 40), 2), "currency": "EUR"}
        if self._mix != "shop":
            return "transaction.payment", _customer(rng), {**self._anywhere(), "order_id": f"o-{number}", **paid}
        step, order = self._orders.step(number)
        more = paid if step == "payment" else {}
        return f"transaction.{step}", order.customer, {**_where(order), "order_id": order.id, **more}

    def _anywhere(self) -> dict[str, object]:
        return {"service": self._rng.choice(SERVICES), "region": self._rng.choice(REGIONS)}


def write_recording(
    path: Path, events: int, *, seed: int = 7, span_hours: int = 48, start_us: int = START_US, mix: str = "desk"
) -> Path:
    """Write ``events`` events spread over ``span_hours`` from ``start_us`` on to ``path``."""
    rng = random.Random(seed)
    company = _Company(rng, mix)
    gap_us = span_hours * 3_600_000_000 // events
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for number in range(events):
            time_us = start_us + number * gap_us + rng.randrange(gap_us)
            name, customer, data = company.event(number)
            body = {
                "specversion": "1.0",
                "type": name,
                "source": f"bench/{name.split('.')[0]}",
                "id": f"e-{number}",
                "time": rfc3339(time_us),
                **({"subject": customer} if customer else {}),
                "data": data,
            }
            file.write(encode(body) + b"\n")
    return path


def _where(thing: _Thing) -> dict[str, object]:
    return {"service": thing.service, "region": thing.region}


def _customer(rng: random.Random) -> str:
    return f"cust-{rng.randrange(CUSTOMERS)}"


def _mood(rng: random.Random) -> float:
    return round(max(-1.0, min(1.0, rng.gauss(0.15, 0.4))), 3)
