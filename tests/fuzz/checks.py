"""What must hold of every batch of records, whatever is in it."""

from collections.abc import Sequence

from detectors.events import EVENT_CLASSES, Event
from pipeline.decode import Decoded
from pipeline.events import EARLIEST_US, LATEST_US, decode_event, encode_event, to_us
from pipeline.feeds.contract import RawBatch
from pipeline.letters import DeadLetter
from pipeline.mapping import Mapper
from pipeline.reasons import MAX_DETAIL_CHARS, Reason

REASONS = frozenset(Reason)
_CLASSES = frozenset(EVENT_CLASSES.values())


class BrokenRuleError(AssertionError):
    """Something that must hold of every record does not."""


def hold(rule: bool, text: str, *evidence: object) -> None:
    """Raise unless a rule holds."""
    if not rule:
        msg = f"{text}: {', '.join(repr(item)[:300] for item in evidence)}"
        raise BrokenRuleError(msg)


def check_decoded(batch: RawBatch, decoded: Decoded, mapper: Mapper | None = None, *, mapped: bool = False) -> None:
    """Hold a batch against what became of it: nothing is lost, and nothing is made up.

    Args:
        batch: as given to ``Decoder.decode``, without bad records of the feed.
        decoded: what it answered.
        mapper: of the feed: counts of its own are held against the answer (the records are mapped a second time).
        mapped: the feed has a mapping: a record may make several events, or none.
    """
    _check_letters(batch, decoded.dead)
    left = len(batch.records) - decoded.filtered - len(decoded.dead)
    if mapped:
        hold(0 <= left <= len(decoded.events), "a record that is neither filtered nor dead makes an event", left)
    else:
        kept = len(decoded.events) + len(decoded.dead)
        hold(kept == len(batch.records), "events + dead letters = records", kept, len(batch.records))
    if mapper is not None:
        counted = mapper.map_many(batch.records)
        accounted = counted.accepted + counted.filtered + len(counted.errors)
        hold(accounted == len(batch.records), "accepted + filtered + errors = records", accounted, len(batch.records))
        hold(counted.filtered == decoded.filtered, "the same is filtered", counted.filtered, decoded.filtered)
        hold(len(counted.events) >= counted.accepted, "an accepted record makes an event", counted.accepted)
        hold(len(counted.errors) == len(decoded.dead), "each error is a dead letter", len(decoded.dead))
    check_events(decoded.events)


def _check_letters(batch: RawBatch, letters: Sequence[DeadLetter]) -> None:
    place = dict(zip(batch.offsets, batch.records, strict=True))
    before = -1
    for letter in letters:
        hold(letter.offset > before, "letters rise in their offsets", before, letter)
        before = letter.offset
        hold(place.get(letter.offset) == letter.raw, "a letter holds its record whole", letter)
        hold(letter.reason in REASONS, "a reason is of the closed set", letter)
        told = letter.detail
        hold(
            bool(told) and len(told) <= MAX_DETAIL_CHARS and told.isprintable(), "a detail is short and printable", told
        )


def check_events(events: Sequence[Event]) -> None:
    """Hold events against what every event is."""
    for event in events:
        hold(event.__class__ in _CLASSES, "an event is of a known type", event)
        hold(EARLIEST_US <= event.time_us < LATEST_US, "times are in range", event)
        hold(0 < len(event.id) <= 1024 and 0 < len(event.source) <= 1024, "ids and sources have a length", event)
        hold(event.profile is None, "nobody brings a profile", event)


def check_closely(events: Sequence[Event]) -> None:
    """Hold events against themselves, written and read again: slower."""
    for event in events:
        hold(event.time_us == to_us(event.time), "the microseconds are those of the time", event)
        again = decode_event(encode_event(event))
        hold(again == event, "an event that is written is read as the same", event, again)
