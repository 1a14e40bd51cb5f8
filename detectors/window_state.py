"""State of a window detector: assembles windows, scores them against what is normal, decides, and only then learns.

The parts that differ between window detectors are in a :class:`Scorer`; everything about time, order, recovery and
alerts is here. The order is fixed, so that sums of floats in the models come out the same in every run: windows by
(end, group); all windows of one end are scored before any of them is learned; and a window is learned only when it no
longer overlaps the one that is scored, because a baseline that has seen half of a failure already calls it half
normal.
"""

from collections import deque
from collections.abc import Mapping
from itertools import groupby
from typing import Protocol

import msgspec

from detectors.assembler import ClosedWindow, WindowAssembler
from detectors.contract import Finding, Outcome, Progress, SnapshotVersionError, alert_change
from detectors.decide import Decider, GroupEpisode, Judgement
from detectors.panes import Group, Panes

_FORMAT = 1
FIRING_WEIGHT = 0.1
"""How much a window counts for the baseline while its group's alert is open."""


class Score(msgspec.Struct, frozen=True):
    """What a scorer says of one window.

    Attributes:
        p_value: None when there is too little in the window to say.
        value: what was observed; None when there is too little.
        baseline: what was expected.
        ready: whether the group's baseline has warmed up.
        details: further figures for the finding and for :meth:`Scorer.annotations`.
        expected: what the models expected, as msgpack; given back to :meth:`Scorer.learn`.
    """

    p_value: float | None
    value: float | None
    baseline: float | None
    ready: bool
    details: dict[str, float | str] = {}
    expected: bytes = b""


class Scorer(Protocol):
    """The models of one detector, for all its groups."""

    def score(self, window: ClosedWindow) -> Score:
        """Return how unusual the window is. Changes nothing."""
        ...

    def learn(self, window: ClosedWindow, expected: bytes, weight: float) -> None:
        """Learn a window with at least one event.

        Args:
            window: what was observed.
            expected: from the window's :class:`Score`.
            weight: how many windows' worth it is.
        """
        ...

    def forget(self, group: Group) -> None:
        """Drop what was learned of a group that is gone."""
        ...

    def annotations(self, window: ClosedWindow, score: Score, judgement: Judgement) -> dict[str, str]:
        """Return ``summary`` and ``description`` of a change."""
        ...

    def state(self) -> bytes:
        """Return the models as msgpack."""
        ...

    def restore(self, state: bytes) -> None:
        """Take over what :meth:`state` returned."""
        ...


class AlertTemplate(msgspec.Struct, frozen=True):
    """What all alerts of one detector share.

    Attributes:
        name: of the detector's entry in the settings, for findings.
        group_by: names of the group's labels.
        labels: of every alert, besides those of its group.
        annotations: of every alert, besides ``summary`` and ``description``.
    """

    name: str
    group_by: tuple[str, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class _State(msgspec.Struct, array_like=True, frozen=True):
    version: int
    assembler: bytes
    scorer: bytes
    episodes: list[tuple[Group, GroupEpisode]]
    pending: list[tuple[ClosedWindow, bytes, float]]
    last_end_us: int
    groups: list[Group]


_DECODER = msgspec.msgpack.Decoder(_State)


class ScoredWindows:
    """A :class:`detectors.contract.WindowState` out of an assembler, a scorer and a decider."""

    def __init__(self, assembler: WindowAssembler, scorer: Scorer, decider: Decider, template: AlertTemplate) -> None:
        self.assembler = assembler
        self.scorer = scorer
        self.decider = decider
        self.template = template
        self._weight = assembler.spec.hop_us / assembler.spec.size_us
        self._pending: deque[tuple[ClosedWindow, bytes, float]] = deque()
        self._last_end_us = 0
        self._groups: set[Group] = set()

    def update(self, panes: Panes, progress: Progress) -> Outcome:
        """Merge panes, then close, score and decide every window that ends at or before the watermark."""
        self.assembler.merge(panes)
        outcome = Outcome([], [])
        closed = self.assembler.advance(progress.watermark_us)
        for end_us, windows in groupby(closed, key=lambda window: window.end_us):
            self._take(end_us, list(windows), outcome)
        return outcome

    def _take(self, end_us: int, windows: list[ClosedWindow], outcome: Outcome) -> None:
        self._forget_the_gone(end_us, {window.group for window in windows})
        start_us = end_us - self.assembler.spec.size_us
        while self._pending and self._pending[0][0].end_us <= start_us:
            self.scorer.learn(*self._pending.popleft())
        for window in windows:
            score = self.scorer.score(window)
            judgement = self.decider.judge(window.group, end_us, score.p_value, ready=score.ready)
            self._report(window, score, judgement, outcome)
            if window.vector[0] > 0:
                calm = not self.decider.is_firing(window.group)
                self._pending.append((window, score.expected, self._weight * (1.0 if calm else FIRING_WEIGHT)))

    def _forget_the_gone(self, end_us: int, groups: set[Group]) -> None:
        # A group always has the window next to its last one, unless the assembler has forgotten it in between.
        contiguous = end_us == self._last_end_us + self.assembler.spec.hop_us
        for group in sorted(self._groups - groups if contiguous else self._groups):
            self.scorer.forget(group)
            self.decider.forget(group)
        self._groups = groups
        self._last_end_us = end_us

    def _report(self, window: ClosedWindow, score: Score, judgement: Judgement, outcome: Outcome) -> None:
        template = self.template
        labels = dict(zip(template.group_by, window.group, strict=True))
        outcome.findings.append(
            Finding(
                detector=template.name,
                group=labels,
                start_us=window.start_us,
                end_us=window.end_us,
                count=window.vector[0],
                value=score.value,
                baseline=score.baseline,
                p_value=score.p_value,
                verdict=judgement.verdict,
                details=score.details,
            )
        )
        if judgement.step is not None:
            outcome.changes.append(
                alert_change(
                    step=judgement.step,
                    at_us=window.end_us,
                    status=judgement.step,
                    labels={**labels, **template.labels},
                    annotations={**template.annotations, **self.scorer.annotations(window, score, judgement)},
                    starts_at_us=judgement.starts_at_us,
                    ends_at_us=window.end_us if judgement.step == "resolved" else None,
                )
            )

    def snapshot(self) -> bytes:
        """Return the state: versioned msgpack."""
        return msgspec.msgpack.encode(
            _State(
                _FORMAT,
                self.assembler.snapshot(),
                self.scorer.state(),
                self.decider.state(),
                list(self._pending),
                self._last_end_us,
                sorted(self._groups),
            )
        )

    def restore(self, state: bytes) -> None:
        """Take over a state that :meth:`snapshot` returned.

        Raises:
            SnapshotVersionError: when it is of another format.
        """
        try:
            decoded = _DECODER.decode(state)
        except msgspec.DecodeError as error:
            msg = f"the snapshot of detector {self.template.name!r} cannot be read: {error}"
            raise SnapshotVersionError(msg) from error
        if decoded.version != _FORMAT:
            msg = f"the snapshot of detector {self.template.name!r} has format {decoded.version}, expected {_FORMAT}"
            raise SnapshotVersionError(msg)
        self.assembler.restore(decoded.assembler)
        self.scorer.restore(decoded.scorer)
        self.decider.restore(decoded.episodes)
        self._pending = deque(decoded.pending)
        self._last_end_us = decoded.last_end_us
        self._groups = set(decoded.groups)
