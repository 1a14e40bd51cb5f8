"""The page of an alert: is it real, what does it hit, what is to be done?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import HTMLResponse

from alerts.control_log import ControlLog
from alerts.model import CLOSED, AlertDetail, to_json
from alerts.silencing import Silence
from alerts.trail_model import Kept
from config.durations import US_PER_SECOND
from dashboards.access.audit import Wanted, read_page, trail_of
from dashboards.access.contract import Principal, Role, needs
from dashboards.console.acts import acts_of
from dashboards.console.evidence import Evidence, evidence
from dashboards.console.query import written
from dashboards.console.state import console_of
from dashboards.console.table import Row
from dashboards.console.templating import page
from dashboards.context import Context, context_of
from dashboards.errors import Refused
from dashboards.priority import priority
from detectors.contract import AlertChange, Detector
from detectors.control import VerdictGiven
from pipeline.explaining.lines import lines
from pipeline.explaining.notes import NoteTold
from pipeline.explaining.story import Story, gather
from pipeline.explaining.told import note_lines, sentence

EvidenceKept = dict[tuple[str, int], tuple[int, Evidence]]
_KEPT_US, _MOST_KEPT = 20 * US_PER_SECOND, 200
_SAME_US = 600 * US_PER_SECOND
_MOST_SAME, _MOST_AUDIT, _MOST_EPISODES, _MOST_NOTES = 8, 20, 30, 50
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Fingerprint = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
router = APIRouter()


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


@router.get("/a/{fingerprint}", include_in_schema=False)
async def alert(request: Request, _who: Viewer, fingerprint: Fingerprint, said: str = "") -> HTMLResponse:
    """Return an alert's newest episode."""
    return await _page(request, fingerprint, None, said)


@router.get("/a/{fingerprint}/{episode}", include_in_schema=False)
async def episode(
    request: Request,
    _who: Viewer,
    fingerprint: Fingerprint,
    episode: Annotated[int, Path(ge=-(2**62), le=2**62)],
    said: Annotated[str, Query(max_length=64)] = "",
) -> HTMLResponse:
    """Return one episode, named by its beginning in microseconds."""
    return await _page(request, fingerprint, episode, said)


async def _page(request: Request, fingerprint: str, starts_us: int | None, said: str) -> HTMLResponse:
    context, console = context_of(request), console_of(request)
    now_us = context.now_us()
    detectors = await console.detectors()
    seen = await to_thread.run_sync(read, context, detectors, console.evidence, fingerprint, starts_us, now_us)
    current = seen.detail.current
    table = console.tables.now(now_us)
    row = next((one for one in table.rows if one.alert.fingerprint == fingerprint), None) if seen.latest else None
    before, behind = neighbours(table.rows, fingerprint)
    urgency = None if row is None else row.alert.urgency
    return await page(
        request,
        "alert.html",
        active="inbox",
        title=current.annotations.get("summary") or current.labels.get("alertname", fingerprint),
        seen=seen,
        current=current,
        row=row,
        urgency=urgency,
        priority=None if urgency is None else priority(urgency.rank),
        mutes=() if row is None else context.mirror.mutes(fingerprint, now_us),
        same=same_time(table.rows, current),
        silences=silences_of(context.mirror.silences, current.labels),
        query=written(current.labels),
        seq=context.mirror.seq,
        storming=console.weather.now(table),
        before=before,
        behind=behind,
        raw=msgspec.json.format(msgspec.json.encode(to_json(current)), indent=2).decode(),
        said=acts_of(request).told(said),
        people=sorted([*context.settings.people, *context.settings.schedules]),
        where=f"/a/{fingerprint}" + ("" if seen.latest else f"/{current.starts_at_us}"),
        incident=_number(seen.story),
        median_us=_median([one.lasted_us for one in seen.episodes if one.lasted_us is not None]),
    )


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
    )


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


def same_time(rows: Sequence[Row], current: AlertChange) -> list[Row]:
    """Return other alerts that began about when this one did, by event time: the most urgent first."""
    near = [
        row
        for row in rows
        if abs(row.alert.change.starts_at_us - current.starts_at_us) <= _SAME_US
        and row.alert.fingerprint != current.fingerprint
    ]
    near.sort(key=lambda row: (row.priority, abs(row.alert.change.starts_at_us - current.starts_at_us)))
    return near[:_MOST_SAME]


def neighbours(rows: Sequence[Row], fingerprint: str) -> tuple[str, str]:
    """Return the alerts before and behind one in the order of the inbox; empty where there is none."""
    places = sorted((row.priority, -row.changed_us, row.alert.fingerprint) for row in rows if row.place == "open")
    prints = [one[2] for one in places]
    if fingerprint not in prints:
        return "", prints[0] if prints else ""
    at = prints.index(fingerprint)
    return prints[at - 1] if at else "", prints[at + 1] if at + 1 < len(prints) else ""


def silences_of(silences: Sequence[Silence], labels: Mapping[str, str]) -> list[Silence]:
    """Return the silences that are about these labels, ended ones too: those that end last come first."""
    return sorted((one for one in silences if one.matches(labels)), key=lambda one: -one.ends_us)


def _number(story: Story) -> int | None:
    return None if story.incident is None else int(story.incident.id.partition("-")[2])


def _median(values: Sequence[int]) -> int | None:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else None
