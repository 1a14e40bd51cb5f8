"""Logins of people, kept in Redis: the browser has nothing but an id that nobody can guess.

Redis has only the hash of the id: who reads Redis, or a backup of it, is not logged in. A session ends by itself when
nobody has used it for long, and after its lifetime in any case.
"""

import hashlib
import secrets
from typing import Any

import msgspec

from alerts.connection import store_errors
from alerts.store import AlertStore
from config.console import SessionSettings
from dashboards.access.contract import Role

_TOUCH_AFTER_US = 60_000_000
_ID_BYTES = 32
_MOST_ID = 128


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A login.

    Attributes:
        name: of the person.
        role: as it was at the login.
        way: ``password`` or ``oidc``.
        csrf: what forms of the session send back.
        since_us: when the login was.
        seen_us: when it was used last, to the minute.
        address: from where it was made.
        agent: what the browser calls itself.
    """

    name: str
    role: int
    way: str
    csrf: str
    since_us: int
    seen_us: int
    address: str = ""
    agent: str = ""

    def __repr__(self) -> str:
        return f"Session(name={self.name!r}, role={Role(self.role).name}, way={self.way!r})"


_decoder = msgspec.json.Decoder(Session)


class Sessions:
    """The sessions of a store. May be used by several threads and processes; its calls block.

    Args:
        store: of the alerts.
        settings: how long they hold.

    Every method raises :class:`StoreUnavailableError` while Redis is away: nobody is logged in then.
    """

    def __init__(self, store: AlertStore, settings: SessionSettings) -> None:
        self._client: Any = store.client
        self._keys = store.keys
        self._settings = settings

    def start(
        self, name: str, role: Role, way: str, *, now_us: int, address: str = "", agent: str = ""
    ) -> tuple[str, Session]:
        """Log somebody in; return the id for their browser: a new one each time."""
        key = secrets.token_urlsafe(_ID_BYTES)
        session = Session(
            name=name,
            role=int(role),
            way=way,
            csrf=secrets.token_urlsafe(24),
            since_us=now_us,
            seen_us=now_us,
            address=address,
            agent=agent[:120],
        )
        digest = _digest(key)
        whose = self._whose(name)
        with store_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.set(self._key(digest), _text(session), px=self._left_ms(session, now_us))
            pipeline.sadd(whose, digest)
            pipeline.pexpire(whose, self._settings.lifetime // 1000 + 60_000)
            pipeline.execute()
        return key, session

    def find(self, key: str, now_us: int) -> Session | None:
        """Return the session of an id, and note that it was used; None when there is none (any more)."""
        if not key or len(key) > _MOST_ID:
            return None
        name = self._key(_digest(key))
        with store_errors():
            text = self._client.get(name)
            if text is None:
                return None
            session = _decoder.decode(text)
            left_ms = self._left_ms(session, now_us)
            if left_ms <= 0 or now_us - session.seen_us > self._settings.idle:
                self._client.delete(name)
                return None
            if now_us - session.seen_us >= _TOUCH_AFTER_US:
                session = msgspec.structs.replace(session, seen_us=now_us)
                self._client.set(name, _text(session), px=left_ms, xx=True)  # not when it was ended meanwhile
        return session

    def end(self, key: str) -> Session | None:
        """Log out; return the session that it was."""
        digest = _digest(key[:_MOST_ID])
        with store_errors():
            text = self._client.getdel(self._key(digest))
            if text is None:
                return None
            session = _decoder.decode(text)
            self._client.srem(self._whose(session.name), digest)
        return session

    def end_all(self, name: str) -> int:
        """Log somebody out everywhere; return how many sessions there were."""
        whose = self._whose(name)
        with store_errors():
            digests = sorted(self._client.smembers(whose))
            if not digests:
                return 0
            ended = int(self._client.delete(*(self._key(digest) for digest in digests)))
            self._client.srem(whose, *digests)
        return ended

    def of(self, name: str) -> list[Session]:
        """Return the sessions that somebody has, the newest first."""
        with store_errors():
            digests = sorted(self._client.smembers(self._whose(name)))
            texts = self._client.mget([self._key(digest) for digest in digests]) if digests else []
        found = [_decoder.decode(text) for text in texts if text is not None]
        return sorted(found, key=lambda session: -session.since_us)

    def _left_ms(self, session: Session, now_us: int) -> int:
        left_us = session.since_us + self._settings.lifetime - now_us
        return min(left_us, self._settings.idle) // 1000

    def _key(self, digest: str) -> str:
        return self._keys.named(f"session:{digest}")

    def _whose(self, name: str) -> str:
        return self._keys.named(f"sessions_of:{hashlib.sha256(name.encode()).hexdigest()[:32]}")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _text(session: Session) -> str:
    return msgspec.json.encode(session).decode()
