"""The dataflow, as the picture in the design shows it.

    feeds ─raw batches─► prepare ─► detect ─► alert changes ──► store
                            │bad       │
                            │          └──conclusions─► rates ─► alert changes ──► store
                            └──► dead letters (with the reason)

What people change in a running flow comes in between the feeds' batches, and goes past prepare to the detectors.
``rates`` is there only where a window detector listens to what case detectors conclude.
Steps are few and items are micro-batches, because the engine costs per item. Renaming a step, or changing the number of
shards, forgets its state: step names are part of the recovery data.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.outputs import Sink

from detectors.contract import AlertChange, ControlTaken, Detector, Finding, Outcome, ShadowDecision
from pipeline.control.steering import Steering, is_control
from pipeline.engine.logic import (
    Concluded,
    PrepareBuilder,
    by_target,
    detect_builder,
    is_dead_letter,
    is_pane_report,
    unless_stopped,
)
from pipeline.engine.rates import by_listener, rates_builder
from pipeline.engine.source import Drain, LaneSource, ReadingRules
from pipeline.lane import Lane
from pipeline.letters import DeadLetter
from pipeline.listening import Listening
from pipeline.routing import PaneReport

Flow = Dataflow
AlertSink = Sink[tuple[str, AlertChange]]
FindingSink = Sink[tuple[str, Finding]]
Note = ShadowDecision | ControlTaken
NoteSink = Sink[tuple[str, Note]]
Decided = Callable[[Sequence[tuple[str, Outcome]]], None]
PaneSink = Sink[tuple[str, PaneReport]]
DeadLetterSink = Sink[tuple[str, DeadLetter]]


def build_flow(
    *,
    build_lane: Callable[[], Lane],
    drain: Drain,
    prepare: PrepareBuilder,
    detectors: Mapping[str, Detector],
    shards: int,
    cases_folder: Path,
    alert_sink: AlertSink,
    dead_letter_sink: DeadLetterSink,
    finding_sink: FindingSink | None = None,
    pane_sink: PaneSink | None = None,
    note_sink: NoteSink | None = None,
    edges: ReadingRules | None = None,
    steering: Steering | None = None,
    on_concluded: Concluded | None = None,
    on_decided: Decided | None = None,
    models_folder: Path | None = None,
) -> Flow:
    """Return the dataflow of one process. Nothing is opened or read until the engine runs it.

    Args:
        build_lane: makes the lane.
        drain: how to ask for a graceful stop.
        prepare: builds the prepare step, of one lane or of tasks.
        detectors: by name.
        shards: how many shards the keys of each case detector are spread over, in all processes together.
        cases_folder: where the case detectors keep the logs of their state, beside the engine's snapshots.
        alert_sink: takes the alert changes.
        dead_letter_sink: takes what could not become events.
        finding_sink: takes every scored window.
        pane_sink: takes what partitions have for the window detectors of whatever process; without it panes stay here.
        note_sink: takes what candidates in the shadow decide, and which controls windows go by.
        edges: when nothing must be read, and when the engine must end though nobody asked; None: never.
        steering: what people have changed; None: nothing, now and later.
        on_concluded: is given what case detectors conclude, where a window detector listens.
        on_decided: is given what detectors answered, before its changes are stored.
        models_folder: where window detectors with many groups keep their models; None: in the engine's snapshots.
    """
    flow = Dataflow("makegood")
    raw = op.input("feeds", flow, LaneSource(build_lane, drain, edges))
    controls: Any = None
    if steering is not None and steering.more:
        steered = op.branch("steered", raw, is_control)
        controls, raw = op.flat_map_batch("by_detector", steered.trues, steering.by_detector), steered.falses
    prepared = op.stateful_batch("prepare", raw, unless_stopped(prepare, drain.check_while_starting))
    routed = op.flat_map_batch("route", prepared, by_target)
    sides = op.branch("bad", routed, is_dead_letter)
    ours = sides.falses
    reports = None
    if pane_sink is not None:
        told = op.branch("told", ours, is_pane_report)
        reports, ours = told.trues, told.falses
    listening = Listening(detectors, shards)
    check = drain.check_while_starting
    for_rates: Any = None
    if controls is not None:
        if listening.sources and reports is None:
            whose = op.branch("steered_listeners", controls, lambda item: item[0] in listening.sources)
            for_rates, controls = whose.trues, whose.falses
        ours = op.merge("with_controls", ours, controls)
    detect = detect_builder(detectors, cases_folder, check, listening, steering, on_concluded, models_folder)
    outcomes: Any = op.stateful_batch("detect", ours, detect)
    if listening.sources:
        both = op.branch("concluded", outcomes, is_pane_report)
        concluded, outcomes = op.flat_map_batch("by_listener", both.trues, by_listener), both.falses
        if reports is not None:
            reports = op.merge("all_panes", reports, concluded)
        else:
            heard: Any = concluded if for_rates is None else op.merge("heard", concluded, for_rates)
            rated = op.stateful_batch("rates", heard, rates_builder(detectors, listening, check, steering))
            outcomes = op.merge("judged", outcomes, rated)
    if reports is not None and pane_sink is not None:
        op.output("panes", reports, pane_sink)
    op.output("store", op.flat_map_batch("changes", outcomes, _changes_told(on_decided)), alert_sink)
    op.output("dead_letters", sides.trues, dead_letter_sink)
    if finding_sink is not None:
        op.output("findings", op.flat_map_batch("findings_of", outcomes, _findings), finding_sink)
    if note_sink is not None:
        op.output("notes", op.flat_map_batch("notes_of", outcomes, _notes), note_sink)
    return flow


def _changes_told(
    on_decided: Decided | None,
) -> Callable[[Sequence[tuple[str, Outcome]]], list[tuple[str, AlertChange]]]:
    if on_decided is None:
        return _changes

    def told(outcomes: Sequence[tuple[str, Outcome]]) -> list[tuple[str, AlertChange]]:
        on_decided(outcomes)
        return _changes(outcomes)

    return told


def _changes(outcomes: Sequence[tuple[str, Outcome]]) -> list[tuple[str, AlertChange]]:
    return [(change.fingerprint, change) for _, outcome in outcomes for change in outcome.changes]


def _findings(outcomes: Sequence[tuple[str, Outcome]]) -> list[tuple[str, Finding]]:
    return [(finding.detector, finding) for _, outcome in outcomes for finding in outcome.findings]


def _notes(outcomes: Sequence[tuple[str, Outcome]]) -> list[tuple[str, Note]]:
    notes: list[tuple[str, Note]] = []
    for _, outcome in outcomes:
        notes += [(taken.detector, taken) for taken in outcome.taken]
        notes += [(decided.detector, decided) for decided in outcome.shadows]
    return notes
