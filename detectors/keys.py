"""What events are about: the keys by which case detectors tell lives apart.

Detectors that mean the same by a key use the same function. So whoever spreads events over shards asks once for all of
them.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

from detectors.contract import CaseDetector
from detectors.events import Event

KeyOf: TypeAlias = Callable[[Any], str | None]
"""Returns what an event is about; None: nothing that the detector has a use for."""


def customer_key(event: Event) -> str | None:
    """Return whom an event is about: the customer, else the case; None where it names neither."""
    if event.subject:
        return event.subject
    case_id = getattr(event.data, "case_id", None)
    return f"case {case_id}" if case_id else None


def survey_key(event: Event) -> str | None:
    """Return whom an answer is from: the customer, else the case; else only the answer itself can be named."""
    found = customer_key(event)
    return f"response {event.id}" if found is None else found


def case_key(event: Event) -> str | None:
    """Return the case that an event is about; None where it names none."""
    return getattr(event.data, "case_id", None) or None


@runtime_checkable
class KeyedByClass(Protocol):
    """A case detector whose key is found in a plainer way for events of some classes."""

    def key_for(self, kind: type) -> KeyOf:
        """Return what finds the keys of events of a class: the same keys as ``key``."""
        ...


def key_for(detector: CaseDetector, kind: type) -> KeyOf:
    """Return what finds the keys of events of a class for a detector."""
    return detector.key_for(kind) if isinstance(detector, KeyedByClass) else detector.key
