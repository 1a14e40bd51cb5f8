"""What happened in an incident, moment by moment: alerts of each feed, who was told, what people did, what was blind.

Alerts are told by event time, what Makegood and people did by the clock. In a replay these are far apart: then they
have an axis each, and are never mixed.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from alerts.incident_book import BookEntry, IncidentBook, lead_of
from alerts.incident_model import IncidentDetail, Member
from alerts.incidents import Incidents
from alerts.model import NotificationRecord
from alerts.response_model import Response
from alerts.responses import Responses
from alerts.store import AlertStore
from alerts.urgency import urgency
from config.settings import Settings
from dashboards.priority import Priority, priority

MOST_ALERTS = 400
MOST_TOGETHER = 10
"""Of so many incidents that are the same trouble, alerts are shown on one timeline."""
_MOST_READ = 60
"""Of so many alerts, those that fire first, it is read who was told and what people said: the rest is counted."""
Clock = Literal["event", "clock"]
_SAID = {
    "acknowledge": "acknowledged",
    "unacknowledge": "took the acknowledgement back",
    "resolve": "resolved",
    "comment": "noted",
    "reassign": "assigned",
}


class Span(NamedTuple):
    """Something that lasts: an alert, or a feed that is silent.

    Attributes:
        to_us: None: it lasts. fingerprint: of its alert.
    """

    lane: str
    from_us: int
    to_us: int | None
    priority: Priority | None
    words: str
    fingerprint: str


class Instant(NamedTuple):
    """Something that happens at once.

    Attributes:
        kind: ``told``, ``failed``, ``said``, ``began``, ``ended``, ``blind``. who: did it, or was told.
        clock: by which clock ``at_us`` is.
    """

    at_us: int
    clock: Clock
    lane: str
    kind: str
    who: str
    words: str
    fingerprint: str = ""


class Record(NamedTuple):
    """All that is known of an incident.

    Attributes:
        detail: with the alerts of the incidents that are the same trouble, too.
        spans: of alerts and silent feeds, by event time. instants: in order, alerts by event time, the rest by the
            clock.
        read: of how many alerts it was read who was told.
        book: what people said of the incident itself. part_of: the incident that it was said to be a part of.
    """

    detail: IncidentDetail
    spans: tuple[Span, ...]
    instants: tuple[Instant, ...]
    read: int
    book: tuple[BookEntry, ...] = ()
    part_of: int | None = None

    @property
    def lead(self) -> BookEntry | None:
        """Who leads it; None: nobody."""
        return lead_of(self.book)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the incident, and of those that are the same trouble."""
        return (self.detail.incident.number, *(() if self.lead is None else self.lead.others))

    @property
    def told_us(self) -> int | None:
        """When somebody was told first."""
        return min((one.at_us for one in self.instants if one.kind == "told"), default=None)

    @property
    def acknowledged_us(self) -> int | None:
        """When somebody acknowledged first."""
        return min(
            (one.at_us for one in self.instants if one.kind == "said" and one.words.startswith("ack")), default=None
        )


def read_record(store: AlertStore, settings: Settings, incidents: Incidents, number: int, now_us: int) -> Record | None:
    """Read all that is known of an incident; None: there is none. Blocks.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    detail = incidents.get(number, now_us, most=MOST_ALERTS)
    if detail is None:
        return None
    books = IncidentBook(store)
    book = books.read(number)
    led = lead_of(book)
    for other in () if led is None else led.others[:MOST_TOGETHER]:
        beside = incidents.get(other, now_us, most=MOST_ALERTS)
        if beside is not None:
            detail = msgspec.structs.replace(detail, members=(*detail.members, *beside.members))
    members = [one for one in detail.members if not one.undone]
    responses = Responses(store, settings.responses)
    instants = list(_alerts(members, settings))
    told: dict[str, NotificationRecord] = {}
    prints = list(dict.fromkeys(one.change.fingerprint for one in members))[:_MOST_READ]
    episodes = {(one.change.fingerprint, one.change.starts_at_us) for one in members}
    for fingerprint in prints:
        found, standing = store.get(fingerprint), responses.of(fingerprint)
        if found is not None:
            ids = {one.change_id for one in found.history if (fingerprint, one.starts_at_us) in episodes}
            told.update({note.key: note for note in found.notifications if ids.intersection(note.changes)})
        if standing is not None:
            instants += _said(
                [one for one in standing.responses if (fingerprint, one.episode_us) in episodes], fingerprint
            )
    instants += [one for note in told.values() for one in _told(note)]
    spans = [_span(one, settings) for one in members if not one.silence]
    for blind in detail.incident.blind:
        spans.append(
            Span(f"{blind.feed} (silent)", blind.since_us, blind.until_us, None, blind.says, blind.fingerprint)
        )
        instants.append(Instant(blind.since_us, "event", "feeds", "blind", blind.feed, blind.says, blind.fingerprint))
    instants += [_written(one) for one in book]
    instants.sort(key=lambda one: (one.at_us, one.lane, one.words))
    return Record(detail, tuple(spans), tuple(instants), len(prints), tuple(book), books.led_with(number))


def priority_of(member: Member, settings: Settings) -> Priority:
    """Return how urgent an alert of an incident is, or was while it fired."""
    return priority(urgency(msgspec.structs.replace(member.change, status="firing"), settings.urgency).rank)


def _span(member: Member, settings: Settings) -> Span:
    change = member.change
    words = change.annotations.get("summary") or change.labels.get("alertname", "")
    ends_us = None if change.status == "firing" else change.ends_at_us or change.at_us
    return Span(member.feed, change.starts_at_us, ends_us, priority_of(member, settings), words, change.fingerprint)


def _alerts(members: Iterable[Member], settings: Settings) -> Iterator[Instant]:
    for member in members:
        span = _span(member, settings)
        level = "" if span.priority is None else f"P{span.priority} "
        lane = f"{member.feed} (silent)" if member.silence else member.feed
        yield Instant(span.from_us, "event", lane, "began", "", f"{level}{span.words}", span.fingerprint)
        if span.to_us is not None:
            by = member.change.annotations.get("reason", "")
            words = f"resolved: {span.words}" + (f" ({by})" if by else "")
            yield Instant(span.to_us, "event", lane, "ended", "", words, span.fingerprint)


def _said(responses: Sequence[Response], fingerprint: str) -> Iterator[Instant]:
    for one in responses:
        words = _SAID[one.kind] + (f" to {one.to}" if one.to else "") + (f": {one.text}" if one.text else "")
        yield Instant(one.at_us, "clock", "people", "said", one.by, words, fingerprint)


def _written(one: BookEntry) -> Instant:
    words = f"noted: {one.text}"
    if one.kind == "lead":
        words = "takes the lead" if one.to == one.by else f"gives the lead to {one.to}"
        words += f", together with {', '.join(f'INC-{other}' for other in one.others)}" if one.others else ""
        words += f": {one.text}" if one.text else ""
    return Instant(one.at_us, "clock", "people", "said", one.by, words)


def _told(note: NotificationRecord) -> Iterator[Instant]:
    for one in note.tries:
        good = one.outcome in {"delivered", "accepted", "partly"}
        words = f"{one.outcome} by {one.channel} (tier {one.tier})" + (
            f": {one.reason}: {one.detail}" if one.reason else ""
        )
        yield Instant(one.at_us, "clock", "notified", "told" if good else "failed", note.receiver, words)
    if not note.tries:
        words = f"{note.status}: {note.note}" if note.note else note.status
        yield Instant(note.accepted_us, "clock", "notified", "waits", note.receiver, words)
