"""Counts of what the flow took in: exact over crashes, because they are part of the flow's snapshots."""

from collections.abc import Callable, Sequence

import msgspec

from detectors.contract import NEVER_US, Progress
from pipeline.quality import Quality
from pipeline.schema_changes import SchemaChanges


class Tallies:
    """What became of every record.

    For feeds of canonical events: ``records = events + duplicates + dead letters``. Where a mapping makes several
    events out of a record, or none, ``records`` counts the input, ``filtered`` the records that a filter left out,
    and ``events`` and ``duplicates`` the output. ``progress``, ``schema_changes``, ``quality`` (by feed) and
    ``share_read`` are no counts and are not kept.

    Attributes:
        share_read: of a recording: says how much of it has been read, 0 to 1; None: live.
    """

    def __init__(self) -> None:
        self.records = 0
        self.events = 0
        self.duplicates = 0
        self.late = 0
        self.filtered = 0
        self.dead_letters: dict[str, dict[str, int]] = {}
        self.progress = Progress(NEVER_US, NEVER_US)
        self.schema_changes = SchemaChanges()
        self.quality: dict[str, Quality] = {}
        self.share_read: Callable[[], float] | None = None

    @property
    def read(self) -> float | None:
        """How much of a recording has been read, 0 to 1; None: it is live, or not open yet."""
        return None if self.share_read is None or not self.records else self.share_read()

    def took(self, feed: str, records: int) -> None:
        """Count records that a feed gave, good or bad."""
        self.records += records
        quality = self.quality.get(feed)
        if quality is None:
            quality = self.quality[feed] = Quality()
        quality.took(records)

    def dead(self, feed: str, reason: str) -> None:
        """Count one dead letter."""
        reasons = self.dead_letters.setdefault(feed, {})
        reasons[reason] = reasons.get(reason, 0) + 1
        quality = self.quality.get(feed)
        if quality is not None:
            quality.bad(reason)

    def add_up(self, parts: Sequence["Tallies"]) -> None:
        """Make the counts the sums of those of ``parts``; the progress that of the part that is furthest behind."""
        self.records = sum(part.records for part in parts)
        self.events = sum(part.events for part in parts)
        self.duplicates = sum(part.duplicates for part in parts)
        self.late = sum(part.late for part in parts)
        self.filtered = sum(part.filtered for part in parts)
        self.progress = min((part.progress for part in parts), default=self.progress)
        dead: dict[str, dict[str, int]] = {}
        for part in parts:
            for feed, reasons in part.dead_letters.items():
                known = dead.setdefault(feed, {})
                for reason, count in reasons.items():
                    known[reason] = known.get(reason, 0) + count
        self.dead_letters = dead

    @property
    def dead_letter_count(self) -> int:
        """All dead letters."""
        return sum(sum(reasons.values()) for reasons in self.dead_letters.values())

    def snapshot(self) -> list[object]:
        """Return plain data for :meth:`restore`."""
        return [self.records, self.events, self.duplicates, self.late, self.filtered, self.dead_letters]

    def restore(self, state: list[object]) -> None:
        """Take over what :meth:`snapshot` returned."""
        (self.records, self.events, self.duplicates, self.late, self.filtered, self.dead_letters) = msgspec.convert(
            state, type=tuple[int, int, int, int, int, dict[str, dict[str, int]]]
        )
