"""What kind of events records tell of, and which of them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.mapping.suggest.columns import Column
from pipeline.mapping.suggest.times import TimeColumn

Roles = Mapping[str, Column]
FAMILIES = ("case", "transaction", "survey", "social")
_FIRST = {"case": "crm.case.opened", "transaction": "transaction.purchased", "survey": "survey.response"}
_STEPS = {
    "case": ("agent_reply", "updated", "resolved", "closed", "reopened", "cancelled"),
    "transaction": ("approved", "payment", "shipped", "delivered", "returned", "refunded", "cancelled"),
}
_WORDS: dict[str, frozenset[str]] = {
    "case": frozenset({"case", "ticket", "incident", "issue", "complaint", "conversation", "assignee", "agent", "sla"}),
    "transaction": frozenset(
        {"order", "payment", "transaction", "invoice", "purchase", "charge", "shipment", "cart", "freight", "refund"}
    ),
    "survey": frozenset({"survey", "nps", "csat", "ces", "response", "respondent", "questionnaire", "feedback"}),
    "social": frozenset(
        {"tweet", "post", "retweet", "retweeted", "hashtag", "hashtags", "followers", "likes", "subreddit", "toot"}
    ),
}
_ROLES: dict[str, dict[str, int]] = {
    "case": {"case_id": 3, "priority": 2, "queue": 2, "status": 1},
    "transaction": {"order_id": 3, "amount": 2, "currency": 2},
    "survey": {"score": 3, "text": 1},
    "social": {"author": 2, "text": 2, "sentiment": 1},
}
_OUTCOMES = {
    "paid": "payment", "captured": "payment", "succeeded": "payment", "success": "payment", "complete": "payment",
    "completed": "payment", "settled": "payment", "authorized": "approved", "authorised": "approved",
    "approved": "approved", "declined": "declined", "rejected": "declined", "denied": "declined", "failed": "failed",
    "failure": "failed", "error": "failed", "shipped": "shipped", "dispatched": "shipped", "fulfilled": "shipped",
    "delivered": "delivered", "returned": "returned", "refunded": "refunded", "cancelled": "cancelled",
    "canceled": "cancelled", "voided": "cancelled", "created": "purchased", "placed": "purchased", "new": "purchased",
    "ordered": "purchased",
}  # fmt: skip


class Planned(NamedTuple):
    """One event to make: its type (or a value with a map), the time, and what its id ends in."""

    type: str | dict[str, Any]
    time: TimeColumn
    suffix: str
    optional: bool


def choose_family(columns: Sequence[Column], times: Sequence[TimeColumn], roles: Roles) -> tuple[str, bool]:
    """Return the family of the events that records tell of, and whether that is a guess."""
    points = dict.fromkeys(FAMILIES, 0)
    words = {word for column in columns for word in column.words}
    meanings = {time.meaning for time in times}
    for family in FAMILIES:
        points[family] += sum(worth for role, worth in _ROLES[family].items() if role in roles)
        points[family] += 2 * min(2, len(words & _WORDS[family]))
        points[family] += 2 * min(2, len(meanings.intersection(_STEPS.get(family, ())) - {"updated"}))
    best = max(FAMILIES, key=points.__getitem__)  # the first of equals
    ranked = sorted(points.values(), reverse=True)
    return best, ranked[0] < 3 or ranked[0] - ranked[1] < 2


def plan(family: str, times: Sequence[TimeColumn], roles: Roles) -> tuple[list[Planned], list[str]]:
    """Return the events to make out of a record, the first one first, and what is unsure about them.

    ``times`` are sorted: the likeliest time of the event is the first.
    """
    first = times[0]
    if family == "social":
        return [Planned("social.post", first, "", optional=False)], []
    if family == "survey":
        return [Planned(_FIRST[family], first, "", optional=False)], []
    others = {time.meaning: time for time in reversed(times) if time is not first}
    steps = [(meaning, others[meaning]) for meaning in _STEPS[family] if meaning in others]
    if family == "transaction" and not steps and "status" in roles:
        return _by_status(first, roles["status"])
    prefix = "crm.case" if family == "case" else "transaction"
    planned = [Planned(_FIRST[family], first, "opened" if family == "case" else "purchased", optional=False)]
    planned += [Planned(f"{prefix}.{meaning}", time, meaning, optional=True) for meaning, time in steps]
    remarks = []
    if family == "case" and first.meaning == "updated":
        planned[0] = Planned("crm.case.updated", first, "updated", optional=False)
        remarks.append(f"no time of opening was found: {first.column.path} makes updates only")
    return planned, remarks


def _by_status(first: TimeColumn, status: Column) -> tuple[list[Planned], list[str]]:
    """Return one event whose type depends on the status."""
    table = {text: f"transaction.{_OUTCOMES.get(text.lower(), 'updated')}" for text in status.distinct}
    unknown = [text for text in table if text.lower() not in _OUTCOMES]
    remarks = [f"what {', '.join(map(repr, unknown))} means is not known: taken as updates"] if unknown else []
    if len(set(table.values())) == 1 and not unknown:
        return [Planned(next(iter(table.values())), first, "", optional=False)], remarks
    kind = {"field": status.path, "map": table, "default": "transaction.updated"}
    remarks.append("other statuses may come than the sample has: they make updates")
    return [Planned(kind, first, "", optional=False)], remarks
