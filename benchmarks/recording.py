"""A large seeded file of canonical events in order of time: a third about cases, then posts, surveys, payments."""

import random
from pathlib import Path

import msgspec

from tests.support.events import START_US, rfc3339

SERVICES = ("broadband", "mobile", "tv", "landline")
REGIONS = ("north", "south", "east", "west")


def write_recording(path: Path, events: int, *, seed: int = 7, span_hours: int = 48, start_us: int = START_US) -> Path:
    """Write ``events`` events spread over ``span_hours`` from ``start_us`` on to ``path``."""
    rng = random.Random(seed)
    gap_us = span_hours * 3_600_000_000 // events
    encode = msgspec.json.Encoder().encode
    open_cases: list[tuple[str, str, str, int]] = []
    with path.open("wb") as file:
        for number in range(events):
            time_us = start_us + number * gap_us + rng.randrange(gap_us)
            service, region = rng.choice(SERVICES), rng.choice(REGIONS)
            kind = rng.random()
            data: dict[str, object] = {"service": service, "region": region}
            if kind < 0.35:
                step, data = _case_step(rng, number, open_cases, data)
                name = f"crm.case.{step}"
            elif kind < 0.65:
                name = "social.post"
                data |= {"sentiment": round(rng.uniform(-1, 1), 3), "author": f"user-{rng.randrange(50_000)}"}
            elif kind < 0.75:
                name = "survey.response"
                data |= {"score": float(rng.randrange(11)), "scale": "nps", "sentiment": round(rng.uniform(-1, 1), 3)}
            else:
                name = "transaction.payment"
                data |= {"order_id": f"o-{number}", "amount": round(rng.expovariate(1 / 40), 2), "currency": "EUR"}
            body = {
                "specversion": "1.0",
                "type": name,
                "source": f"bench/{name.split('.')[0]}",
                "id": f"e-{number}",
                "time": rfc3339(time_us),
                "subject": f"cust-{rng.randrange(20_000)}",
                "data": data,
            }
            file.write(encode(body) + b"\n")
    return path


def _case_step(
    rng: random.Random, number: int, open_cases: list[tuple[str, str, str, int]], data: dict[str, object]
) -> tuple[str, dict[str, object]]:
    """Open a case or take one that is open a step further: opened, two replies, a customer message, resolved."""
    if not open_cases or (len(open_cases) < 3_000 and rng.random() < 0.3):
        case_id = f"c-{number}"
        open_cases.append((case_id, str(data["service"]), str(data["region"]), 0))
        return "opened", {**data, "case_id": case_id, "priority": "normal"}
    index = rng.randrange(len(open_cases))
    case_id, service, region, done = open_cases[index]
    step = ("agent_reply", "customer_message", "agent_reply", "resolved")[done]
    if step == "resolved":
        open_cases[index] = open_cases[-1]
        open_cases.pop()
    else:
        open_cases[index] = (case_id, service, region, done + 1)
    return step, {"case_id": case_id, "service": service, "region": region}
