"""Settings of the feed that reads a table of a database."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from config.durations import US_PER_SECOND, DurationUs, format_duration_us
from config.secret import SecretRef
from config.values import Zone
from pipeline.feeds.contract import FeedSettings
from pipeline.timeparse import compile_times

_SECRET = re.compile(r"pass|pwd|secret|token|sslkey", re.IGNORECASE)


def _without_password(text: str) -> str:
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - slow to load
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        msg = "is not the address of a database: write it like postgresql+psycopg://reader@crm.example.com/crm"
        raise ValueError(msg) from error
    if url.password is not None or any(_SECRET.search(name) for name in url.query):
        msg = "holds a secret; put the whole address into an environment variable or a file: {env: NAME}, {file: PATH}"
        raise ValueError(msg)
    return text


Address = Annotated[str, AfterValidator(_without_password)]


class SqlSettings(FeedSettings):
    """Rows of a table or query of a database, read by a column that rises with every change.

    Attributes:
        url: address of the database, as SQLAlchemy writes it (``postgresql+psycopg://reader@crm.example.com/crm``). One
            with a password is a secret: ``{env: NAME}`` or ``{file: PATH}``.
        table: the table or view, ``schema.table`` where it has a schema.
        query: instead of a table: a SELECT, without ORDER BY and LIMIT. Makegood reads from it as from a table.
        mark: the column by which new rows are told: a time (``updated_at``) or a whole number (``id``). Have an index
            on it, or on it and ``key``.
        key: column, or columns, that tell rows with the same mark apart. Without one, many rows with the same mark are
            read in one go.
        every: how often the database is asked.
        overlap: where the mark is a time: rows are read again that far behind the newest one, because what was written
            earlier may be committed later. Longer than the longest transaction that writes to the table.
        overlap_numbers: where the mark is a whole number: the same, as a difference of numbers.
        start: where to begin when there is no position yet: ``earliest``, ``latest`` (the newest row
            that is there), or a mark: a time or a whole number; rows from it on. A replay begins at the earliest where
            this says ``latest``.
        batch: rows asked for at a time.
        zone: zone of times that the database keeps without one. Needed where the mark is such a time.
        timeout: a query that takes longer counts as no answer.
    """

    type: Literal["sql"]
    url: Address | SecretRef
    table: str | None = Field(default=None, min_length=1)
    query: str | None = Field(default=None, min_length=1)
    mark: str = Field(min_length=1)
    key: list[str] = Field(default=[])
    every: DurationUs = Field(default=30 * US_PER_SECOND, ge=US_PER_SECOND // 10)
    overlap: DurationUs = Field(default=300 * US_PER_SECOND, ge=0)
    overlap_numbers: int = Field(default=1_000, ge=0)
    start: int | str = "earliest"
    batch: int = Field(default=1_000, ge=1, le=100_000)
    zone: Zone | None = None
    timeout: DurationUs = Field(default=60 * US_PER_SECOND, ge=US_PER_SECOND)

    @field_validator("key", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.table is None) == (self.query is None):
            msg = "give exactly one of table and query"
            raise ValueError(msg)
        if self.mark in self.key:
            msg = f"key: {self.mark!r} is the mark already; name columns that tell rows with the same mark apart"
            raise ValueError(msg)
        if self.lateness is not None and self.lateness < self.every:
            every = format_duration_us(self.every)
            msg = f"lateness is shorter than every ({every}): rows that wait to be read would come too late"
            raise ValueError(msg)
        self.start_mark()
        return self

    def start_mark(self) -> int | None:
        """Return the mark to begin at, a time in microseconds UTC; None for ``earliest`` and ``latest``.

        Raises:
            ValueError: when the text is none of these.
        """
        start = self.start
        if isinstance(start, int) or start in {"earliest", "latest"}:
            return start if isinstance(start, int) else None
        try:
            return compile_times(["rfc3339", "iso8601"], self.zone)(start)
        except ValueError as error:
            msg = f"start: {start!r} is none of earliest, latest, a whole number, a time like 2024-05-01T09:30:00Z"
            raise ValueError(msg) from error

    @property
    def partition(self) -> str:
        """Name of the one partition."""
        return self.table or "query"
