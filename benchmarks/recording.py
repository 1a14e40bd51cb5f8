"""A large seeded file of canonical events in order of time: a third about cases, then posts, surveys, payments.

It is made as a service company's would be, as far as it matters to detectors that follow customers: a case is one
customer's from its first step to its last; half of the surveys come from a customer whose case was resolved shortly
before, and name the case; answers are half 9 and 10, a third 7 and 8, a fifth worse; every fifth post is by somebody
who is known as a customer.
"""

import random
from collections import deque
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.support.events import START_US, rfc3339

SERVICES = ("broadband", "mobile", "tv", "landline")
REGIONS = ("north", "south", "east", "west")
CUSTOMERS = 200_000
OPEN_AT_ONCE = 3_000
_STEPS = ("agent_reply", "customer_message", "agent_reply", "resolved")
_SCORES = (10, 10, 10, 9, 9, 8, 8, 7, 6, 3)


class _Case(NamedTuple):
    case_id: str
    customer: str
    service: str
    region: str
    done: int = 0


class _Company:
    """Cases that are open, and the last ones that were resolved."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._open: list[_Case] = []
        self.resolved: deque[_Case] = deque(maxlen=500)

    def step(self, number: int) -> tuple[str, _Case]:
        """Open a case or take one that is open a step further: opened, two replies, a customer message, resolved."""
        rng, cases = self._rng, self._open
        if not cases or (len(cases) < OPEN_AT_ONCE and rng.random() < 0.3):
            case = _Case(f"c-{number}", _customer(rng), rng.choice(SERVICES), rng.choice(REGIONS))
            cases.append(case)
            return "opened", case
        index = rng.randrange(len(cases))
        case = cases[index]
        step = _STEPS[case.done]
        if step == "resolved":
            cases[index] = cases[-1]
            cases.pop()
            self.resolved.append(case)
        else:
            cases[index] = case._replace(done=case.done + 1)
        return step, case


def write_recording(path: Path, events: int, *, seed: int = 7, span_hours: int = 48, start_us: int = START_US) -> Path:
    """Write ``events`` events spread over ``span_hours`` from ``start_us`` on to ``path``."""
    rng = random.Random(seed)
    company = _Company(rng)
    gap_us = span_hours * 3_600_000_000 // events
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for number in range(events):
            time_us = start_us + number * gap_us + rng.randrange(gap_us)
            name, customer, data = _event(rng, number, company)
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


def _event(rng: random.Random, number: int, company: _Company) -> tuple[str, str, dict[str, object]]:
    """Return type, customer and data of the next event."""
    chance = rng.random()
    if chance < 0.35:
        step, case = company.step(number)
        about = {"case_id": case.case_id, **({"priority": "normal"} if step == "opened" else {})}
        return f"crm.case.{step}", case.customer, {**_where(case.service, case.region), **about}
    where = _where(rng.choice(SERVICES), rng.choice(REGIONS))
    if chance < 0.65:
        customer = _customer(rng) if rng.random() < 0.2 else ""
        return "social.post", customer, {**where, "sentiment": _mood(rng), "author": f"user-{rng.randrange(50_000)}"}
    if chance < 0.75:
        answer = {"score": float(rng.choice(_SCORES)), "scale": "nps", "sentiment": _mood(rng)}
        if company.resolved and rng.random() < 0.5:
            case = rng.choice(company.resolved)
            where = _where(case.service, case.region)
            return "survey.response", case.customer, {**where, **answer, "case_id": case.case_id}
        return "survey.response", _customer(rng), {**where, **answer}
    paid = {"order_id": f"o-{number}", "amount": round(rng.expovariate(1 / 40), 2), "currency": "EUR"}
    return "transaction.payment", _customer(rng), {**where, **paid}


def _where(service: str, region: str) -> dict[str, object]:
    return {"service": service, "region": region}


def _customer(rng: random.Random) -> str:
    return f"cust-{rng.randrange(CUSTOMERS)}"


def _mood(rng: random.Random) -> float:
    return round(max(-1.0, min(1.0, rng.gauss(0.15, 0.4))), 3)
