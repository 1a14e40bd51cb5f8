"""Which field is what: by the words of its name and by the shape of its values, over all sample records."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.mapping.suggest.columns import Column

_NAMES: dict[str, tuple[str, ...]] = {
    "case_id": (
        "case_id", "case_number", "ticket_id", "ticket_number", "incident_id", "incident_number", "issue_id",
        "complaint_id", "conversation_id", "request_id", "case", "ticket", "incident", "issue", "complaint",
    ),
    "order_id": (
        "order_id", "order_number", "transaction_id", "payment_id", "invoice_id", "booking_id", "charge_id",
        "purchase_id", "shipment_id", "order", "transaction", "invoice", "booking",
    ),
    "id": ("id", "uuid", "guid", "event_id", "record_id", "response_id", "tweet_id", "post_id", "number", "key"),
    "subject": (
        "customer_id", "customer_number", "customer", "client_id", "client", "user_id", "account_id", "contact_id",
        "requester_id", "caller_id", "member_id", "buyer_id", "subscriber_id", "passenger_id", "patient_id",
        "customer_unique_id", "requester", "caller", "account", "contact", "user", "buyer", "customer_email",
        "user_email", "email", "email_address", "author_id",
    ),
    "status": ("status", "state", "case_status", "ticket_status", "order_status", "incident_state", "stage"),
    "priority": ("priority", "severity", "urgency", "prio"),
    "queue": ("queue", "assignment_group", "assigned_group", "group", "team", "department", "skill"),
    "service": ("service", "service_name", "product", "product_name", "category", "line_of_business", "business_unit"),
    "region": ("region", "country", "country_code", "market", "territory", "customer_state", "site", "city"),
    "channel": ("channel", "source", "origin", "via", "medium", "contact_type", "platform"),
    "text": (
        "text", "body", "comment", "comments", "message", "content", "review", "feedback", "verbatim", "description",
        "review_comment_message", "review_text", "note", "summary", "title",
    ),
    "score": (
        "nps", "nps_score", "csat", "csat_score", "ces", "ces_score", "stars", "satisfaction", "satisfaction_score",
        "review_score", "survey_score", "score", "rating",
    ),
    "amount": (
        "amount", "total_amount", "total_price", "total", "price", "payment_value", "order_value", "revenue", "value",
        "cost",
    ),
    "currency": ("currency", "currency_code", "iso_currency"),
    "latency_ms": ("latency_ms", "duration_ms", "response_time_ms", "elapsed_ms", "latency"),
    "author": ("author", "screen_name", "username", "user_name", "handle"),
    "sentiment": ("sentiment", "sentiment_score", "polarity", "sentiment_label", "airline_sentiment"),
    "language": ("language", "lang", "locale"),
}  # fmt: skip
SENTIMENTS = {"positive": 1, "neutral": 0, "negative": -1}
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_WITH_COMMA = re.compile(r"[+-]?\d{1,3}(\.\d{3})*,\d+|[+-]?\d+,\d+")
_WITH_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?|[+-]?\d+(\.\d+)?")
_MAX_CHOICES = 60
_WITH_UNIT = frozenset({"amount", "latency_ms"})
"""Roles whose names may go on: ``price_usd``."""
_OTHER_THING = frozenset({"confidence", "count", "gold", "timezone", "url", "link", "code", "index", "version", "hash"})
"""A name with one of these words is about something else, unless it is a role's whole name."""


def notation(values: Sequence[Any]) -> dict[str, str] | None:
    """Return how numbers are written, as a mapping says it; None where the values are no numbers.

    >>> notation(["12.5", 3]), notation(["1.200,50"]), notation(["1,200.50"]), notation(["x"])
    ({}, {'decimal': ',', 'thousands': '.'}, {'thousands': ','}, None)
    """
    if not values or any(isinstance(value, bool) or not isinstance(value, str | int | float) for value in values):
        return None
    texts = [value.strip() for value in values if isinstance(value, str)]
    if all(_NUMBER.fullmatch(text) for text in texts):
        return {}
    if all(_WITH_COMMA.fullmatch(text) for text in texts):
        return {"decimal": ",", **({"thousands": "."} if any("." in text for text in texts) else {})}
    return {"thousands": ","} if all(_WITH_THOUSANDS.fullmatch(text) for text in texts) else None


def numbers(values: Sequence[Any]) -> list[float]:
    """Return plain numbers of values that are some; others are left out."""
    return [float(value) for value in values if not isinstance(value, bool) and _NUMBER.fullmatch(str(value).strip())]


def _is_choice(column: Column) -> bool:
    """Few different short texts: what alerts can be grouped by."""
    return len(column.distinct) <= _MAX_CHOICES and all(len(text) <= 80 for text in column.distinct)


def _is_score(column: Column) -> bool:
    found = numbers(column.present)
    return len(found) == len(column.present) and all(0 <= number <= 10 for number in found)


def _is_sentiment(column: Column) -> bool:
    if {text.lower() for text in column.distinct} <= SENTIMENTS.keys():
        return True
    found = numbers(column.present)
    return len(found) == len(column.present) and all(-1 <= number <= 1 for number in found)


def _is_id(column: Column) -> bool:
    return all(isinstance(value, str | int) and not isinstance(value, bool) for value in column.present)


_SHAPES: dict[str, Callable[[Column], bool]] = {
    "id": _is_id,
    "case_id": _is_id,
    "order_id": _is_id,
    "subject": lambda column: all(not isinstance(value, bool) for value in column.present),
    "status": _is_choice,
    "priority": _is_choice,
    "queue": _is_choice,
    "service": _is_choice,
    "region": lambda column: _is_choice(column) and all(isinstance(value, str) for value in column.present),
    "channel": lambda column: _is_choice(column) and all(isinstance(value, str) for value in column.present),
    "text": lambda column: all(isinstance(value, str) for value in column.present),
    "score": _is_score,
    "amount": lambda column: notation(column.present) is not None,
    "currency": lambda column: all(_CURRENCY.fullmatch(str(value)) for value in column.present),
    "latency_ms": lambda column: notation(column.present) is not None,
    "author": lambda column: all(isinstance(value, str) for value in column.present),
    "sentiment": _is_sentiment,
    "language": lambda column: all(isinstance(value, str) and len(value) <= 8 for value in column.present),
}


def find_role(role: str, columns: Sequence[Column]) -> tuple[Column, bool] | None:
    """Return the field that fits a role best, and whether its whole name says so.

    A whole name counts more than a part of one, an earlier one of the role's names more than a later, what lies less
    deep more than what lies deeper, and what all records have more than what some have.
    """
    fits = _SHAPES[role]
    ranked = []
    for position, column in enumerate(columns):
        rank = _named(role, column)
        if rank is not None and fits(column):
            depth = column.path.count(".") + column.path.count("[")
            ranked.append(((rank[0], not column.complete, depth, rank[1], position), column))
    if not ranked:
        return None
    best = min(ranked, key=lambda pair: pair[0])
    return best[1], best[0][0] == 0


def _named(role: str, column: Column) -> tuple[int, int] | None:
    """Return 0 for a whole name, 1 for one that ends or begins so; and which of the role's names it is."""
    name = column.name
    names = _NAMES[role]
    if name in names:
        return 0, names.index(name)
    if _OTHER_THING.intersection(column.words):
        return None
    for index, known in enumerate(names):
        if name.endswith(f"_{known}") or (role in _WITH_UNIT and name.startswith(f"{known}_")):
            return 1, index
    return None
