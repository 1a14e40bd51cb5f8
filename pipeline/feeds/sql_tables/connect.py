"""Connections to a database: one for each look at it, read only, and errors that never show a password."""

from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import sqlalchemy as sa

from config.durations import US_PER_SECOND
from config.secret import SecretRef
from pipeline.feeds.contract import FeedError
from pipeline.feeds.sql_settings import SqlSettings

_CONNECT_TIMEOUT_S = 10
_SECRET_PARTS = ("pass", "pwd", "secret", "token")


class Database:
    """The database of a feed.

    Args:
        name: of the feed.
        settings: of the feed.

    Raises:
        FeedError: when the address cannot be read, or its driver is not installed.
        SecretMissingError: when the address is not where the settings say.
    """

    def __init__(self, name: str, settings: SqlSettings) -> None:
        given = settings.url
        text = given.resolve().get_secret_value() if isinstance(given, SecretRef) else given
        try:
            url = sa.make_url(text)
        except (sa.exc.ArgumentError, ValueError):
            # Not with the text, nor with the error that may hold it.
            msg = f"feed {name!r}: url: what is kept there is not the address of a database (dialect+driver://...)"
            raise FeedError(msg) from None
        self._secrets = _secrets(url)
        self._file = _sqlite_file(url)
        timeout_s = settings.timeout // US_PER_SECOND
        arguments: dict[str, Any] = {}
        if url.get_backend_name() == "postgresql" and "connect_timeout" not in url.query:
            arguments["connect_timeout"] = min(_CONNECT_TIMEOUT_S, timeout_s)
        try:
            # No pool: a connection that is kept for half a minute in between is one more that can break unseen.
            self._engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=arguments, hide_parameters=True)
        except (ImportError, sa.exc.SQLAlchemyError) as error:
            hint = "install the driver that it names (for PostgreSQL: pip install 'makegood[postgres]')"
            msg = f"feed {name!r}: url: cannot use {url.drivername}: {error}; {hint}"
            raise FeedError(msg) from error
        self.dialect = self._engine.dialect.name
        timeout_ms = timeout_s * 1_000

        @sa.event.listens_for(self._engine, "connect")
        def prepare(connection: Any, record: object) -> None:
            del record
            if self.dialect == "sqlite":
                connection.text_factory = _decoded
                connection.execute("PRAGMA query_only = ON")
            elif self.dialect == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute(f"SET SESSION statement_timeout = {timeout_ms}")
                    cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
                connection.commit()
                _let_odd_times_pass(connection)

    def connect(self) -> sa.Connection:
        """Return a new connection.

        Raises:
            FileNotFoundError: for a database in a file that is not there (SQLite would make an empty one).
            sqlalchemy.exc.SQLAlchemyError: when it cannot be reached.
        """
        if self._file is not None and not self._file.exists():
            msg = f"there is no file {self._file}"
            raise FileNotFoundError(msg)
        return self._engine.connect()

    def told(self, error: Exception) -> str:
        """Return what an error says, in one line and without secrets."""
        origin = getattr(error, "orig", None)
        text = " ".join(str(origin if isinstance(origin, Exception) else error).split())
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def close(self) -> None:
        """Let go of what the engine holds."""
        self._engine.dispose()


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _secrets(url: sa.URL) -> list[str]:
    values = [] if not url.password else [str(url.password)]
    for name, value in url.query.items():
        if any(part in name.lower() for part in _SECRET_PARTS):
            values += [value] if isinstance(value, str) else list(value)
    written = {form for value in values for form in (value, quote(value, safe=""), quote_plus(value))}
    return sorted(written - {""}, key=len, reverse=True)


def _sqlite_file(url: sa.URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":memory:", "file:")):
        return None
    return Path(url.database)


def _let_odd_times_pass(connection: Any) -> None:
    """Let ``infinity`` and years that Python does not have come as text: one of them would cost a page of rows."""
    if type(connection).__module__.partition(".")[0] != "psycopg":
        return
    from psycopg import errors  # noqa: PLC0415 - only there with the driver
    from psycopg.types import datetime as times  # noqa: PLC0415

    def tolerant(base: Any) -> Any:
        class Tolerant(base):  # type: ignore[misc]
            def load(self, data: Any) -> Any:
                try:
                    return super().load(data)
                except (errors.DataError, ValueError, OverflowError):
                    return bytes(data).decode()

        return Tolerant

    for name, loader in (
        ("timestamptz", times.TimestamptzLoader),
        ("timestamp", times.TimestampLoader),
        ("date", times.DateLoader),
    ):
        connection.adapters.register_loader(name, tolerant(loader))
