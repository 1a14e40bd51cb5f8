"""The dataflow, as the picture in the design shows it.

    feeds ─raw batches─► prepare ─► detect ─► alert changes ──► store
                            │bad
                            └──► dead letters (with the reason)

Steps are few and items are micro-batches, because the engine costs per item. Renaming a step, or changing the number of
shards, forgets its state: step names are part of the recovery data.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.outputs import Sink

from detectors.contract import AlertChange, Detector, Finding, Outcome
from pipeline.engine.logic import (
    PrepareBuilder,
    by_target,
    detect_builder,
    is_dead_letter,
    is_pane_report,
    unless_stopped,
)
from pipeline.engine.source import Drain, LaneSource, ReadingRules
from pipeline.lane import Lane
from pipeline.letters import DeadLetter
from pipeline.routing import PaneReport

Flow = Dataflow
AlertSink = Sink[tuple[str, AlertChange]]
FindingSink = Sink[tuple[str, Finding]]
PaneSink = Sink[tuple[str, PaneReport]]
DeadLetterSink = Sink[tuple[str, DeadLetter]]


def build_flow(
    *,
    build_lane: Callable[[], Lane],
    drain: Drain,
    prepare: PrepareBuilder,
    detectors: Mapping[str, Detector],
    cases_folder: Path,
    alert_sink: AlertSink,
    dead_letter_sink: DeadLetterSink,
    finding_sink: FindingSink | None = None,
    pane_sink: PaneSink | None = None,
    edges: ReadingRules | None = None,
) -> Flow:
    """Return the dataflow of one process. Nothing is opened or read until the engine runs it.

    Args:
        build_lane: makes the lane.
        drain: how to ask for a graceful stop.
        prepare: builds the prepare step, of one lane or of tasks.
        detectors: by name.
        cases_folder: where the case detectors keep the logs of their state, beside the engine's snapshots.
        alert_sink: takes the alert changes.
        dead_letter_sink: takes what could not become events.
        finding_sink: takes every scored window.
        pane_sink: takes what partitions have for the window detectors of whatever process; without it panes stay here.
        edges: when nothing must be read, and when the engine must end though nobody asked; None: never.
    """
    flow = Dataflow("makegood")
    raw = op.input("feeds", flow, LaneSource(build_lane, drain, edges))
    prepared = op.stateful_batch("prepare", raw, unless_stopped(prepare, drain.check_while_starting))
    routed = op.flat_map_batch("route", prepared, by_target)
    sides = op.branch("bad", routed, is_dead_letter)
    ours = sides.falses
    if pane_sink is not None:
        told = op.branch("told", ours, is_pane_report)
        op.output("panes", told.trues, pane_sink)
        ours = told.falses
    outcomes = op.stateful_batch("detect", ours, detect_builder(detectors, cases_folder, drain.check_while_starting))
    op.output("store", op.flat_map_batch("changes", outcomes, _changes), alert_sink)
    op.output("dead_letters", sides.trues, dead_letter_sink)
    if finding_sink is not None:
        op.output("findings", op.flat_map_batch("findings_of", outcomes, _findings), finding_sink)
    return flow


def _changes(outcomes: Sequence[tuple[str, Outcome]]) -> list[tuple[str, AlertChange]]:
    return [(change.fingerprint, change) for _, outcome in outcomes for change in outcome.changes]


def _findings(outcomes: Sequence[tuple[str, Outcome]]) -> list[tuple[str, Finding]]:
    return [(finding.detector, finding) for _, outcome in outcomes for finding in outcome.findings]
