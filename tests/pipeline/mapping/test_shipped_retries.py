"""Providers send a message again when they get no answer: the second delivery changes nothing."""

import json
from copy import deepcopy
from typing import Any

import pytest

from config.shipped import shipped_mapping, shipped_names
from pipeline.dedup import Deduplicator
from pipeline.events import encode_event
from pipeline.mapping import Mapper
from tests.support.promises import DAY_US

NAMES = shipped_names()

# What the documentation of a provider says that differs in another delivery of the same message.
COUNTS_DELIVERIES: dict[str, dict[str, Any]] = {
    "intercom": {"delivery_attempts": 2, "delivery_status": "pending", "first_sent_at": 1392731999},
    "stripe": {"pending_webhooks": 7},
}


def again(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """The same message, delivered another time: fields in another order, counters of deliveries raised."""
    return dict(reversed(list((deepcopy(record) | COUNTS_DELIVERIES.get(name, {})).items())))


@pytest.mark.parametrize("name", NAMES)
def test_a_message_that_is_delivered_twice_makes_its_events_once(name: str) -> None:
    mapping = shipped_mapping(name).mapping
    mapper = Mapper(mapping, name)
    for example in mapping.examples:
        first, second = (
            mapper.map_many([json.dumps(record).encode()]).events
            for record in (example.record, again(name, example.record))
        )
        assert [encode_event(event) for event in first] == [encode_event(event) for event in second]
        newest_us = max((event.time_us for event in first), default=0)
        one_batch, apart = Deduplicator(DAY_US), Deduplicator(DAY_US)
        assert len(one_batch.fresh([*first, *second], newest_us)) == len(first)
        assert len(apart.fresh(first, newest_us)) == len(first)
        assert len(apart.fresh(second, newest_us)) == 0


@pytest.mark.parametrize(
    ("name", "number", "path"),
    [
        ("delighted", 0, "event_data.id"),
        ("genesys", 0, "eventBody.sessionId"),
        ("genesys", 0, "eventBody.eventTime"),
        ("intercom", 5, "id"),
        ("salesforce", 2, "payload.ChangeEventHeader.transactionKey"),
        ("salesforce", 2, "payload.ChangeEventHeader.sequenceNumber"),
        ("shopify", 6, "id"),
        ("stripe", 1, "id"),
        ("typeform", 0, "form_response.token"),
        ("zendesk", 0, "id"),
    ],
)
def test_another_message_of_the_same_content_is_another_event(name: str, number: int, path: str) -> None:
    mapping = shipped_mapping(name).mapping
    record = deepcopy(dict(mapping.examples[number].record))
    inside, (*above, key) = record, path.split(".")
    for step in above:
        inside = inside[step]
    mapper = Mapper(mapping, name)
    first = mapper.map_many([json.dumps(record).encode()]).events
    inside[key] = inside[key] + 60_000 if isinstance(inside[key], int) else f"{inside[key]}0"
    second = mapper.map_many([json.dumps(record).encode()]).events
    assert first
    newest_us = max(event.time_us for event in [*first, *second])
    assert len(Deduplicator(DAY_US).fresh([*first, *second], newest_us)) == len(first) + len(second)
