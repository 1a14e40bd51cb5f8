"""Records about few customers and cases over weeks: what is quiet, what begins something, and what is neither plain."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from detectors.events import CASE_STEPS
from tests.support.events import START_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_US = 60_000_000
_STATUSES = (None, None, None, "", "resolved", "closed", "cancelled", "waiting", "kept", "breached", "open")
_ENDS = ("agent_reply", "resolved", "closed", "closed", "closed", "internal_note", "customer_message")


class LifeRecords:
    """Makes records in about the order of time; the same ones for the same seed.

    Args:
        seed: of chance.
        things: how many customers and cases there are at any time; now and then another takes the place of one.
        odd: the share of those that have something that columns have no place for.
        late: the share of those that come late.
        begins: the share of cases' steps that begin something.
        fresh: the share of those before which another case takes the place of one.
        gaps_us: times between one and the next.
    """

    def __init__(
        self,
        seed: int,
        *,
        things: int = 12,
        odd: float = 0.1,
        late: float = 0.002,
        begins: float = 0.2,
        fresh: float = 0.03,
        gaps_us: Sequence[int] = (0, 1, 7_000_000, 60_000_000, 400_000_000),
    ) -> None:
        self.rng = random.Random(seed)
        self._odd, self._late, self._begins = odd, late, begins
        self._at_us = START_US
        self._fresh, self._gaps_us = fresh, gaps_us
        self._made: list[bytes] = []
        self._cases = [f"c-{number}" for number in range(things)]
        self._customers = [f"käufer {number}" for number in range(things)]

    def batch(self, size: int) -> list[bytes]:
        """Return several, up to four minutes out of order."""
        return [self._next() for _ in range(size)]

    def pause(self) -> None:
        """Let hours or days pass."""
        self._at_us += self.rng.choice((1, 5, 30, 200)) * 60 * _MINUTE_US

    def _next(self) -> bytes:
        rng = self.rng
        self._at_us += rng.choice(self._gaps_us)
        if self._made and rng.random() < 0.05:
            return rng.choice(self._made[-30:])
        if rng.random() < self._fresh:
            self._cases[rng.randrange(len(self._cases))] = f"c-{rng.randrange(10_000)}"
        made = msgspec.json.encode(self._event())
        self._made.append(made)
        return made

    def _event(self) -> dict[str, object]:
        rng = self.rng
        kind, data = self._about()
        number = rng.randrange(len(self._cases))
        back_us = rng.randrange(4 * _MINUTE_US) if rng.random() >= self._late else rng.choice((6, 90, 900)) * _MINUTE_US
        event: dict[str, object] = {
            "specversion": "1.0",
            "type": kind,
            "source": rng.choice(("crm", "crm/b")),
            "id": f"e-{rng.randrange(10**9)}",
            "time": (_EPOCH + timedelta(microseconds=self._at_us - back_us)).isoformat(),
        }
        if rng.random() < 0.8:
            event["subject"] = self._customers[number]
        if kind.startswith("crm") or rng.random() < 0.5:
            data["case_id"] = self._cases[number] if kind != "social.post" else None
        data = {name: value for name, value in data.items() if value is not None}
        if rng.random() < self._odd:
            self._make_odd(event, data)
        return {**event, "data": data}

    def _about(self) -> tuple[str, dict[str, object]]:
        rng = self.rng
        data: dict[str, object] = {"service": rng.choice(("tv", "mobile", None))}
        data["sentiment"] = rng.choice((None, 0.5, -0.9, -0.3, -1))
        chance = rng.random()
        if chance < 0.1:
            return "social.post", data
        if chance < 0.25:
            return "survey.response", {**data, "score": rng.choice((0, 5, 8, 10)), "scale": rng.choice(("nps", "odd"))}
        step = rng.choice(("opened", "reopened")) if rng.random() < self._begins else rng.choice(_ENDS)
        if rng.random() < 0.2:
            step = rng.choice(CASE_STEPS)
        data |= {
            "status": rng.choice(_STATUSES),
            "priority": rng.choice((None, "high", "normal")),
            "queue": rng.choice((None, "one", "two")),
            "to": rng.choice((None, None, "high", "two")),
            "reason": rng.choice((None, None, "waiting_customer")),
            "channel": rng.choice((None, "phone")),
        }
        return f"crm.case.{step}", data

    def _make_odd(self, event: dict[str, object], data: dict[str, object]) -> None:
        rng = self.rng
        odd = rng.randrange(6)
        if odd == 0:
            data["labels"] = rng.choice(
                ({"recovery": "opened"}, {"recovery": "customer_contacted"}, {"kind": "complaint"})
            )
        elif odd == 1:
            data["text"] = "never again"
        elif odd == 2:
            data["deadline"] = (_EPOCH + timedelta(microseconds=self._at_us + 3_600_000_000)).isoformat()
        elif odd == 3:
            event["recordedtime"] = (_EPOCH + timedelta(microseconds=self._at_us)).isoformat()
        elif odd == 4 and rng.random() < 0.1:  # a batch with one goes by rows
            event["rev"] = 1
        else:
            event["sequence"] = 3
