"""All that the store and the findings tell of one alert, read at once. Blocks."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from alerts.control_log import ControlLog
from alerts.incident_book import BookEntry, IncidentBook
from alerts.model import CLOSED, AlertDetail
from alerts.trail_model import Kept
from config.durations import US_PER_SECOND
from config.settings import Settings
from dashboards.access.audit import Wanted, read_page, trail_of
from dashboards.console.evidence import Evidence, evidence
from dashboards.context import Context
from dashboards.errors import Refused
from detectors.contract import AlertChange, Detector
from detectors.control import VerdictGiven
from pipeline.explaining.lines import escalation_lines, group_lines, lines
from pipeline.explaining.notes import NoteTold
from pipeline.explaining.story import Story, gather
from pipeline.explaining.told import note_lines, sentence

EvidenceKept = dict[tuple[str, int], tuple[int, Evidence]]
_KEPT_US, _MOST_KEPT = 20 * US_PER_SECOND, 200
_MOST_AUDIT, _MOST_EPISODES, _MOST_NOTES = 20, 30, 50


class Episode(NamedTuple):
    """One time that an alert fired.

    Attributes:
        last: its newest change. by_hand: a person resolved it. verdict: what somebody said of it; empty: nothing.
    """

    starts_us: int
    ends_us: int | None
    last: AlertChange
    by_hand: bool
    verdict: str

    @property
    def lasted_us(self) -> int | None:
        """How long, by event time."""
        return None if self.ends_us is None else max(0, self.ends_us - self.starts_us)


class Told(NamedTuple):
    """One notification, as the page shows it.

    Attributes:
        went: it is done. sentence: what became of it. lines: every try.
    """

    note: NoteTold
    went: bool
    sentence: str
    lines: tuple[str, ...]


class Seen(NamedTuple):
    """All that the store and the findings tell of an alert.

    Attributes:
        detail: with the episode that is shown as its current change. latest: it is the newest one.
        way: the same as ``makegood explain`` tells.
        lead: who leads its incident; None: nobody.
        ahead: who is told next unless somebody acknowledges, a line each; empty: it does not fire, or nobody.
    """

    detail: AlertDetail
    story: Story
    evidence: Evidence
    episodes: tuple[Episode, ...]
    episode: Episode
    latest: bool
    told: tuple[Told, ...]
    way: tuple[str, ...]
    audit: tuple[Kept, ...]
    lead: BookEntry | None = None
    ahead: tuple[str, ...] = ()


def read(
    context: Context,
    detectors: Mapping[str, Detector],
    kept: EvidenceKept,
    fingerprint: str,
    starts_us: int | None,
    now_us: int,
) -> Seen:
    """Read all that is known of an alert. Blocks.

    Raises:
        Refused: there is no such alert, or episode.
        StoreUnavailableError: Redis is away.
    """
    store, settings = context.store, context.settings
    detail = store.get(fingerprint)
    if detail is None:
        days = settings.store.retention // (86_400 * US_PER_SECOND)
        msg = f"there is no alert {fingerprint} (any more): resolved ones are kept for {days} days"
        raise Refused(404, msg, title="No such alert")
    controls = ControlLog(store).read().controls
    verdicts = {
        one.starts_at_us: one.verdict
        for one in controls
        if isinstance(one, VerdictGiven) and one.fingerprint == fingerprint
    }
    episodes = episodes_of(detail, verdicts)
    shown = episodes[0] if starts_us is None else next((one for one in episodes if one.starts_us == starts_us), None)
    if shown is None:
        raise Refused(
            404,
            f"alert {fingerprint} has no episode that began at {starts_us}; it has {len(episodes)}",
            title="No such episode",
        )
    latest = shown.starts_us == detail.current.starts_at_us
    about = detail if latest else msgspec.structs.replace(detail, current=shown.last)
    story = gather(store, settings, detail, now_us)
    ids = {change.change_id for change in detail.history if change.starts_at_us == shown.starts_us}
    notes = [note for note in story.notes if ids.intersection(note.record.changes)]
    told = tuple(
        Told(
            note,
            note.record.status in {"delivered", "digested"},
            sentence(note, settings.channels, now_us),
            tuple(note_lines(note, settings.channels, now_us)),
        )
        for note in notes[-_MOST_NOTES:]
    )
    number = number_of(story)
    audit = read_page(trail_of(store), Wanted(object=f"alert:{fingerprint}"), limit=_MOST_AUDIT).entries
    return Seen(
        detail=about,
        story=story,
        evidence=_evidence(kept, (fingerprint, shown.starts_us), lambda: evidence(settings, detectors, about), now_us),
        episodes=episodes[:_MOST_EPISODES],
        episode=shown,
        latest=latest,
        told=told,
        way=tuple(lines(story, settings)),
        audit=tuple(audit),
        ahead=tuple(_ahead(story, settings)) if latest and detail.current.status == "firing" else (),
        lead=None if number is None else IncidentBook(store).leads([number]).get(number),
    )


def number_of(story: Story) -> int | None:
    """Return the number of the incident of an alert; None: it is in none."""
    return None if story.incident is None else int(story.incident.id.partition("-")[2])


def _ahead(story: Story, settings: Settings) -> Iterator[str]:
    """Yield what comes next in each group: its escalation, or when it is looked at for the first time."""
    for group in story.groups:
        if group.told_us is None:
            yield from (line.strip() for line in group_lines(group, settings, story.now_us))
        elif group.escalation is not None:
            yield from (line.strip() for line in escalation_lines(group.escalation, story.now_us))


def _evidence(kept: EvidenceKept, key: tuple[str, int], read_: Callable[[], Evidence], now_us: int) -> Evidence:
    """Return what is known of why an episode fired: as it was a moment ago, or read anew."""
    known = kept.get(key)
    if known is not None and 0 <= now_us - known[0] < _KEPT_US:
        return known[1]
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    found = read_()
    kept[key] = (now_us, found)
    return found


def episodes_of(detail: AlertDetail, verdicts: Mapping[int, str]) -> tuple[Episode, ...]:
    """Return the times that an alert fired, the newest first."""
    last: dict[int, AlertChange] = {}
    closed: set[int] = set()
    for change in [*detail.history, detail.current]:  # the history is in order; what it is now counts last
        last[change.starts_at_us] = change
        if change.step == CLOSED:
            closed.add(change.starts_at_us)
    return tuple(
        Episode(
            starts_us=starts_us,
            ends_us=change.ends_at_us,
            last=change,
            by_hand=starts_us in closed,
            verdict=verdicts.get(starts_us, ""),
        )
        for starts_us, change in sorted(last.items(), reverse=True)
    )
