"""The events of the live benchmarks: a mix as in :mod:`benchmarks.recording`, as templates that are filled as they go.

Making an event from scratch costs more than a flow needs to read it. So one cycle of events is made beforehand, with
holes for the number of the cycle (in every id, so that no two cycles have an id in common) and for the time.
"""

import random
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from benchmarks.recording import REGIONS, SERVICES

_HOLE_CYCLE = "@CYCLE@"
_HOLE_TIME = "@TIME@"
_CUSTOMERS = 20_000
_OPEN_AT_ONCE = 3_000
_STEPS = ("agent_reply", "customer_message", "agent_reply", "resolved")
_encode = msgspec.json.Encoder().encode


class Template(NamedTuple):
    """An event with holes: ``key`` takes the cycle, where ``keyed_by_case``, and nothing else.

    ``parts``: what stands between the holes, which take the cycle, the time, and (of cases) the cycle again.
    """

    key: bytes
    parts: tuple[bytes, ...]
    of_case: bool

    def fill(self, cycle: bytes, time: bytes) -> tuple[bytes, bytes]:
        """Return key and value."""
        parts = self.parts
        if self.of_case:
            return self.key + cycle, b"".join((parts[0], cycle, parts[1], time, parts[2], cycle, parts[3]))
        return self.key, b"".join((parts[0], cycle, parts[1], time, parts[2]))


def rfc3339(time_us: int) -> bytes:
    """Return a time as text, to the microsecond.

    >>> rfc3339(1_772_409_600_000_001)
    b'2026-03-02T00:00:00.000001Z'
    """
    seconds, fraction = divmod(time_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode() + b".%06dZ" % fraction


def event(kind: str, event_id: str, time: str, data: dict[str, object], customer: str) -> bytes:
    """Return one event."""
    body = {
        "specversion": "1.0",
        "type": kind,
        "source": f"bench/{kind.partition('.')[0]}",
        "id": event_id,
        "time": time,
        "subject": customer,
        "data": data,
    }
    return _encode(body)


def cycle(events: int, seed: int) -> list[Template]:
    """Return one cycle of events: 35 % about cases, 30 % posts, 10 % surveys, 25 % payments."""
    rng = random.Random(seed)
    opened: list[tuple[str, str, str, int]] = []
    made = []
    for number in range(events):
        service, region, customer = rng.choice(SERVICES), rng.choice(REGIONS), f"cust-{rng.randrange(_CUSTOMERS)}"
        where: dict[str, object] = {"service": service, "region": region}
        chance = rng.random()
        event_id = f"e-{number}-{_HOLE_CYCLE}"
        if chance < 0.35:
            step, case, data = _step(rng, number, opened, service, region)
            value = event(f"crm.case.{step}", event_id, _HOLE_TIME, data, customer)
            made.append(Template(case.encode(), _parts(value), of_case=True))
            continue
        if chance < 0.65:
            kind = "social.post"
            data = where | {"sentiment": round(rng.uniform(-1, 1), 3), "author": f"user-{rng.randrange(50_000)}"}
        elif chance < 0.75:
            kind = "survey.response"
            score = float(rng.randrange(11))
            data = where | {"score": score, "scale": "nps", "sentiment": round(rng.uniform(-1, 1), 3)}
        else:
            kind = "transaction.payment"
            amount = round(rng.expovariate(1 / 40), 2)
            data = where | {"order_id": f"o-{number}", "amount": amount, "currency": "EUR"}
        made.append(
            Template(customer.encode(), _parts(event(kind, event_id, _HOLE_TIME, data, customer)), of_case=False)
        )
    return made


def _parts(value: bytes) -> tuple[bytes, ...]:
    return tuple(part for piece in value.split(_HOLE_CYCLE.encode()) for part in piece.split(_HOLE_TIME.encode()))


def _step(
    rng: random.Random, number: int, opened: list[tuple[str, str, str, int]], service: str, region: str
) -> tuple[str, str, dict[str, object]]:
    """Open a case or take an open one a step further; return step, case and data."""
    if not opened or (len(opened) < _OPEN_AT_ONCE and rng.random() < 0.3):
        case = f"c-{number}-"
        opened.append((case, service, region, 0))
        data: dict[str, object] = {"service": service, "region": region, "case_id": case + _HOLE_CYCLE}
        return "opened", case, {**data, "priority": "normal"}
    index = rng.randrange(len(opened))
    case, service, region, done = opened[index]
    step = _STEPS[done]
    if step == "resolved":
        opened[index] = opened[-1]
        opened.pop()
    else:
        opened[index] = (case, service, region, done + 1)
    return step, case, {"case_id": case + _HOLE_CYCLE, "service": service, "region": region}
