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
from pipeline.engine.logic import PrepareLogic, by_target, detect_builder, is_dead_letter
from pipeline.engine.source import Drain, LaneSource
from pipeline.lane import Lane
from pipeline.letters import DeadLetter
from pipeline.prepare import Prepare

Flow = Dataflow
AlertSink = Sink[tuple[str, AlertChange]]
FindingSink = Sink[tuple[str, Finding]]
DeadLetterSink = Sink[tuple[str, DeadLetter]]


def build_flow(
    *,
    build_lane: Callable[[], Lane],
    drain: Drain,
    prepare: Prepare,
    detectors: Mapping[str, Detector],
    cases_folder: Path,
    alert_sink: AlertSink,
    dead_letter_sink: DeadLetterSink,
    finding_sink: FindingSink | None = None,
) -> Flow:
    """Return the dataflow of one process. Nothing is opened or read until the engine runs it.

    ``cases_folder`` is where the case detectors keep the logs of their state, beside the engine's snapshots.
    """
    flow = Dataflow("makegood")
    raw = op.input("feeds", flow, LaneSource(build_lane, drain))
    prepared = op.stateful_batch("prepare", raw, lambda state: PrepareLogic(prepare, state))
    routed = op.flat_map_batch("route", prepared, by_target)
    sides = op.branch("bad", routed, is_dead_letter)
    outcomes = op.stateful_batch("detect", sides.falses, detect_builder(detectors, cases_folder))
    op.output("store", op.flat_map_batch("changes", outcomes, _changes), alert_sink)
    op.output("dead_letters", sides.trues, dead_letter_sink)
    if finding_sink is not None:
        op.output("findings", op.flat_map_batch("findings_of", outcomes, _findings), finding_sink)
    return flow


def _changes(outcomes: Sequence[tuple[str, Outcome]]) -> list[tuple[str, AlertChange]]:
    return [(change.fingerprint, change) for _, outcome in outcomes for change in outcome.changes]


def _findings(outcomes: Sequence[tuple[str, Outcome]]) -> list[tuple[str, Finding]]:
    return [(finding.detector, finding) for _, outcome in outcomes for finding in outcome.findings]
