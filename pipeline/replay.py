"""Replays a recording at full speed: the same alerts, with the same ids and times, as the live run gave or would give.

State is kept in a folder beside the output while the replay runs. A replay that was killed goes on where its last
snapshot was when the same command is given again; the finished output is written in one step.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import cast

import msgspec

from alerts.model import to_json
from config.settings import Settings
from detectors.contract import AlertChange, Finding, ShadowDecision
from detectors.control import Control, encode
from pipeline import compose, recovery
from pipeline.control.steering import Steering, steerable
from pipeline.deadletters import DeadLetters
from pipeline.engine.execute import execute
from pipeline.engine.logic import PrepareLogic
from pipeline.engine.sinks import CallSink, JournalSink
from pipeline.engine.source import Drain
from pipeline.enrich import Enricher
from pipeline.feeds.contract import FeedContext, FeedSettings
from pipeline.feeds.file import FileSettings
from pipeline.flow import AlertSink, FindingSink, Flow, Note, NoteSink, build_flow
from pipeline.harness import change_order, shadow_order
from pipeline.ingest.folder import spool_root
from pipeline.journal import Journal
from pipeline.lane import Lane, Pace
from pipeline.reading import Reading
from pipeline.routing import ProcessRouter
from pipeline.tallies import Tallies

FORMAT = 1
"""Of the work folder. A folder of another format is started afresh."""


class UnknownFeedError(Exception):
    """``--feed`` names a feed that the settings do not have."""


class Summary(msgspec.Struct):
    """What a replay did. ``alerts`` counts those that fired, by label ``detector``; ``seconds`` is this run's time."""

    events: int
    dead_letters: int
    duplicates: int
    late: int
    alerts: dict[str, int]
    seconds: float
    records: int
    filtered: int
    changes: int
    dead_letters_by_reason: dict[str, int]


def with_feed_paths(settings: Settings, paths: Mapping[str, Path]) -> Settings:
    """Return settings in which the named feeds read these files.

    A feed that is not a file feed becomes one: its mapping and its time settings stay.

    Raises:
        UnknownFeedError: naming the feeds that there are.
    """
    feeds = dict(settings.feeds)
    for name, path in paths.items():
        entry = feeds.get(name)
        if not isinstance(entry, FeedSettings):
            known = ", ".join(sorted(feeds)) or "none"
            msg = f"--feed {name}=...: the settings have no feed {name!r}; there are: {known}"
            raise UnknownFeedError(msg)
        if isinstance(entry, FileSettings):
            feeds[name] = entry.model_copy(update={"path": path.absolute(), "follow": False})
        else:
            feeds[name] = FileSettings(
                type="file",
                path=path.absolute(),
                mapping=entry.mapping,
                lateness=entry.lateness,
                idle_after=entry.idle_after,
                max_record_bytes=entry.max_record_bytes,
            )
    return settings.model_copy(update={"feeds": feeds})


def replay(
    settings: Settings,
    out: Path,
    *,
    findings: Path | None = None,
    controls: Sequence[Control] = (),
    shadows: Path | None = None,
    watch: Callable[[Tallies], None] | None = None,
) -> Summary:
    """Replay the feeds of ``settings`` and write the alert changes to ``out``, one JSON object a line, by event time.

    Args:
        settings: feeds read what is there and end.
        out: replaced when the replay is complete, not before.
        findings: where every scored window goes, one JSON object a line; None: nowhere.
        controls: what people changed in the flow that was recorded, in the order of their log.
        shadows: where it goes what candidates in the shadow decided, one JSON object a line; None: nowhere.
        watch: called once with the counts, which go on changing while the replay runs.

    Raises:
        FeedError: when a feed's path names no file.
        ProfilesError: when the table of customers cannot be read.
        RecoveryFolderInUseError: when the same replay is running already.
    """
    started_s = perf_counter()
    compose.check_feeds(settings, recording=True)
    work = out.with_name(out.name + ".work")
    identity = _identity(settings, out, controls)
    with recovery.locked(work):
        if not recovery.matches(work, identity):
            recovery.clear(work)
        tallies = Tallies()
        if watch is not None:
            watch(tallies)
        changes = Journal(work / "changes.journal", AlertChange)
        scored = Journal(work / "findings.journal", Finding)
        noted: Journal[Note] = Journal(work / "notes.journal", cast("type[Note]", Note))
        with DeadLetters(work / "deadletters.db") as dead:
            flow = recording_flow(
                settings,
                tallies=tallies,
                folder=work,
                alert_sink=JournalSink(changes),
                dead=dead,
                finding_sink=None if findings is None else JournalSink(scored),
                controls=controls,
                note_sink=None if shadows is None else JournalSink(noted),
            )
            execute(flow, epoch_us=settings.flow.epoch, folder=work, identity=identity)
        ordered = _ordered(changes)
        _write(out, (msgspec.json.encode(to_json(change)) for change in ordered))
        if findings is not None:
            rows = sorted(scored.read(), key=lambda row: (row.end_us, row.detector, sorted(row.group.items())))
            _write(findings, (msgspec.json.encode(row) for row in rows))
        if shadows is not None:
            decided = [note for note in noted.read() if isinstance(note, ShadowDecision)]
            _write(shadows, (msgspec.json.encode(one) for one in sorted(decided, key=shadow_order)))
        _keep_dead_letters(work, out, tallies)
    shutil.rmtree(work)
    return _summary(tallies, ordered, perf_counter() - started_s)


def recording_flow(
    settings: Settings,
    *,
    tallies: Tallies,
    folder: Path,
    alert_sink: AlertSink,
    dead: DeadLetters,
    finding_sink: FindingSink | None = None,
    enricher: Enricher | None = None,
    controls: Sequence[Control] = (),
    note_sink: NoteSink | None = None,
) -> Flow:
    """Return the dataflow that reads what the feeds of ``settings`` hold now, without a clock, and then ends.

    ``enricher``: in place of the one that the settings describe. ``controls``: what people changed at which times.
    """
    pace = Pace()
    built = compose.build_detectors(settings)
    compose.warm_up(built)
    prepare = compose.build_prepare(
        settings,
        router=ProcessRouter(built, settings.flow.shards),
        enricher=compose.build_enricher(settings) if enricher is None else enricher,
        tallies=tallies,
        pace=pace,
        dedup_folder=folder / recovery.SEEN,
    )

    def build_lane() -> Lane:
        feeds = compose.build_feeds(settings, FeedContext(recording=True, spool=spool_root(settings)))
        tallies.share_read = Reading(settings, feeds).share
        return Lane(feeds, batch_size=settings.flow.batch_size, clock_us=None, tick_us=0, pace=pace)

    return build_flow(
        build_lane=build_lane,
        drain=Drain(),
        prepare=partial(PrepareLogic, prepare),
        detectors=built,
        shards=settings.flow.shards,
        cases_folder=folder / recovery.CASES,
        models_folder=folder / recovery.MODELS,
        alert_sink=alert_sink,
        dead_letter_sink=CallSink(lambda letters: dead.add(letters, seen_at_us=0)),
        finding_sink=finding_sink,
        note_sink=note_sink,
        steering=Steering(steerable(built), controls),
    )


_SHAPING = {
    "feeds", "profiles", "sentiment", "calendars", "detectors", "time", "flow", "scale", "dead_letters", "findings",
    "control",
}  # fmt: skip
"""Sections of the settings that say what a replay writes; the others say who is told, and how."""


def _identity(settings: Settings, out: Path, controls: Sequence[Control]) -> object:
    """What must be the same for a killed replay to go on: settings, controls, and the files as far as one can tell."""
    shape = settings.model_dump_json(include=_SHAPING)
    files = []
    for name, entry in sorted(settings.feeds.items()):
        path = getattr(entry, "path", None)
        if isinstance(path, Path) and path.is_file():
            stat = path.stat()
            files.append([name, str(path), stat.st_size, stat.st_mtime_ns])
    steered = hashlib.sha256(b"\n".join(map(encode, controls))).hexdigest()
    return [FORMAT, str(out.absolute()), hashlib.sha256(shape.encode()).hexdigest(), files, steered]


def _ordered(changes: Journal[AlertChange]) -> list[AlertChange]:
    by_id = {change.change_id: change for change in changes.read()}
    return sorted(by_id.values(), key=change_order)


def _write(path: Path, lines: Iterable[bytes]) -> None:
    temporary = path.with_name(path.name + ".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary.open("wb") as file:
        file.writelines(line + b"\n" for line in lines)
    temporary.replace(path)


def _keep_dead_letters(work: Path, out: Path, tallies: Tallies) -> None:
    kept = out.with_name(out.name + ".deadletters.db")
    if not tallies.dead_letter_count:
        kept.unlink(missing_ok=True)
        return
    # A copy: a replay that is killed before its work folder is gone does this step again.
    temporary = kept.with_name(kept.name + ".tmp")
    shutil.copyfile(work / "deadletters.db", temporary)
    temporary.replace(kept)


def _summary(tallies: Tallies, ordered: list[AlertChange], seconds: float) -> Summary:
    fired: dict[str, set[tuple[str, int]]] = {}
    for change in ordered:
        if change.status == "firing":
            fired.setdefault(change.labels["detector"], set()).add((change.fingerprint, change.starts_at_us))
    reasons: dict[str, int] = {}
    for by_reason in tallies.dead_letters.values():
        for reason, count in by_reason.items():
            reasons[reason] = reasons.get(reason, 0) + count
    return Summary(
        events=tallies.events,
        dead_letters=tallies.dead_letter_count,
        duplicates=tallies.duplicates,
        late=tallies.late,
        alerts={detector: len(episodes) for detector, episodes in sorted(fired.items())},
        seconds=round(seconds, 3),
        records=tallies.records,
        filtered=tallies.filtered,
        changes=len(ordered),
        dead_letters_by_reason=dict(sorted(reasons.items())),
    )
