"""Packed events out of events: what the flow makes out of records."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from detectors.events import Event
from detectors.packed import CODES, FIELDS, NUMBERS, TYPES, Packed


def packed(events: Sequence[Event]) -> Packed:
    """Return plain steps of cases and answers, packed."""
    datas: list[Any] = [event.data for event in events]
    codes = {}
    for name in CODES:
        texts: dict[str, int] = {}
        found = [
            getattr(data if name in FIELDS else event, name, None) for event, data in zip(events, datas, strict=True)
        ]
        numbers = [-1 if text is None else texts.setdefault(text, len(texts)) for text in found]
        codes[name] = list(texts), np.array(numbers, dtype=np.int64)
    return Packed.of(
        np.array([event.time_us for event in events], dtype=np.int64),
        "\n".join(event.id for event in events).encode(),
        "\n".join(data.case_id or "" for data in datas).encode(),
        "\n".join(event.subject for event in events).encode(),
        codes,
        {name: np.array([getattr(data, name, None) for data in datas], dtype=np.float64) for name in NUMBERS},
    )


def is_plain(event: Event) -> bool:
    """Say whether an event can be packed."""
    data: Any = event.data
    return (
        event.type in TYPES
        and not (event.rev or event.sequence or event.recordedtime is not None or event.profile is not None)
        and not (data.labels or data.text or data.deadline is not None)
        and all(getattr(data, name, None) != "" for name in ("case_id", *FIELDS))
    )
