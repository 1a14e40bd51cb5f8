"""What people say of an incident itself: who leads it, what belongs to it besides, and notes. Kept in order.

Alerts find their incident by themselves; somebody who takes the lead says that it is one, who looks after it, and which
other incidents are the same trouble. It decides nothing about alerts.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from alerts.connection import store_errors
from alerts.response_model import too_long, unsigned
from alerts.store import AlertStore

KEPT_MS = 400 * 86_400 * 1000
"""How long after the last entry they are kept."""
MOST_ENTRIES = 1000
MOST_WITH = 50
_json = msgspec.json.Encoder(order="deterministic")


class IncidentBookError(ValueError):
    """What was said cannot be kept: says why, and what to do."""


class BookEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that somebody said of an incident.

    Attributes:
        kind: ``lead``: from now on ``to`` leads it, together with the incidents ``others``; ``note``: a text.
        by: who said so. to: a person or a schedule.
        others: numbers of incidents that are the same trouble; of ``lead`` alone.
    """

    kind: Literal["lead", "note"]
    by: str
    at_us: int
    to: str = ""
    others: tuple[int, ...] = ()
    text: str = ""


_to_entry = msgspec.json.Decoder(BookEntry)


class IncidentBook:
    """The books of a store, one for each incident. May be used by several threads and processes.

    Args:
        store: of the alerts.

    Every method raises :class:`StoreUnavailableError` while Redis is away.
    """

    def __init__(self, store: AlertStore) -> None:
        self._client: Any = store.client
        self._keys = store.keys

    def write(self, number: int, entry: BookEntry) -> None:
        """Add an entry to the book of an incident. Whether there is such an incident, the caller knows.

        Raises:
            IncidentBookError: when it says nothing, or too much.
        """
        _check(entry)
        others = tuple(sorted({one for one in entry.others if one != number}))[:MOST_WITH]
        key, text = self._key(number), _json.encode(msgspec.structs.replace(entry, others=others)).decode()
        with store_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.rpush(key, text)
            pipeline.ltrim(key, -MOST_ENTRIES, -1)
            pipeline.pexpire(key, KEPT_MS)
            for other in others:  # by it, the page of the other one finds here
                pipeline.set(self._keys.named(f"incident_led_with:{other}"), number, px=KEPT_MS)
            pipeline.execute()

    def read(self, number: int) -> list[BookEntry]:
        """Return what was said of an incident, in its order."""
        with store_errors():
            return [_to_entry.decode(text) for text in self._client.lrange(self._key(number), 0, -1)]

    def led_with(self, number: int) -> int | None:
        """Return the incident that this one was said to be a part of; None: of none."""
        with store_errors():
            main = self._client.get(self._keys.named(f"incident_led_with:{number}"))
        if main is None:
            return None
        found = lead_of(self.read(int(main)))
        return int(main) if found is not None and number in found.others else None

    def leads(self, numbers: Iterable[int]) -> dict[int, BookEntry]:
        """Return who leads these incidents, of those that somebody leads."""
        wanted = list(dict.fromkeys(numbers))
        with store_errors():
            pipeline = self._client.pipeline(transaction=False)
            for number in wanted:
                pipeline.lrange(self._key(number), 0, -1)
            answers = pipeline.execute() if wanted else []
        read = {
            number: lead_of([_to_entry.decode(text) for text in texts])
            for number, texts in zip(wanted, answers, strict=True)
        }
        return {number: entry for number, entry in read.items() if entry is not None}

    def _key(self, number: int) -> str:
        return self._keys.named(f"incident_book:{number}")


def lead_of(entries: Sequence[BookEntry]) -> BookEntry | None:
    """Return the entry that says who leads an incident; None: nobody does."""
    return next((one for one in reversed(entries) if one.kind == "lead"), None)


def _check(entry: BookEntry) -> None:
    if wrong := unsigned(entry.by, "says so"):
        raise IncidentBookError(wrong)
    if entry.kind == "lead" and not entry.to.strip():
        msg = "it must be said who leads: name a person or a schedule"
        raise IncidentBookError(msg)
    if entry.kind == "note" and not entry.text.strip():
        msg = "a note needs a text"
        raise IncidentBookError(msg)
    if wrong := too_long(entry.text):
        raise IncidentBookError(wrong)
