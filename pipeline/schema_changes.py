"""Tells once, and not for every record, that the records of a feed have another shape than they used to have.

Every bad record is a dead letter as ever. Beside that, the first record of a feed in which a field has another type
than expected (or is missing, or cannot be read as a time, or has a value that the mapping does not list) begins a
*change*: one line in the log, and 1 in the metric. The change ends when the field has been good for long enough to
believe it; that is told too. What is known here lasts as long as the process: after a restart a change that still goes
on is told again. No event and no alert depends on it.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog

from detectors.events import Event
from pipeline.feeds.contract import RawBatch
from pipeline.letters import origin
from pipeline.reasons import Reason, RecordError

REASONS = frozenset(
    {Reason.WRONG_TYPE, Reason.MISSING_FIELD, Reason.INVALID_TIME, Reason.UNKNOWN_TYPE, Reason.UNMAPPED_VALUE}
)
"""What says that a shape has changed; other reasons (cut short, out of range, too late) say that a record is bad."""
MAX_CHANGES = 50
"""Changes kept apart for one feed; further ones are told as one, of the field ``other``."""
OTHER = "other"
_FEWEST_GOOD = 10
_SURE = 7.0
"""Good values needed, in units of values for one bad one: were as many bad as before, e^-7 of streaks would last so."""
_QUIET_FACTOR = 100

_ORIGIN = re.compile(r"(?:field|template|constant|a field of) (?P<of>.*?)(?:: |(?= has no value))", re.DOTALL)
_EXPECTED = re.compile(r"(?:expected )?(?P<expected>.*)[,;] got (?P<found>.*)", re.DOTALL)
_PLACE = re.compile(r"events\[\d+\]\.")
_ALWAYS_THERE = ("type", "when", "where")
_REQUIRED = ("id", "source", "time", "data")

log = structlog.get_logger(__name__)
GoodValues = Callable[[Sequence[Event]], int]
"""Says how many events have a value at a place."""


class Told(NamedTuple):
    """What an error says of a field.

    Attributes:
        field: of the record: its path, as the mapping names it; of canonical events the same as ``into``.
        into: of the event (``data.sentiment``), for mapped feeds behind the entry of the mapping (``events[0].``).
        expected, found: in words; empty where the error does not say it.
    """

    field: str
    into: str
    expected: str
    found: str


class Change(msgspec.Struct):
    """One change: since when, how bad, and whether it goes on.

    Attributes:
        bad, good: values of the field from the first bad one to the last, earlier rounds of the change included.
        streak, quiet: good values, and records, since the last batch with a bad one.
        open: it goes on.
    """

    feed: str
    reason: str
    told: Told
    good_values: GoodValues
    bad: int = 0
    good: int = 0
    streak: int = 0
    quiet: int = 0
    open: bool = False

    @property
    def needed(self) -> int:
        """How many good values in a row end the change: more, the rarer the bad ones were."""
        return max(_FEWEST_GOOD, int(_SURE * (self.good + self.bad) / max(1, self.bad)) + 1)


class SchemaChanges:
    """The changes of all feeds. Written by the flow's thread; :meth:`states` may be read by others.

    Attributes:
        open_feeds: feeds with a change that goes on.
    """

    def __init__(self) -> None:
        self.open_feeds: set[str] = set()
        self._changes: dict[str, dict[tuple[str, ...], Change]] = {}

    def saw(self, batch: RawBatch, events: Sequence[Event], errors: Sequence[tuple[int, RecordError]]) -> None:
        """Take note of what became of a batch: called where records were bad, or a change goes on.

        Args:
            batch: as read.
            events: what its good records became.
            errors: index and error of each bad record.
        """
        feed = origin(batch.feed)
        hit: dict[int, Change] = {}
        for index, error in errors:
            if error.reason in REASONS:
                change = self._change(feed, error)
                hit[id(change)] = change
                self._bad(change, batch, index)
        if feed not in self.open_feeds:
            return
        still = False
        for change in self._changes[feed].values():
            if change.open:
                self._after(change, len(batch.records), events, was_bad=id(change) in hit)
                still = still or change.open
        if not still:
            self.open_feeds.discard(feed)

    def states(self) -> dict[tuple[str, str, str], bool]:
        """Return whether it goes on, by feed, field and reason, for every change since the process began."""
        found: dict[tuple[str, str, str], bool] = {}
        for changes in list(self._changes.values()):
            for change in list(changes.values()):
                key = (change.feed, change.told.field, change.reason)
                found[key] = found.get(key, False) or change.open
        return found

    def _change(self, feed: str, error: RecordError) -> Change:
        changes = self._changes.setdefault(feed, {})
        told = read_detail(error)
        reason = error.reason.value
        key: tuple[str, ...] = (reason, told.field, told.into, told.expected if told.found else "")
        change = changes.get(key)
        if change is not None:
            return change
        if len(changes) >= MAX_CHANGES:
            key, reason, told = (OTHER,), OTHER, Told(OTHER, "", "", "")
        return changes.setdefault(key, Change(feed, reason, told, _good_values(told.into)))

    def _bad(self, change: Change, batch: RawBatch, index: int) -> None:
        change.bad += 1
        change.good += change.streak
        change.streak = change.quiet = 0
        if change.open:
            return
        change.open = True
        self.open_feeds.add(change.feed)
        told = change.told
        log.warning(
            "schema.changed",
            feed=change.feed,
            field=told.field,
            event_field=told.into,
            reason=change.reason,
            expected=told.expected,
            found=told.found,
            partition=batch.partition,
            offset=batch.offsets[index],
            note="told once; every such record is a dead letter",
        )

    @staticmethod
    def _after(change: Change, records: int, events: Sequence[Event], *, was_bad: bool) -> None:
        good = change.good_values(events)
        if was_bad:
            change.good += good
            return
        change.streak += good
        change.quiet += records
        enough = change.streak >= change.needed
        if enough or change.quiet >= _QUIET_FACTOR * change.needed:
            change.open = False
            log.info(
                "schema.change_over",
                feed=change.feed,
                field=change.told.field,
                reason=change.reason,
                bad_records=change.bad,
                because=f"{change.streak} good values in a row" if enough else f"not seen in {change.quiet} records",
            )


def read_detail(error: RecordError) -> Told:
    """Return what the detail of an error says: ``<event field>[: field '<path>']: expected <that>, got <this>``.

    >>> read_detail(RecordError(Reason.WRONG_TYPE, "data.sentiment: expected `float | null`, got `str`"))
    Told(field='data.sentiment', into='data.sentiment', expected='float | null', found='str')
    >>> read_detail(RecordError(Reason.MISSING_FIELD, "events[0].time: field 'created' has no value"))
    Told(field='created', into='events[0].time', expected='a value', found='none')
    """
    into, _, rest = error.detail.partition(": ")
    field = into
    named = _ORIGIN.match(rest)
    if named is not None:
        field = named["of"].replace("'", "")
        rest = rest[named.end() :]
    if error.reason is Reason.MISSING_FIELD:
        return Told(field, into, "a value", "none")
    matched = _EXPECTED.fullmatch(rest)
    if matched is None:
        return Told(field, into, rest.removeprefix("expected ").strip("`"), "")
    return Told(field, into, matched["expected"].strip("`"), matched["found"].strip("`"))


def _good_values(into: str) -> GoodValues:
    """Return what counts the events that have a value at a place."""
    path = _PLACE.sub("", into).split("[", 1)[0]
    outer, _, inner = path.partition(".")
    if not outer or outer in _ALWAYS_THERE or outer == OTHER or path in _REQUIRED:
        return len
    if not inner:
        return lambda events: sum([getattr(event, outer, None) is not None for event in events])
    name, _, label = inner.partition(".")

    def has_value(event: Event) -> bool:
        value: Any = getattr(event.data, name, None)
        if isinstance(value, dict):
            return label in value if label else bool(value)
        return value is not None

    return lambda events: sum(map(has_value, events))
