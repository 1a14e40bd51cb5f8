"""Which partition an event belongs to, and what topics and partitions are called."""

from config.scale import ScaleSettings
from detectors.events import CaseEvent, Event, SurveyEvent, TransactionEvent


def events_topic(scale: ScaleSettings, feed: str) -> str:
    """Return the topic of a feed's events."""
    return f"{scale.events_topic}.{feed}"


def key_of(event: Event) -> str:
    """Return what decides about the partition of an event: its case or order, else its customer, else itself.

    All events of a case have one key, and all repeats of an event.
    """
    if isinstance(event, CaseEvent):
        return event.data.case_id
    if isinstance(event, TransactionEvent):
        return event.data.order_id
    if isinstance(event, SurveyEvent) and event.data.case_id:
        return event.data.case_id
    return event.subject or f"{event.source}\x00{event.id}"


def shown(upstream: str, number: int) -> str:
    """Return the name of what partition ``number`` of the events has of an upstream partition.

    >>> shown("cases/7", 3)
    'cases/7/3'
    """
    return f"{upstream}/{number}"
