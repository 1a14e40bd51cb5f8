"""Spans of what the flow did for a change of an alert: taken in, decided, stored.

Nothing is done for single events. What is remembered of the feeds is a few numbers for each look at them; the rest is
done when a detector changes an alert.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from bytewax.operators import StatefulBatchLogic

from alerts.model import rfc3339
from alerts.traces.model import Span, Value
from alerts.traces.tracing import Tracing
from config.settings import Settings
from detectors.contract import AlertChange, Finding, Outcome
from pipeline.engine.logic import PrepareBuilder
from pipeline.lane import LaneItem, PartitionKey
from pipeline.routing import Routed
from pipeline.traces.intake import Intake, Look

_MOST_INTAKES = 8
"""Partitions in a trace: those that came last to the time of the decision."""
_STEPS = 256
"""Parts of the lateness in which it is remembered when partitions came to a time."""


class FlowTraces:
    """Makes spans of what a flow process has done.

    Args:
        tracing: takes them.
        settings: of the flow.
        newest_us: the largest event time in each partition so far.
        clock_us: the wall clock.
    """

    def __init__(
        self,
        tracing: Tracing,
        settings: Settings,
        newest_us: Mapping[PartitionKey, int],
        clock_us: Callable[[], int],
    ) -> None:
        self._tracing = tracing
        self._ids = tracing.ids
        self._clock_us = clock_us
        self._systems = {name: feed.type for name, feed in settings.feeds.items()}
        self._intake = Intake(newest_us, max(1, settings.time.lateness // _STEPS))

    def watched(self, build: PrepareBuilder) -> PrepareBuilder:
        """Return the builder of a prepare step that is looked at."""
        return lambda state: _Watched(build(state), self._intake, self._clock_us)

    def decided(self, outcomes: Sequence[tuple[str, Outcome]]) -> None:
        """Tell of changes that came out of detectors."""
        now_us = 0
        for key, outcome in outcomes:
            rule = key.partition("#")[0]  # a detector, or one of its shards
            for change in outcome.changes:
                now_us = now_us or self._clock_us()
                window = _window_of(change, outcome.findings)
                self._tracing.tell(change.change_id, partial(self._decision, change, rule, window, now_us))

    def storing(self, write: Callable[[Sequence[AlertChange]], object]) -> Callable[[Sequence[AlertChange]], None]:
        """Return what stores changes, and tells how long that took."""

        def stored(changes: Sequence[AlertChange]) -> None:
            began_us = self._clock_us()
            write(changes)
            ended_us = self._clock_us()
            for change in changes:
                self._tracing.tell(change.change_id, partial(self._store, change, began_us, ended_us))

        return stored

    def _decision(self, change: AlertChange, rule: str, window: Finding | None, now_us: int) -> Iterator[Span]:
        root = self._ids.root(change.change_id)
        intakes = self._intake.at(change.at_us, _MOST_INTAKES)
        for one in intakes:
            yield self._taken_in(change, root.span, one)
        about: dict[str, Value] = {
            "makegood.detector": change.labels.get("detector", ""),
            "makegood.rule": rule,
            "makegood.event_time": rfc3339(change.at_us),
            "makegood.alert.step": change.step,
        }
        if window is not None:
            about |= {
                "makegood.window.start": rfc3339(window.start_us),
                "makegood.window.end": rfc3339(window.end_us),
                "makegood.window.events": window.count,
                "makegood.window.verdict": window.verdict,
            }
        yield Span(
            name=f"decide {rule}",
            place=self._ids.below(change.change_id, "decide"),
            parent=root.span,
            start_us=min(
                now_us, max((one.read_us for one in intakes if one.newest_us >= change.at_us), default=change.at_us)
            ),
            end_us=now_us,
            about=about,
        )

    def _taken_in(self, change: AlertChange, parent: int, one: Look) -> Span:
        kafka = self._systems.get(one.feed) == "kafka"
        topic, _, number = one.partition.rpartition("/") if kafka else (one.feed, "", one.partition)
        about: dict[str, Value] = {
            "messaging.operation.name": "receive",
            "messaging.operation.type": "receive",
            "messaging.system": "kafka" if kafka else "makegood",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": number,
            "messaging.batch.message_count": one.records,
            "makegood.feed": one.feed,
            "makegood.offset.first": one.first_offset,
            "makegood.offset.last": one.last_offset,
            "makegood.newest_event_time": rfc3339(one.newest_us),
        }
        if kafka:
            about["messaging.kafka.offset"] = one.last_offset
        return Span(
            name=f"receive {one.feed}",
            place=self._ids.below(change.change_id, "receive", one.feed, one.partition),
            parent=parent,
            start_us=min(change.at_us, one.newest_us, one.read_us),
            end_us=one.read_us,
            kind="consumer",
            about=about,
        )

    def _store(self, change: AlertChange, began_us: int, ended_us: int) -> Iterator[Span]:
        yield Span(
            name="store",
            place=self._ids.below(change.change_id, "store"),
            parent=self._ids.root(change.change_id).span,
            start_us=began_us,
            end_us=ended_us,
            kind="client",
            about={"db.system.name": "redis", "db.operation.name": "apply"},
        )


class _Watched(StatefulBatchLogic[LaneItem, Routed, Any]):
    """A prepare step, and a note of how far each partition has come."""

    def __init__(
        self, inner: StatefulBatchLogic[LaneItem, Routed, Any], intake: Intake, clock_us: Callable[[], int]
    ) -> None:
        self._inner = inner
        self._intake = intake
        self._clock_us = clock_us

    def on_batch(self, values: list[LaneItem]) -> Any:
        """Prepare, and tell."""
        batches = [batch for item in values for batch in item.batches]
        self._intake.takes(batches)
        out = self._inner.on_batch(values)
        if batches:
            self._intake.took(batches, self._clock_us())
        return out

    def snapshot(self) -> Any:
        """Return the state of the step."""
        return self._inner.snapshot()


def _window_of(change: AlertChange, findings: Sequence[Finding]) -> Finding | None:
    """Return the window whose judgement changed an alert; None for one of a case detector."""
    labels = change.labels
    for finding in findings:
        if finding.end_us == change.at_us and all(
            labels.get(name, "") == value for name, value in finding.group.items()
        ):
            return finding
    return None
