"""The same records by columns and by rows, side by side: whatever comes out must be equal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from structlog.testing import capture_logs

from detectors.contract import NEVER_US, Detector, Outcome, Progress, WindowDetector, WindowState
from detectors.events import Event
from pipeline import compose
from pipeline.assembly import load_settings
from pipeline.columns.events import EventColumns
from pipeline.events import encode_event
from pipeline.feeds.contract import RawBatch, Status
from pipeline.lane import LaneItem, Pace, PartitionKey
from pipeline.letters import DeadLetter
from pipeline.prepare import Prepare
from pipeline.records.text import Lines
from pipeline.routing import CaseBatch, PaneBatch, ProcessRouter, Routed
from pipeline.tallies import Tallies

WINDOWS = """
  sentiment_drop: {type: sentiment_drop, group_by: [service, region], window: 10m, min_count: 2}
  by_source: {type: sentiment_drop, group_by: [source, queue], window: 10m, min_count: 2}
  by_label: {type: sentiment_drop, group_by: [tier, service], event_types: [social.post], window: 10m, min_count: 2}
  survey_drop: {type: survey_drop, group_by: [channel], window: 10m, min_count: 2}
  social_spike: {type: social_spike, window: 10m}
  transaction_failure: {type: transaction_failure, window: 10m, min_count: 2}
  feed_silence: {type: feed_silence, window: 10m}
"""
PLAIN = WINDOWS.replace("by_label", "unlabelled").replace("[tier, service]", "[service]")
CASES = """
  negative_survey: {type: negative_survey}
  sla_breach:
    type: sla_breach
    promises: [{name: reply, kind: first_reply, target: 30, unit: minutes}]
"""
CONFIG = """
time: {{lateness: 5m, dedup_horizon: 2h, future_skew: 5m}}
feeds:
  crm: {{type: file, path: none.jsonl, format: jsonl}}
  erp: {{type: file, path: none.jsonl, format: jsonl}}
detectors:{detectors}
flow: {{shards: 4, columns: {mode}}}
"""


class Router(ProcessRouter):
    """The router of a process, that counts the events that come as columns."""

    as_columns = 0

    def add(self, events: Sequence[Event], source: PartitionKey) -> None:
        """Count, then put events aside."""
        if isinstance(events, EventColumns):
            self.as_columns += len(events) - len(events.by_rows)
        super().add(events, source)


class Side:
    """One of the two ways: prepare, and the window detectors behind it.

    Args:
        folder: new, or that of a side whose state is gone on from.
        detectors: of the settings. ``mode``: ``on``, ``off``.
        judged: windows are closed and scored: only for times that are not far apart.
    """

    def __init__(self, folder: Path, detectors: str, mode: str, *, judged: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        path = folder / "makegood.yaml"
        path.write_text(CONFIG.format(detectors=detectors, mode=mode))
        settings = load_settings(path).settings
        built: dict[str, Detector] = compose.build_detectors(settings)
        self.built, self.shards = built, settings.flow.shards
        self.tallies = Tallies()
        self.router = Router(built, settings.flow.shards)
        self.prepare: Prepare = compose.build_prepare(
            settings,
            router=self.router,
            enricher=compose.build_enricher(settings),
            tallies=self.tallies,
            pace=Pace(),
            dedup_folder=folder / "seen",
        )
        self.states: dict[str, WindowState] = {
            name: detector.state()
            for name, detector in built.items()
            if judged and isinstance(detector, WindowDetector)
        }

    def take(self, item: LaneItem) -> list[Any]:
        """Return what comes of an item, as plain data: what is routed, what is found, and what is logged."""
        with capture_logs() as logs:
            routed = self.prepare.take(item)
            told = [self._plain(each) for each in routed]
        return [*[each for each in told if each is not None], logs]

    def _plain(self, routed: Routed) -> Any:
        if isinstance(routed, DeadLetter):
            return msgspec.to_builtins(routed)
        if isinstance(routed, CaseBatch):
            quiet = [event for each in routed.quiet for event in each.rows.events(range(len(each.keys)))]
            events = [event for event in (*routed.events, *quiet) if not self._is_of_no_use(routed.detector, event)]
            # Quiet ones come beside the others, and who gets nothing else need not be told of those of no use.
            raw = sorted(encode_event(event) for event in events)
            return (routed.detector, routed.shard, raw, routed.progress) if raw else None
        if not isinstance(routed, PaneBatch):
            return repr(routed)
        panes = sorted(routed.panes)
        if not self.states:
            return routed.detector, panes, routed.progress
        outcome: Outcome = self.states[routed.detector].update(routed.panes, routed.progress)
        return routed.detector, panes, routed.progress, repr(outcome)

    def _is_of_no_use(self, name: str, event: Event) -> bool:
        """Say whether a case detector that knows nothing does nothing with an event."""
        detector = self.built[name]
        assert not isinstance(detector, WindowDetector)
        shard = detector.shard()
        return not shard.update([event], Progress(NEVER_US, NEVER_US)).findings and not shard.keys()

    def rest(self) -> list[Any]:
        """Return everything else that can be seen: counts, snapshots, the files of ids."""
        snapshot = self.prepare.snapshot()
        return [
            self.tallies.snapshot(),
            {
                feed: (quality.records, quality.share, quality.reasons())
                for feed, quality in self.tallies.quality.items()
            },
            self.tallies.schema_changes.states(),
            snapshot,
            {path.name: path.read_bytes() for path in sorted((self.folder / "seen").iterdir())},
            {name: state.snapshot() for name, state in self.states.items()},
            dict(self.prepare.partitions()),
        ]


class Pair:
    """Both ways. Arguments are those of :class:`Side`."""

    def __init__(self, folder: Path, detectors: str = PLAIN, *, judged: bool = False) -> None:
        self.rows = Side(folder / "rows", detectors, "off", judged=judged)
        self.columns = Side(folder / "columns", detectors, "on", judged=judged)

    def take(
        self, records: Sequence[bytes], *, now_us: int | None = None, feed: str = "crm", partition: str = "0"
    ) -> list[Any]:
        """Give both the same records; return what came of them, after comparing it."""
        results = []
        for side in (self.rows, self.columns):
            text = side is self.columns and not any(b"\n" in record for record in records)
            given = Lines(b"\n".join(records)) if text and records else list(records)
            batch = RawBatch(feed, partition, list(range(len(records))), given)
            item = LaneItem([batch] if records else [], {(feed, partition): Status.READING}, now_us)
            results.append(side.take(item))
        assert results[1] == results[0]
        return results[0]

    def finish(self) -> None:
        """Compare everything else."""
        assert self.columns.rest() == self.rows.rest()
