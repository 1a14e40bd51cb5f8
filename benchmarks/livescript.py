"""What happens in the benchmark of the live flow: what there was before, and what is sent besides the mix.

Before the measurement, as a backlog: cases that were opened within the last day, and a while of posts, so that windows
have a normal. Then, while the mix flows:

- **deciding events**: a case five hours old becomes urgent, and urgent cases are promised within one hour: it is broken
  at the time of this event;
- **deadlines**: a case was opened 24 hours ago, and nothing happens;
- **window closes**: posts about a service turn bad, one service after another.
"""

import random
from typing import NamedTuple

import msgspec

from benchmarks.sender import Extra, Sender
from benchmarks.traffic import event, rfc3339

HOUR_US = 3_600_000_000
TARGET_US = 24 * HOUR_US
URGENT_AGE_US = 5 * HOUR_US
WINDOW_US = 60_000_000
HOP_US = 5_000_000
HISTORY_WINDOWS = 15
_MIN_GROUPS_EVENTS = 60
CONFIG = """
time: {{lateness: {lateness}}}
feeds:
  events: {{type: kafka, bootstrap: "{bootstrap}", topics: [{topic}]}}
calendars:
  always:
    zone: Europe/London
    weekly: {{mon: ["00:00-24:00"], tue: ["00:00-24:00"], wed: ["00:00-24:00"], thu: ["00:00-24:00"],
             fri: ["00:00-24:00"], sat: ["00:00-24:00"], sun: ["00:00-24:00"]}}
detectors:
  sla_breach:
    type: sla_breach
    promises:
      - {{name: first_reply, kind: first_reply, target: 24, unit: hours, calendar: always}}
      - {{name: resolution, kind: resolution, targets: {{normal: 24, urgent: 1}}, unit: hours, calendar: always}}
  sentiment_drop: {{type: sentiment_drop, group_by: [service, region], window: 1m, hop: 5s}}
store: {{dir: var}}
{flow}
"""


class Script(msgspec.Struct):
    """One run.

    Attributes:
        now_us: when it was made.
        seconds: how long is sent.
        open_cases: in the backlog, besides those that something will happen to.
        per_s: deciding events, and deadlines, a second.
        groups: services whose posts turn bad.
        settle_s: of these seconds, the first that do not count.
        latest_start_s: by when sending begins, at the latest.
    """

    now_us: int
    seconds: float
    open_cases: int
    per_s: float
    groups: int
    seed: int
    settle_s: float = 10.0
    latest_start_s: float = 240.0

    def deadlines(self) -> dict[str, int]:
        """Return when which case is due: evenly over all the time in which it may be measured."""
        last_s = self.latest_start_s + self.seconds
        return {
            f"due-{number}": self.now_us + int(number / self.per_s * 1e6) for number in range(int(last_s * self.per_s))
        }

    def urgent(self) -> list[str]:
        """Return the cases that will become urgent, in this order."""
        return [f"urgent-{number}" for number in range(int((self.seconds - self.settle_s) * self.per_s))]

    def measured(self, start_us: int, lateness_us: int) -> tuple[int, int]:
        """Return from when to when what happens counts, given when sending began.

        Events must go on for longer than the lateness afterwards, in every partition, or nothing is told.
        """
        return start_us + int(self.settle_s * 1e6), start_us + int((self.seconds - 2) * 1e6) - lateness_us

    def backlog(self) -> list[tuple[int, bytes, bytes]]:
        """Return the events from before, in the order of time: time, key, value."""
        rng = random.Random(self.seed)
        made: list[_Timed] = []
        for case, due_us in self.deadlines().items():
            made += _case(case, due_us - TARGET_US)
        for case in self.urgent():
            made += _case(case, self.now_us - URGENT_AGE_US - rng.randrange(HOUR_US))
        for number in range(self.open_cases):
            made += _case(f"open-{number}", self.now_us - 60_000_000 - rng.randrange(16 * HOUR_US))
        posts_from_us = self.now_us - HISTORY_WINDOWS * WINDOW_US
        for number in range(HISTORY_WINDOWS * _MIN_GROUPS_EVENTS):
            at_us = posts_from_us + number * WINDOW_US // _MIN_GROUPS_EVENTS
            for group in range(self.groups):
                made.append(
                    _Timed(at_us, f"writer-{group}", post(group, f"b-{number}-{group}", bad=rng.random() < 0.1))
                )
        made.sort(key=lambda one: (one.at_us, one.key))
        return [(at_us, key.encode(), value.replace(b"@TIME@", rfc3339(at_us))) for at_us, key, value in made]

    def extras(self) -> list[Extra]:
        """Return what is sent besides the mix."""
        rng = random.Random(self.seed + 1)
        made = []
        for number, case in enumerate(self.urgent()):
            value = event(
                "crm.case.priority_changed", f"u-{case}", "@TIME@", {"case_id": case, "to": "urgent"}, f"cust-{case}"
            )
            made.append(Extra(self.settle_s + number / self.per_s, case, value.decode(), case))
        span_s = max(0.0, self.seconds - self.settle_s - 15)
        for group in range(self.groups):
            turns_s = self.settle_s + span_s * group / self.groups
            for number in range(int(self.seconds)):
                after_s = number + rng.random()
                bad = rng.random() < (0.9 if after_s >= turns_s else 0.1)
                value = post(group, f"l-{number}-{group}", bad=bad)
                made.append(Extra(after_s, f"writer-{group}", value.decode()))
        return made


class _Timed(NamedTuple):
    at_us: int
    key: str
    value: bytes


def _case(case: str, opened_us: int) -> list[_Timed]:
    customer = f"cust-{case}"
    data: dict[str, object] = {"case_id": case, "service": "mobile", "region": "north"}
    opened = event("crm.case.opened", f"o-{case}", "@TIME@", {**data, "priority": "normal"}, customer)
    reply = event("crm.case.agent_reply", f"r-{case}", "@TIME@", data, customer)
    return [_Timed(opened_us, case, opened), _Timed(opened_us + 59_000_000, case, reply)]


def post(group: int, event_id: str, *, bad: bool) -> bytes:
    """Return a post about a service of the benchmark's own."""
    data: dict[str, object] = {"service": f"bench-{group}", "region": "north", "sentiment": -0.8 if bad else 0.4}
    return event("social.post", event_id, "@TIME@", data, f"writer-{group}")


def send_backlog(script: Script, bootstrap: str, topic: str) -> int:
    """Write the backlog to the topic; return how many events."""
    sender = Sender(bootstrap, topic)
    rows = script.backlog()
    for start in range(0, len(rows), 5_000):
        sender.send([{"key": key, "value": value} for _, key, value in rows[start : start + 5_000]])
    sender.finish()
    return len(rows)
