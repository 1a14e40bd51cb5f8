"""What a feed promises to the flow: raw records by partition, resumable positions, and the truth about silence."""

from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import msgspec
from pydantic import Field

from config.base import ComponentSettings
from config.components import Registry
from config.durations import DurationUs
from config.mapping import MappingSettings


class Status(Enum):
    """What the silence of a partition means.

    ``READING``: more is there. ``CAUGHT_UP``: read to the end, more may come: silence is knowledge. ``ENDED``:
    nothing will ever come (end of a recording). ``UNREACHABLE``: the source does not answer: silence means nothing.
    """

    READING = "reading"
    CAUGHT_UP = "caught_up"
    ENDED = "ended"
    UNREACHABLE = "unreachable"


class BadRecord(msgspec.Struct, frozen=True):
    """A record that the feed itself could not cut out or read (too large, not in the file's format)."""

    offset: int
    raw: bytes
    reason: str
    detail: str


class Told(msgspec.Struct, frozen=True):
    """How far a partition is that another process reads for us, as that process told it.

    Attributes:
        newest_us: the largest event time in it so far, among all its records, also those that others get.
        heard_us: the clock of that process when it told; None: it said nothing about silence this time.
        silent: the partition was read to its end then, and had been quiet for ``idle_after``.
    """

    newest_us: int
    heard_us: int | None = None
    silent: bool = False


class RawBatch(msgspec.Struct):
    """Records of one partition, in their order.

    Attributes:
        offsets: position of each record in its partition (line number, Kafka offset); rises strictly.
        records: one JSON object each, as UTF-8 bytes. Feeds of other formats (CSV, Parquet) write a row as a JSON
            object with the column names as keys; CSV values stay strings.
        bad: records that are not among ``records``.
        mapped: the feed has applied its mapping itself: ``records`` are CloudEvents, whatever the feed's settings say.
        filtered: records that the feed's mapping left out, where the feed has applied it.
        told: of a partition that another process reads: how far it was before these records. There may be none.
    """

    feed: str
    partition: str
    offsets: Sequence[int]
    records: Sequence[bytes]
    bad: list[BadRecord] = []
    mapped: bool = False
    filtered: int = 0
    told: Told | None = None


class Feed(Protocol):
    """One feed with its partitions. Never blocks for longer than a few milliseconds; never raises for bad data.

    A source that cannot be reached is a status, not an exception: the feed keeps trying, with back-off.
    """

    name: str

    def open(self, positions: dict[str, int]) -> None:
        """Start reading. ``positions`` maps a partition to the offset after the last record taken; missing: start."""
        ...

    def partitions(self) -> dict[str, Status]:
        """Return every partition known, with its status."""
        ...

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        """Return what is there now, at most ``max_records`` records; ``partition`` is a wish, if a feed can choose."""
        ...

    def positions(self) -> dict[str, int]:
        """Return, by partition, the offset after the last record that ``poll`` returned."""
        ...

    def close(self) -> None:
        """Release what was opened."""
        ...


@runtime_checkable
class Lagging(Protocol):
    """A feed that knows how far it is behind its source. May be asked from another thread."""

    def lag(self) -> dict[str, int]:
        """Return, by partition, how many records the source was ahead of us when it last answered."""
        ...


@runtime_checkable
class Skipping(Protocol):
    """A feed whose source may delete records before they are read. May be asked from another thread.

    Attributes:
        skipped: how many it lost so, by partition, since this process started.
    """

    skipped: dict[str, int]


@runtime_checkable
class Explaining(Protocol):
    """A feed that knows why partitions of it are unreachable. May be asked from another thread."""

    def why_unreachable(self) -> dict[str, str]:
        """Return the reason of each partition that is unreachable now, for people to read, without secrets."""
        ...


class FeedError(ValueError):
    """A feed cannot be read as its settings say: names the feed and the field, and says what was expected."""


class FeedSettings(ComponentSettings):
    """What every feed's settings have. The key of the entry in ``feeds:`` is the feed's name.

    Attributes:
        mapping: how records become events; without one they are CloudEvents already.
        lateness: how far behind the newest event of its partition an event may come and still be on time.
        idle_after: live: how long a partition that is read to its end must be quiet before it stops holding time back.
        max_record_bytes: larger records are dead letters.
        max_bad_share: a feed of whose last thousand records (or more) a larger share than this became dead letters is
            unhealthy: an alert of the monitoring, nothing stops. ``1`` means never.
    """

    mapping: MappingSettings | None = None
    lateness: DurationUs | None = None
    idle_after: DurationUs | None = None
    max_record_bytes: int = 1_048_576
    max_bad_share: Annotated[float, Field(ge=0, le=1)] = 0.2


class Share(msgspec.Struct, frozen=True):
    """Which part of the work is a process's own: of ``of`` processes the one numbered ``index``, from 0.

    >>> [number for number in range(8) if Share(1, 3).has(number)]
    [1, 4, 7]
    """

    index: int = 0
    of: int = 1

    def has(self, number: int) -> bool:
        """Say whether partition ``number`` (of any topic) is this process's own."""
        return number % self.of == self.index


ALL = Share()
"""The share of a process that shares the work with nobody."""


class FeedContext(msgspec.Struct, frozen=True):
    """What a feed is told about the process that it runs in, besides its settings.

    Attributes:
        recording: read what is there, then end (a replay).
        share: the partitions to read; a feed without numbered partitions is read by the process with index 0.
        partitions: how many partitions every topic has, where that is known before its cluster answers: all of them
            hold time back until then.
        spool: folder in which feeds that receive (HTTP) keep their records until they are read.
    """

    recording: bool
    share: Share = ALL
    partitions: int | None = None
    spool: Path = Path("var/spool")


FeedFactory = Callable[[str, Any, FeedContext], Feed]
"""``factory(name, settings, context) -> Feed``."""

FEEDS: Registry[FeedFactory] = Registry("feed")
"""Every feed connector, filled when ``pipeline.feeds.catalogue`` imports the files beside it."""
