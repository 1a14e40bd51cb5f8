"""The silences of an installation, kept in Redis: made, changed, expired, listed.

What they wake when they begin and end is in :mod:`alerts.silence_edges`.
"""

import secrets
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from alerts import silencing
from alerts.connection import Scripts, store_errors
from alerts.preview import Preview, preview
from alerts.silencing import Silence, SilenceEdit, SilenceError, State, Wanted, mute
from alerts.store import AlertStore
from config.matchers import condition, matchers_of

__all__ = [
    "Edited", "Silence", "SilenceBook", "SilenceConflictError", "SilenceEdit", "SilenceError", "State",
    "UnknownSilenceError", "Wanted", "mute",
]  # fmt: skip
_Silences = list[Silence]
_TRIES = 10
_json = msgspec.json.Encoder(order="deterministic")
_to_silence = msgspec.json.Decoder(Silence)
_STATES: dict[State, int] = {"active": 0, "pending": 1, "expired": 2}


class UnknownSilenceError(SilenceError):
    """There is no silence with this id, or several begin so."""


class SilenceConflictError(SilenceError):
    """Somebody else has changed the silence since it was read. Look at it again."""


class Edited(NamedTuple):
    """What came of an edit: the silence that holds now, and the one whose place it took (None: it is the same)."""

    silence: Silence
    replaced: Silence | None


class SilenceBook:
    """Reads and writes silences. May be used by several threads and processes.

    Times are arguments: silences follow the clock of whoever asks.

    Args:
        store: of the alerts.
        new_id: makes an id that none has.
    """

    def __init__(self, store: AlertStore, new_id: Callable[[], str] = lambda: str(uuid.uuid4())) -> None:
        self._store = store
        self._client: Any = store.client
        self._keys = store.keys
        self._prefix = store.settings.prefix
        self._retention_us = store.settings.retention
        self._scripts = Scripts(store.client, Path(__file__).parent)
        self._new_id = new_id
        self._seen: tuple[str, tuple[Silence, ...]] | None = None

    def add(
        self,
        matchers: Iterable[str],
        *,
        ends_us: int,
        author: str,
        comment: str,
        now_us: int,
        starts_us: int | None = None,
    ) -> Silence:
        """Make a silence that starts now or later; return it.

        Raises:
            SilenceError: when it makes no sense.
            StoreUnavailableError: it may have been made all the same: look before making it again.
        """
        texts = tuple(matchers)
        for _ in range(_TRIES):
            made = silencing.create(
                self._new_id(),
                matchers=texts,
                starts_us=starts_us,
                ends_us=ends_us,
                author=author,
                comment=comment,
                now_us=now_us,
            )
            if self._write([(None, made)], now_us):
                return made
        msg = "no id was free; try again"
        raise SilenceConflictError(msg)

    def edit(self, silence_id: str, wanted: Wanted, *, by: str, now_us: int, version: int | None = None) -> Edited:
        """Change a silence; return what holds now. See :func:`alerts.silencing.edit`.

        Args:
            silence_id: or how it begins.
            wanted: what is to be changed.
            by: who changes it.
            now_us: the time.
            version: that the changer has seen; None: the change is right whatever others did meanwhile.

        Raises:
            UnknownSilenceError, SilenceConflictError, SilenceError: see there.
            StoreUnavailableError: it may have been changed all the same.
        """
        for _ in range(_TRIES):
            old = self._read(silence_id, version)
            stored = silencing.edit(old, wanted, by=by, now_us=now_us, new_id=self._new_id())
            if self._write([(old if one.id == old.id else None, one) for one in stored], now_us):
                now = stored[-1]
                return Edited(now, None if now.id == old.id else next((o for o in stored if o.id == old.id), old))
        msg = f"silence {silence_id} is changed by others all the time; try again"
        raise SilenceConflictError(msg)

    def expire(self, silence_id: str, *, by: str, now_us: int, version: int | None = None) -> Silence:
        """End a silence now; return it. One that is over stays as it is.

        Raises:
            UnknownSilenceError, SilenceConflictError: see there.
            StoreUnavailableError: it may have been ended all the same; ending it again does no harm.
        """
        for _ in range(_TRIES):
            old = self._read(silence_id, version)
            ended = silencing.expire(old, by=by, now_us=now_us)
            if ended is old or self._write([(old, ended)], now_us):
                return ended
        msg = f"silence {silence_id} is changed by others all the time; try again"
        raise SilenceConflictError(msg)

    def get(self, silence_id: str) -> Silence:
        """Return a silence by its id, or by how that begins.

        Raises:
            UnknownSilenceError: when there is none, or several begin so.
        """
        found = [silence for silence in self.all() if silence_id and silence.id.startswith(silence_id)]
        if len(found) != 1:
            what = "several silences begin with" if found else "there is no silence"
            msg = f"{what} {silence_id}; `makegood silence list --state all` lists those there are"
            raise UnknownSilenceError(msg)
        return found[0]

    def all(self) -> tuple[Silence, ...]:
        """Return all silences that are kept, in no order."""
        with store_errors():
            version = self._client.get(self._keys.named("silences:version")) or ""
            if self._seen is not None and self._seen[0] == version:
                return self._seen[1]
            stored = self._client.hvals(self._keys.named("silences"))
        found = tuple(_to_silence.decode(text.partition("|")[2]) for text in stored)
        self._seen = (version, found)
        return found

    def list(self, now_us: int, states: Sequence[State] = ("active", "pending")) -> _Silences:
        """Return silences: active ones before pending before expired ones, each by their end."""
        chosen = [silence for silence in self.all() if silence.state(now_us) in states]
        return sorted(chosen, key=lambda one: (_STATES[one.state(now_us)], one.ends_us, one.id))

    def active(self, now_us: int) -> _Silences:
        """Return the silences that hold now. One short question to Redis while none changes."""
        return [silence for silence in self.list(now_us) if silence.state(now_us) == "active"]

    def preview(self, matchers: Iterable[str], *, from_us: int, to_us: int) -> Preview:
        """Return what a silence with these matchers would have hidden in a span. See :func:`alerts.preview.preview`.

        Raises:
            SilenceError: when the matchers make no sense.
        """
        about = condition(matchers_of(silencing.sorted_matchers(matchers)))
        return preview(self._store, lambda labels, _at_us: about(labels), from_us=from_us, to_us=to_us)

    def _read(self, silence_id: str, version: int | None) -> Silence:
        silence = self.get(silence_id)
        if version is not None and silence.version != version:
            by = silence.edits[-1].by if silence.edits else "somebody"
            msg = f"silence {silence.id} has been changed by {by} meanwhile (version {silence.version}, not {version})"
            raise SilenceConflictError(msg)
        return silence

    def _write(self, silences: Iterable[tuple[Silence | None, Silence]], now_us: int) -> bool:
        """Write silences that were read before; return False when somebody was faster."""
        arguments: list[str | int] = []
        for old, new in silences:
            began = old is not None and old.starts_us <= now_us and new.starts_us <= now_us
            arguments += [
                new.id,
                0 if old is None else old.version,
                new.version,
                _json.encode(new).decode(),
                "" if began else _ms_after(new.starts_us),
                _ms_after(new.ends_us),
                _ms_after(new.ends_us + self._retention_us),
            ]
        done = self._scripts.run("silence_write", self._prefix, now_us // 1000, secrets.token_hex(8), *arguments) == 0
        if not done:
            self._seen = None
        return done


def _ms_after(time_us: int) -> int:
    """Return the first millisecond that is not before a time."""
    return -(-time_us // 1000)
