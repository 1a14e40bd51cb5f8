"""Hand-over notes: what whoever goes off duty leaves to the next, and that the next one has taken it. Kept in order."""

import secrets
from typing import Any

import msgspec

from alerts.connection import store_errors
from alerts.response_model import TEXT_MAX, unsigned
from alerts.store import AlertStore

MOST_KEPT = 200
_json = msgspec.json.Encoder(order="deterministic")


class HandoverError(ValueError):
    """A note cannot be kept, or taken: says why."""


class HandoverNote(msgspec.Struct, frozen=True, kw_only=True):
    """One note.

    Attributes:
        schedule: whose duty it is about; empty: of all.
        facts: what was open when it was written, a line each.
        accepted_by, accepted_us: who has taken it; empty and None: nobody so far.
    """

    id: str
    schedule: str
    by: str
    at_us: int
    text: str
    facts: tuple[str, ...]
    accepted_by: str = ""
    accepted_us: int | None = None


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody has taken a note."""

    by: str
    at_us: int


_to_note = msgspec.json.Decoder(HandoverNote)
_to_taken = msgspec.json.Decoder(Taken)


class HandoverBook:
    """The notes of a store. May be used by several threads and processes.

    Args:
        store: of the alerts.

    Every method raises :class:`StoreUnavailableError` while Redis is away.
    """

    def __init__(self, store: AlertStore) -> None:
        self._client: Any = store.client
        self._notes = store.keys.named("handovers")
        self._taken = store.keys.named("handovers:taken")

    def write(self, *, schedule: str, by: str, at_us: int, text: str, facts: tuple[str, ...]) -> HandoverNote:
        """Leave a note; the last :data:`MOST_KEPT` are kept.

        Raises:
            HandoverError: when it says nothing, or too much.
        """
        if wrong := unsigned(by, "hands over"):
            raise HandoverError(wrong)
        if not text.strip() or len(text) > TEXT_MAX:
            msg = f"say what the next one has to know, in at most {TEXT_MAX} characters"
            raise HandoverError(msg)
        note = HandoverNote(
            id=secrets.token_hex(8), schedule=schedule, by=by, at_us=at_us, text=text.strip(), facts=facts
        )
        with store_errors():
            old = [_to_note.decode(one).id for one in self._client.lrange(self._notes, MOST_KEPT - 1, -1)]
            pipeline = self._client.pipeline(transaction=True)
            pipeline.lpush(self._notes, _json.encode(note).decode())
            pipeline.ltrim(self._notes, 0, MOST_KEPT - 1)
            if old:
                pipeline.hdel(self._taken, *old)
            pipeline.execute()
        return note

    def accept(self, note_id: str, *, by: str, at_us: int) -> HandoverNote:
        """Take a note. Who takes it first has it.

        Raises:
            HandoverError: when there is no such note (any more), or somebody has it already.
        """
        note = next((one for one in self.newest(MOST_KEPT) if one.id == note_id), None)
        if note is None:
            msg = f"there is no hand-over note {note_id!r} (any more)"
            raise HandoverError(msg)
        mine = Taken(by=by, at_us=at_us)
        with store_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.hsetnx(self._taken, note_id, _json.encode(mine).decode())
            pipeline.hget(self._taken, note_id)
            first, text = pipeline.execute()
        if not first:
            msg = f"{_to_taken.decode(text).by} has taken it already"
            raise HandoverError(msg)
        return _taken(note, mine)

    def newest(self, most: int = 10) -> list[HandoverNote]:
        """Return the newest notes, the newest first, with who has taken each."""
        with store_errors():
            notes = [_to_note.decode(text) for text in self._client.lrange(self._notes, 0, most - 1)]
            texts = self._client.hmget(self._taken, [one.id for one in notes]) if notes else []
        found = []
        for note, text in zip(notes, texts, strict=True):
            found.append(note if text is None else _taken(note, _to_taken.decode(text)))
        return found


def _taken(note: HandoverNote, taken: Taken) -> HandoverNote:
    return msgspec.structs.replace(note, accepted_by=taken.by, accepted_us=taken.at_us)
