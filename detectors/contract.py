"""What every detector promises to the flow, and the flow to every detector.

A detector is a plain object: no engine, no clock, no I/O. The flow calls ``update`` with micro-batches and a
:class:`Progress`, and takes snapshots between calls. What a detector answers depends only on

* the *set* of events it was given, and
* which watermarks it was given between late events,

never on how events were cut into batches, nor on their order within the lateness, nor on other keys. Two rules follow:

* **An answer is stamped with event time and held back until the watermark has passed it.** Before that an event that is
  still allowed to arrive could change it.
* **Sums are exact**: integers, or ``math.fsum``.

The contract suite (``tests/detectors/test_contract.py``) runs over everything in :data:`DETECTORS`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import msgspec
from pydantic import Field

from config.base import ComponentSettings, SettingsModel
from config.components import Registry
from detectors.control import Control, Mode
from detectors.events import Event
from detectors.fingerprint import alert_change_id, fingerprint
from detectors.panes import PaneLayout, Panes

Severity = Literal["critical", "warning", "info"]
NEVER_US = -(2**62)
"""A watermark before all events: nothing is known yet."""


class Progress(NamedTuple):
    """How far time has come, in microseconds since 1970 UTC.

    Attributes:
        watermark_us: every event with ``time_us < watermark_us`` that is not late has been seen.
        clock_us: the processing clock. Live, the wall clock, held back while a source is unreachable (its silence is
            then
            not knowledge); in a replay the same as the watermark. Never below ``watermark_us``.
    """

    watermark_us: int
    clock_us: int


class AlertChange(msgspec.Struct, frozen=True, kw_only=True):
    """One step in the life of an alert: it fires, is confirmed, moves, is retracted or resolves.

    Attributes:
        change_id: derived from fingerprint, ``starts_at_us`` and ``step``: the same change computed again (after a
            crash, in
            a replay) has the same id, and the store applies it once.
        step: ``firing``, ``suspected``, ``confirmed``, ``updated:<n>``, ``resolved``, ``retracted``, ``moved``, ...
        at_us: event time of the change; changes are ordered by it.
        status: what the alert is after the change.
        labels: identify the alert (its fingerprint is over them); always with ``alertname``, ``detector``,
            ``severity``.
        annotations: what a person reads; always with ``summary`` and ``description``.
        starts_at_us, ends_at_us: of the alert's episode; ``ends_at_us`` is None while firing.
    """

    change_id: str
    step: str
    at_us: int
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at_us: int
    ends_at_us: int | None
    fingerprint: str


def alert_change(
    *,
    step: str,
    at_us: int,
    status: Literal["firing", "resolved"],
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    starts_at_us: int,
    ends_at_us: int | None = None,
) -> AlertChange:
    """Build an :class:`AlertChange` with its fingerprint and id. Empty labels are dropped, as in Prometheus."""
    kept = {name: value for name, value in sorted(labels.items()) if value}
    print_ = fingerprint(kept)
    return AlertChange(
        change_id=alert_change_id(print_, starts_at_us, step),
        step=step,
        at_us=at_us,
        status=status,
        labels=kept,
        annotations=dict(annotations),
        starts_at_us=starts_at_us,
        ends_at_us=ends_at_us,
        fingerprint=print_,
    )


class Evidence(msgspec.Struct, frozen=True, array_like=True):
    """What a window was scored by, so that one can ask later what would have made a difference.

    Attributes:
        vector: what was in the window; its places are the detector's own.
        expected: what the models expected, as msgpack.
        tails: what p-values were read off, as packed floats.
    """

    vector: list[int]
    expected: bytes
    tails: bytes


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One scored observation: what a window detector saw in one window of one group, whether or not it alerts.

    Attributes:
        detector: name of the detector's entry in the settings.
        group: the labels of the group.
        start_us, end_us: the window, half open.
        count: events in it.
        value, baseline: what was observed, and what was expected; None where there was too little to say.
        p_value: probability of a value at least this bad if nothing were wrong, in (0, 1]; None where not scored.
        verdict: ``fires``, ``quiet``, ``too_few``, ``warming_up``, ``cooling_down``, ...: why it did or did not alert.
        level: the window was unusual at or below this p-value, when it was judged.
        details: further figures, by name.
        ready: whether the baseline had warmed up.
        harmless: however unusual, nothing that a person must be told of: it was judged as a p-value of one.
        evidence: what a window was scored by; None where there is none.
        version: of the detector's settings that it was judged by; 0: as the settings file has them.
    """

    detector: str
    group: dict[str, str]
    start_us: int
    end_us: int
    count: int
    value: float | None
    baseline: float | None
    p_value: float | None
    verdict: str
    level: float = 0.0
    details: dict[str, float | str] = {}
    ready: bool = True
    harmless: bool = False
    evidence: Evidence | None = None
    version: int = 0


class ShadowDecision(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="shadow_decision"):
    """What settings in the shadow decided about a window in which their alert, or the live one, opened or ended.

    Attributes:
        detector: name of the detector's entry in the settings.
        version: of the settings in the shadow; ``live_version``: of those that were live.
        group: the labels of the group.
        start_us, end_us: the window, half open.
        p_value: None where the window was not scored.
        verdict, step, starts_at_us, level: as in :class:`Finding` and :class:`AlertChange`, of the shadow;
            ``starts_at_us`` is 0 without an episode.
        live_verdict, live_step, live_starts_at_us: the same of what is live.
    """

    detector: str
    version: int
    live_version: int
    group: dict[str, str]
    start_us: int
    end_us: int
    p_value: float | None
    verdict: str
    step: Literal["firing", "resolved"] | None
    starts_at_us: int
    level: float
    live_verdict: str
    live_step: Literal["firing", "resolved"] | None
    live_starts_at_us: int


class ControlTaken(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="control_taken"):
    """A detector goes by a control from a window on.

    Attributes:
        detector: name of the detector's entry in the settings.
        log, number: of the control.
        version, mode: what it is about.
        effective_us: since when it holds: as it was written, or, when it came late, the end of the last window that had
            been judged before.
        end_us: end of the first window for which it holds.
        late: it came when windows had been judged for which it should have held.
        problem: why it could not be gone by; empty when it could.
    """

    detector: str
    log: str
    number: int
    version: int
    mode: Mode
    effective_us: int
    end_us: int
    late: bool
    problem: str = ""


class Outcome(msgspec.Struct):
    """What one ``update`` answers. All lists are in order of event time.

    Attributes:
        changes: of alerts.
        findings: what window detectors saw.
        derived: what a case detector concluded: events for window detectors. Only of a :class:`Deriving` detector's
            deriving shards, each once, when the watermark has passed it.
        shadows: what settings in the shadow decided.
        taken: controls that windows went by for the first time.
    """

    changes: list[AlertChange]
    findings: list[Finding]
    derived: list[Event] = []
    shadows: list[ShadowDecision] = []
    taken: list[ControlTaken] = []


class Snapshotting(Protocol):
    """State that outlives a crash. Snapshots are versioned plain data in bytes, immutable once returned."""

    def snapshot(self) -> bytes:
        """Return the state. Cheap enough to be taken every few seconds."""
        ...

    def restore(self, state: bytes) -> None:
        """Take over a state that ``snapshot`` returned, in place of one's own.

        Raises:
            SnapshotVersionError: when this code cannot read that version.
        """
        ...


class Delta(msgspec.Struct, array_like=True):
    """What has changed in a shard since it was last asked.

    Attributes:
        head: what is not about any one key (time, counts); small.
        images: by key, the state of it, as versioned plain data.
        gone: keys that there is nothing to keep of any more.
    """

    head: bytes
    images: list[tuple[str, bytes]]
    gone: list[str]


class CaseShard(Snapshotting, Protocol):
    """State of a case detector for one shard of its keys.

    A shard may hold a million keys, of which a few change between two snapshots: :meth:`delta` is what a running flow
    asks for, and :meth:`snapshot` the whole.
    """

    def __len__(self) -> int:
        """Return how many keys it holds something about."""
        ...

    def keys(self) -> list[str]:
        """Return all keys, as :meth:`delta` names them."""
        ...

    def delta(self, also: Iterable[str] = ()) -> Delta:
        """Return what has changed since the last call (or since it was made or restored), and the keys in ``also``."""
        ...

    def rebuild(self, head: bytes, images: Iterable[bytes]) -> None:
        """Take over the newest head, and the newest image of each key, out of all deltas.

        Raises:
            SnapshotVersionError: when this code cannot read them.
        """
        ...

    def update(self, events: Sequence[Event], progress: Progress) -> Outcome:
        """Take events of this shard's keys (any order, no repeats of ``source``+``id``+``rev``), then let time pass."""
        ...


class CaseDetector(Protocol):
    """A life per case, order or customer. Immutable; shards hold the state.

    Attributes:
        event_types: the CloudEvents types it wants to see.
    """

    name: str
    event_types: frozenset[str]

    def key(self, event: Event) -> str | None:
        """Return what the event is about (case id, order id), or None when the detector has no use for it."""
        ...

    def shard(self) -> CaseShard:
        """Return a new shard without state."""
        ...


@runtime_checkable
class Deriving(Protocol):
    """A case detector whose conclusions window detectors may listen to.

    A window detector listens when its ``event_types`` are among ``derived_types``. Then, and only then, the flow asks
    for deriving shards: who is not listened to must not pay for it. A state of either kind of shard can be taken over
    by the other.

    Attributes:
        derived_types: the types of the events in ``Outcome.derived`` (``detectors.events.DERIVED_CLASSES``).
    """

    derived_types: frozenset[str]

    def deriving_shard(self) -> CaseShard:
        """Return a new shard without state that also tells what it concludes."""
        ...


class WindowState(Snapshotting, Protocol):
    """State of a window detector: panes, known groups, models, open episodes. One per detector."""

    def update(self, panes: Panes, progress: Progress) -> Outcome:
        """Merge panes, close the windows that the watermark has passed, score and decide them."""
        ...

    def control(self, controls: Sequence[Control]) -> None:
        """Take controls of this detector, in the order of their log; those that were taken before have no effect.

        Each is gone by from the first window on that ends after it takes effect.
        """
        ...


@runtime_checkable
class Inheriting(Protocol):
    """A window state that knows what still holds of one that was made by other settings."""

    def inherit(self, state: bytes) -> None:
        """Take over what still holds of a state that ``restore`` refused; to be called on a new object."""
        ...


class Combiner(Protocol):
    """Reduces events to partial aggregates per group and pane, compact and exact, before they are sent anywhere.

    However events are spread over calls and over combiners, what they give merges to the same aggregates.
    """

    def add(self, events: Sequence[Event]) -> None:
        """Add events, of any of the detector's types."""
        ...

    def take(self) -> Panes:
        """Return the aggregates of what was added since the last call: empty when nothing concerned the detector."""
        ...


@runtime_checkable
class WindowDetector(Protocol):
    """Windows over groups of events. Immutable; its state object merges, closes, scores and decides.

    Attributes:
        event_types: the CloudEvents types it wants to see: of feeds, or of conclusions, not both.
        layout: of the panes between its combiners and its state.
    """

    name: str
    event_types: frozenset[str]
    layout: PaneLayout

    def combiner(self) -> "Combiner":
        """Return a new combiner, empty."""
        ...

    def state(self) -> WindowState:
        """Return a new state object."""
        ...


Detector = CaseDetector | WindowDetector


class SnapshotVersionError(Exception):
    """A snapshot was written by a version of the code that this one cannot read."""


class DetectorSettings(ComponentSettings):
    """What every detector's settings have. The key of the entry in ``detectors:`` is the detector's name.

    Attributes:
        labels, annotations: added to every alert (labels of the detector itself win).
    """

    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Context(SettingsModel):
    """What detectors may refer to besides their own settings: shared parts of the settings file."""

    calendars: Mapping[str, Any] = {}


DetectorFactory = Callable[[str, Any, Context], Detector]
"""``factory(name, settings, context) -> Detector``. Raises ValueError, naming the field, for contradictions."""

DETECTORS: Registry[DetectorFactory] = Registry("detector")
"""Every detector, filled when ``detectors.catalogue`` imports the files beside it."""
