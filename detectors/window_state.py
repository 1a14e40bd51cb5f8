"""State of a window detector: assembles windows, scores them against what is normal, decides, and only then learns.

The parts that differ between window detectors are in a :class:`Scorer`; everything about time, order, recovery and
alerts is here. The order is fixed, so that sums of floats in the models come out the same in every run: windows by
(end, group); all windows of one end are scored before any of them is learned; and a window is learned only when it no
longer overlaps the one that is scored, because a baseline that has seen half of a failure already calls it half
normal.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Protocol

import msgspec

from detectors.assembler import ClosedWindow, WindowAssembler
from detectors.contract import AlertChange, Evidence, Finding, Outcome, Progress, SnapshotVersionError, alert_change
from detectors.control import Control
from detectors.decide import Decider, Judgement
from detectors.panes import Group, Panes
from detectors.versions import Versions
from detectors.window_image import (
    FORMAT,
    MadeFor,
    WindowsImage,
    WindowsImageOf010,
    decode_010,
    decode_image,
    ended,
    image_of_others,
)
from detectors.wording import Wording

_WEEK_US = 7 * 86_400_000_000
FIRING_WEIGHT = 0.1
"""How much a window counts for the baseline while its group's alert is open."""
OTHER_LABELS = "its labels are others now: the settings changed"
OTHER_WINDOWS = "its groups or windows are others now: the settings changed"
NEW_NORMAL_KEEPS = 0.02
"""What the old level counts for when an alert has been open for so long that what it tells of is normal."""


class Score(msgspec.Struct, frozen=True):
    """What a scorer says of one window.

    Attributes:
        p_value: None when there is too little in the window to say.
        value: what was observed; None when there is too little.
        baseline: what was expected.
        ready: whether the group's baseline has warmed up.
        details: further figures for the finding and for the wording.
        harmless: however unusual, it is nothing that a person must be told of.
        expected: what the models expected, as msgpack; given back to :meth:`Scorer.learn`.
        tails: what p-values were read off, as packed floats.
    """

    p_value: float | None
    value: float | None
    baseline: float | None
    ready: bool
    details: dict[str, float | str] = {}
    expected: bytes = b""
    harmless: bool = False
    tails: bytes = b""


class Scorer(Protocol):
    """The models of one detector, for all its groups."""

    def begin(self, windows: Sequence[ClosedWindow]) -> None:
        """Look at all windows of one end, before they are scored one by one."""
        ...

    def score(self, window: ClosedWindow) -> Score:
        """Return how unusual the window is. Changes nothing."""
        ...

    def learn(self, window: ClosedWindow, expected: bytes, weight: float, *, pooled: bool) -> None:
        """Learn a window.

        Args:
            window: what was observed.
            expected: from the window's :class:`Score`.
            weight: how many windows' worth it is.
            pooled: whether it says anything of windows in which nothing is wrong.
        """
        ...

    def unsettle(self, group: Group, keep: float) -> None:
        """Take the levels of a group for ``keep`` (0 to 1) of what they were known for: they have moved for good."""
        ...

    def forget(self, group: Group) -> None:
        """Drop what was learned of a group that is gone."""
        ...

    def state(self) -> bytes:
        """Return the models as msgpack."""
        ...

    def restore(self, state: bytes) -> None:
        """Take over what :meth:`state` returned."""
        ...

    def pieces(self) -> Iterator[bytes]:
        """Yield the models piece by piece."""
        ...

    def restore_pieces(self, pieces: Iterable[bytes]) -> None:
        """Take over what :meth:`pieces` yielded."""
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


class ScoredWindows:
    """A :class:`detectors.contract.WindowState` out of an assembler, a scorer and a decider.

    Attributes:
        taken: how many times windows were closed and learned by this object: the models change with it, and only then.
    """

    def __init__(
        self,
        assembler: WindowAssembler,
        scorer: Scorer,
        decider: Decider,
        template: AlertTemplate,
        wording: Wording,
        *,
        new_normal_us: int,
        learns_empty: bool = False,
    ) -> None:
        self.assembler = assembler
        self.scorer = scorer
        self.decider = decider
        self.template = template
        self.wording = wording
        self.new_normal_us = new_normal_us
        self.learns_empty = learns_empty
        self._weight = assembler.spec.hop_us / assembler.spec.size_us
        self._pending: deque[tuple[ClosedWindow, bytes, float, bool]] = deque()
        self._last_end_us = 0
        self._groups: set[Group] = set()
        self.taken = 0
        self._owed: list[AlertChange] = []
        spec = assembler.spec
        self._made_for = MadeFor(template.group_by, spec.size_us, spec.hop_us, assembler.width)
        self._versions = Versions(template.name, decider, spec.hop_us)

    def control(self, controls: Sequence[Control]) -> None:
        """Take controls of this detector, in the order of their log; those that were taken before have no effect."""
        self._versions.take(controls, self._last_end_us)

    def false_alarms_a_week(self) -> tuple[float, float] | None:
        """Return how many alerts open by chance, and of how many openings that is estimated; None before any window."""
        if not self._last_end_us:
            return None
        return self.decider.expected_false_alarms(self._last_end_us, _WEEK_US), self.decider.counted()

    def update(self, panes: Panes, progress: Progress) -> Outcome:
        """Merge panes, then close, score and decide every window that ends at or before the watermark."""
        self.assembler.merge(panes)
        outcome, self._owed = Outcome(self._owed, []), []
        closed = self.assembler.advance(progress.watermark_us)
        for end_us, windows in groupby(closed, key=lambda window: window.end_us):
            self._take(end_us, list(windows), outcome)
        return outcome

    def _take(self, end_us: int, windows: list[ClosedWindow], outcome: Outcome) -> None:
        self.taken += 1
        self._versions.begin(end_us, outcome)
        self._forget_the_gone(end_us, {window.group for window in windows})
        start_us = end_us - self.assembler.spec.size_us
        while self._pending and self._pending[0][0].end_us <= start_us:
            learned, expected, weight, pooled = self._pending.popleft()
            self.scorer.learn(learned, expected, weight, pooled=pooled)
        self.scorer.begin(windows)
        for window in windows:
            score = self.scorer.score(window)
            judged = 1.0 if score.harmless and score.p_value is not None else score.p_value
            judgement = self.decider.judge(window.group, end_us, judged, ready=score.ready)
            if self._becomes_normal(judgement, end_us):
                self.scorer.unsettle(window.group, NEW_NORMAL_KEEPS)
            labels = self._report(window, score, judgement, outcome)
            if self._versions.shadows:
                self._versions.judge(window, labels, judged, judgement, outcome, ready=score.ready)
            if self.learns_empty or window.vector[0] > 0:
                weight, pooled = self._worth(judgement, end_us)
                # What comes while a rhythm is still learned says nothing of how well a learned one does.
                self._pending.append((window, score.expected, weight, pooled and score.ready))

    def _becomes_normal(self, judgement: Judgement, end_us: int) -> bool:
        """Return whether an alert has now been open for so long that what it tells of is normal."""
        if judgement.verdict != "still_firing":
            return False
        open_us = end_us - judgement.starts_at_us
        return open_us - self.assembler.spec.hop_us < self.new_normal_us <= open_us

    def _worth(self, judgement: Judgement, end_us: int) -> tuple[float, bool]:
        """Return how many windows' worth a window is to be learned as, and whether as one of the calm ones.

        The first window of an alert stands for all of it among the calm ones: to leave it out would make what is
        unusual rarer than it is. An alert that has been open for very long is the new normal, and is learned as such.
        """
        if judgement.verdict == "cooling_down":  # what is left of the alert before
            return self._weight * FIRING_WEIGHT, False
        if not judgement.starts_at_us or judgement.step == "resolved":
            return self._weight, True
        if judgement.step == "firing":
            return self._weight * FIRING_WEIGHT, True
        settled = end_us - judgement.starts_at_us >= self.new_normal_us
        return self._weight * (1.0 if settled else FIRING_WEIGHT), False

    def _forget_the_gone(self, end_us: int, groups: set[Group]) -> None:
        # A group always has the window next to its last one, unless the assembler has forgotten it in between.
        contiguous = end_us == self._last_end_us + self.assembler.spec.hop_us
        for group in sorted(self._groups - groups if contiguous else self._groups):
            self.scorer.forget(group)
            self.decider.forget(group)
            self._versions.forget(group)
        self._groups = groups
        self._last_end_us = end_us

    def _report(self, window: ClosedWindow, score: Score, judgement: Judgement, outcome: Outcome) -> dict[str, str]:
        template = self.template
        labels = dict(zip(template.group_by, window.group, strict=True))
        unusual = score.p_value is not None and score.p_value <= judgement.level
        harmless = score.harmless and unusual and judgement.verdict == "quiet"
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
                verdict="harmless" if harmless else judgement.verdict,
                level=judgement.level,
                ready=score.ready,
                harmless=score.harmless and score.p_value is not None,
                details={**score.details, **self.decider.standing(window.group, judgement, window.end_us)},
                evidence=Evidence(window.vector, score.expected, score.tails),
                version=self._versions.version,
            )
        )
        if judgement.step is not None:
            outcome.changes.append(
                alert_change(
                    step=judgement.step,
                    at_us=window.end_us,
                    status=judgement.step,
                    labels={**labels, **template.labels},
                    annotations={
                        **template.annotations,
                        **self.wording.annotations(
                            window,
                            score.details,
                            score.p_value,
                            judgement,
                            settled=window.end_us - judgement.starts_at_us >= self.new_normal_us,
                        ),
                    },
                    starts_at_us=judgement.starts_at_us,
                    ends_at_us=window.end_us if judgement.step == "resolved" else None,
                )
            )
        return labels

    def snapshot(self) -> bytes:
        """Return the state: versioned msgpack."""
        return self._image(self.scorer.state())

    def head(self) -> bytes:
        """Return the state without its models, which are large where there are many groups."""
        return self._image(b"")

    def models(self) -> Iterator[bytes]:
        """Yield the models piece by piece; nothing may be updated until the last one was taken."""
        return self.scorer.pieces()

    @property
    def groups(self) -> int:
        """How many groups are known."""
        return len(self._groups)

    def _image(self, models: bytes) -> bytes:
        return msgspec.msgpack.encode(
            WindowsImage(
                FORMAT,
                self.assembler.snapshot(),
                models,
                self.decider.state(),
                list(self._pending),
                self._last_end_us,
                sorted(self._groups),
                self._made_for,
                self._versions.state(),
                dict(self.template.labels),
                self._owed,
            )
        )

    def restore(self, state: bytes) -> None:
        """Take over a state that :meth:`snapshot` returned.

        Raises:
            SnapshotVersionError: when it is of another format, or was made with other groups, windows or models.
        """
        of_010 = decode_010(state)
        if of_010 is not None:
            self._restore_010(of_010)
            return
        decoded = decode_image(state, self.template.name, self._made_for)
        self._restore(decoded, partial(self.scorer.restore, decoded.scorer))

    def restore_parts(self, head: bytes, models: Iterable[bytes]) -> None:
        """Take over what :meth:`head` returned and :meth:`models` yielded.

        Raises:
            SnapshotVersionError: as :meth:`restore`.
        """
        decoded = decode_image(head, self.template.name, self._made_for)
        self._restore(decoded, partial(self.scorer.restore_pieces, models))

    def _restore(self, decoded: WindowsImage, restore_models: Callable[[], None]) -> None:
        try:
            restore_models()
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"the snapshot of detector {self.template.name!r} is of other models ({error}): the settings changed"
            raise SnapshotVersionError(msg) from error
        self.assembler.restore(decoded.assembler)
        self._versions.restore(decoded.versions)
        self.decider.restore(decoded.decider)
        self._pending = deque(decoded.pending)
        self._last_end_us = decoded.last_end_us
        self._groups = set(decoded.groups)
        self._retell(decoded)

    def _restore_010(self, old: WindowsImageOf010) -> None:
        """Take over the windows and the open alerts of 0.1.0; what is normal is learned anew."""
        self.assembler.restore(old.assembler)
        self.decider.adopt(old.episodes)
        self._last_end_us = old.last_end_us
        self._groups = set(old.groups)

    def inherit(self, state: bytes) -> None:
        """Take over what still holds of a state that :meth:`restore` refused; to be called on a new object.

        Of other models: windows and open alerts go on, and what is normal is learned anew. Of other groups or windows:
        the open alerts end, and all begins anew. What cannot be read leaves nothing.
        """
        image = image_of_others(state)
        if image is None:
            return
        if image.made_for != self._made_for:
            self._owed = [*image.owed, *ended(image, self.template.labels, OTHER_WINDOWS)]
            return
        self.assembler.restore(image.assembler)
        self.decider.adopt(image.decider.episodes)
        self._last_end_us = image.last_end_us
        self._groups = set(image.groups)
        self._retell(image)

    def _retell(self, image: WindowsImage) -> None:
        """End the open alerts of a state when they would go by other labels now; what lasts fires anew, under these."""
        self._owed = list(image.owed)
        if image.told_as and image.told_as != dict(self.template.labels):
            self._owed += ended(image, self.template.labels, OTHER_LABELS)
            self.decider.end_all()
