"""Cases, orders and promises for tests of ``sla_breach``."""

import itertools
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from config.calendars import CalendarSettings
from detectors.contract import NEVER_US, AlertChange, Context, Progress
from detectors.events import EVENT_CLASSES, CaseData, Event, Profile, TransactionData
from detectors.promises.openhours import to_us
from detectors.promises.shard import SlaShard
from detectors.sla_breach import SlaBreach, SlaBreachSettings

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
MONDAY_US = to_us(datetime(2026, 2, 2, tzinfo=UTC))
"""Midnight of a Monday."""

WEEK = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
CALENDARS = {
    "always": CalendarSettings(always_open=True),
    "uk": CalendarSettings.model_validate({"zone": "Europe/London", "weekly": WEEK}),
    "lunch": CalendarSettings.model_validate(
        {
            "zone": "America/New_York",
            "weekly": {day: ["08:00-12:00", "13:30-18:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
        }
    ),
}


def at(text: str) -> int:
    """Return ``MM-DDTHH:MM[:SS]`` of 2026, UTC, in microseconds."""
    return to_us(datetime.fromisoformat(f"2026-{text}+00:00"))


def event(
    step: str,
    at_us: int,
    key: str = "c1",
    *,
    id: str = "",  # noqa: A002
    tier: str = "",
    value: float | None = None,
    recorded_us: int | None = None,
    rev: int = 0,
    sequence: int = 0,
    family: str = "case",
    **data: Any,
) -> Event:
    """Return one event about a case or an order."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    recorded = None if recorded_us is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=recorded_us)
    shape, name = (CaseData, "case_id") if family == "case" else (TransactionData, "order_id")
    kind = EVENT_CLASSES[f"{'crm.case' if family == 'case' else 'transaction'}.{step}"]
    return kind(  # type: ignore[return-value, call-arg]
        id=id or f"{key}/{step}/{at_us}",
        source="test",
        time=moment,
        time_us=at_us,
        subject=f"customer of {key}",
        rev=rev,
        sequence=sequence,
        recordedtime=recorded,
        profile=Profile(customer="x", tier=tier, lifetime_value=value) if tier or value is not None else None,
        data=msgspec.convert({name: key, **data}, shape),
    )


def detector(*promises: dict[str, Any], name: str = "sla_breach", **settings: Any) -> SlaBreach:
    """Return a detector for some promises."""
    parsed = SlaBreachSettings.model_validate({"promises": list(promises), **settings})
    return SlaBreach(name, parsed, Context(calendars=CALENDARS))


def shard(*promises: dict[str, Any], **settings: Any) -> SlaShard:
    """Return a new shard for some promises."""
    made = detector(*promises, **settings).shard()
    if not isinstance(made, SlaShard):
        raise TypeError(made)
    return made


def told(changes: Iterable[AlertChange]) -> list[tuple[str, str, str]]:
    """Return changes in short: alert, step and time of the change."""
    return [(change.labels["alertname"], change.step, clock(change.at_us)) for change in changes]


def clock(at_us: int) -> str:
    """Return an instant as ``MM-DDTHH:MM[:SS]``, UTC."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    return moment.strftime("%m-%dT%H:%M" + (":%S" if moment.second else ""))


MANY_PROMISES: list[dict[str, Any]] = [
    {"kind": "first_reply", "target": 60, "unit": "minutes", "calendar": "uk", "calendar_by_tier": {"vip": "always"}},
    {"kind": "next_reply", "target": 2, "unit": "hours", "calendar": "lunch"},
    {
        "kind": "resolution",
        "targets": {"high": 4, "low": 24},
        "target": 8,
        "unit": "hours",
        "calendar": "uk",
        "at_risk": [0.5, 0.9],
    },
    {"name": "restart", "kind": "resolution", "targets": {"high": 3}, "target": 9, "unit": "hours",
     "on_target_change": "restart", "on_reopen": "new_cycle"},
    {"name": "through", "kind": "agent_work", "target": 20, "unit": "hours", "on_reopen": "count_through",
     "confirm_after": "2h"},
    {"kind": "handoff", "target": 90, "unit": "minutes", "targets_by_queue": {"two": 30}},
    {"name": "legal", "kind": "deadline", "target": 1, "unit": "business_days", "due": "close", "calendar": "uk"},
    {"kind": "delivery"},
]  # fmt: skip
"""Promises of every sort, for streams of :func:`random_events`."""


EVERYDAY: list[dict[str, Any]] = [
    {"kind": "first_reply", "targets": {"high": 1, "normal": 5}, "priority": "normal", "unit": "hours",
     "calendar": "uk"},
    {"kind": "resolution", "targets": {"high": 5, "normal": 20}, "priority": "normal", "unit": "hours",
     "calendar": "uk", "at_risk": [0.5, 0.9]},
]  # fmt: skip
"""Promises as most people make them, for streams of :func:`everyday_events`."""


def everyday_events(seed: int, cases: int = 60, *, odd: float = 0.05) -> list[Event]:
    """Return events of cases that are opened, answered and resolved, in order of time; some are late, some odd.

    Args:
        seed: of the dice.
        cases: how many.
        odd: how likely in the place of a step something else happens: a pause, a change, a status, a repeat.
    """
    dice = random.Random(seed)
    found: list[Event] = []
    for number in range(cases):
        key, priority = f"c{number}", dice.choice(("high", "normal", "low", None))
        at_us = MONDAY_US + dice.randrange(3 * 24 * 60) * MINUTE_US
        tier, scale = dice.choice(("", "vip")), dice.choice((1, 5, 30, 200))
        tells_all = dice.random() < 0.3  # every event carries what the case has
        steps = ["opened", "agent_reply", "customer_message", "agent_reply", "resolved"][: dice.choice((2, 4, 5, 5))]
        for turn, step in enumerate(steps):
            data: dict[str, Any] = {}
            if step == "opened":
                data = {"priority": priority, "queue": dice.choice((None, "one")), "labels": {"plan": "big"}}
            elif tells_all:
                data = {"priority": priority, "status": dice.choice(("open", "new"))}
            if dice.random() < odd:
                step, more = dice.choice(_ODD_STEPS)  # noqa: PLW2901
                data |= more
            made = event(step, at_us, key, id=f"{key}/{turn}", tier=tier, sequence=dice.choice((0, 0, 1)), **data)
            found += [made, made] if dice.random() < odd / 2 else [made]
            at_us += dice.choice((0, 1, 3, 7, 12)) * scale * MINUTE_US + dice.choice((0, 17))
    found.sort(key=lambda item: (item.time_us, item.id))
    return found


_ODD_STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("paused", {"reason": "customer"}), ("resumed", {}), ("priority_changed", {"to": "high"}),
    ("priority_changed", {"to": "low"}), ("tier_changed", {"to": "vip"}), ("calendar_changed", {"to": "always"}),
    ("reopened", {}), ("cancelled", {}), ("closed", {"status": "closed"}), ("updated", {"status": "pending"}),
    ("updated", {"status": "solved", "priority": "high"}), ("updated", {"queue": "two"}), ("merged", {"to": "c0"}),
    ("assigned", {"to": "two"}), ("opened", {}),
)  # fmt: skip


def build_at_once(state: SlaShard) -> None:
    """Let no case of a shard sleep: each is built with its first event."""
    plan = state._plan
    plan.kinds = {kind: (info, relevant, None) for kind, (info, relevant, _) in plan.kinds.items()}


def random_events(seed: int, cases: int = 12, days: int = 4) -> list[Event]:
    """Return events of cases and orders, in order of time, with ties, revisions and statuses among them."""
    dice = random.Random(seed)
    found: list[Event] = []
    steps = ("agent_reply", "customer_message", "paused", "resumed", "resolved", "reopened", "cancelled",
             "priority_changed", "tier_changed", "assigned", "accepted", "updated", "calendar_changed")  # fmt: skip
    weights = (8, 8, 5, 6, 6, 5, 1, 3, 1, 4, 2, 6, 1)
    for number in range(cases):
        key = f"c{number}"
        at_us = MONDAY_US + dice.randrange(days * 24 * 12) * 5 * MINUTE_US
        tier = dice.choice(("", "vip"))
        found.append(event("opened", at_us, key, tier=tier, priority=dice.choice(("high", "low", None)), queue="one"))
        for count in range(dice.randrange(9)):
            at_us += dice.choice((0, 1, 3, 7, 12, 40, 100, 200)) * 5 * MINUTE_US
            step = dice.choices(steps, weights)[0]
            data: dict[str, Any] = {}
            if step == "priority_changed":
                data["to"] = dice.choice(("high", "low", "normal"))
            elif step == "tier_changed":
                data["to"] = dice.choice(("vip", "basic"))
            elif step == "calendar_changed":
                data["to"] = dice.choice(("always", "uk"))
            elif step == "assigned":
                data["to"] = dice.choice(("one", "two"))
            elif step in {"paused", "resumed"}:
                data["reason"] = dice.choice((None, "customer", "vendor"))
            elif step == "updated":
                data["status"] = dice.choice(("open", "pending", "resolved", "closed"))
                data["priority"] = dice.choice((None, "high", "low"))
            rev = dice.random() < 0.1
            id_ = f"{key}/{count}"
            found.append(event(step, at_us, key, id=id_, sequence=dice.choice((0, 0, 1)), **data))
            if rev:
                found.append(event(step, at_us + dice.choice((-5, 5, 30)) * MINUTE_US, key, id=id_, rev=1, **data))
        if dice.random() < 0.5:
            bought_us = MONDAY_US + dice.randrange(days * 24) * HOUR_US
            due = (datetime(2026, 2, 2, tzinfo=UTC) + timedelta(days=dice.randrange(6))).isoformat()
            found.append(event("purchased", bought_us, f"o{number}", family="order", deadline=due))
            if dice.random() < 0.7:
                sent_us = bought_us + dice.randrange(days * 24) * HOUR_US
                found.append(event("delivered", sent_us, f"o{number}", family="order"))
    found.sort(key=lambda item: (item.time_us, item.id, item.rev))
    return found


def replay(
    state: SlaShard, events: Sequence[Event], *, lateness_us: int = 0, cuts: Sequence[int] = (), end: bool = True
) -> list[AlertChange]:
    """Give events in the order of the sequence, cut into batches, as a flow does; return all changes."""
    changes: list[AlertChange] = []
    newest_us = NEVER_US
    edges = [0, *cuts, len(events)]
    for start, stop in itertools.pairwise(edges):
        batch = events[start:stop]
        newest_us = max([newest_us, *(item.time_us for item in batch)])
        watermark_us = newest_us - lateness_us
        changes += state.update(batch, Progress(watermark_us, watermark_us)).changes
    if end:
        changes += state.update([], Progress(newest_us + 1, newest_us + 1)).changes
    return changes


def shuffled_within(events: Sequence[Event], lateness_us: int, seed: int) -> list[Event]:
    """Return events in an order in which none comes later than ``lateness_us`` behind the newest before it."""
    dice = random.Random(seed)
    keyed = [(item.time_us + dice.randrange(lateness_us + 1), number, item) for number, item in enumerate(events)]
    return [item for _, _, item in sorted(keyed, key=lambda entry: entry[:2])]


def answers(
    promises: Sequence[dict[str, Any]],
    events: Sequence[Event],
    *,
    built: bool,
    size: int,
    lateness_us: int,
    restart: int,
    **settings: Any,
) -> tuple[list[AlertChange], list[tuple[type, bytes]]]:
    """Return what a shard answers to events, cut into batches, resumed from deltas every few of them."""
    made = detector(*promises, **settings)

    def begun() -> SlaShard:
        state = made.deriving_shard()
        if not isinstance(state, SlaShard):
            raise TypeError(state)
        if built:
            build_at_once(state)
        return state

    state = begun()
    changes: list[AlertChange] = []
    derived: list[tuple[type, bytes]] = []
    newest_us = events[0].time_us
    log: dict[str, bytes] = {}
    for turn, start in enumerate([*range(0, len(events), size), -1]):
        piece = events[start : start + size] if start >= 0 else []
        newest_us = max([newest_us, *(one.time_us for one in piece)]) if piece else newest_us + 30 * DAY_US
        outcome = state.update(piece, Progress(newest_us - lateness_us, newest_us))
        changes += outcome.changes
        derived += [(type(one), msgspec.json.encode(one)) for one in outcome.derived]
        delta = state.delta()
        log |= dict(delta.images)
        for name in delta.gone:
            log.pop(name, None)
        if restart and turn % restart == 0:
            state = begun()
            state.rebuild(delta.head, list(log.values()))
    return changes, derived
