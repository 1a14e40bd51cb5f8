"""Which settings decide: the live ones, and candidates in the shadow that judge the same scores beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from detectors.assembler import ClosedWindow
from detectors.contract import ControlTaken, Outcome, ShadowDecision
from detectors.control import ChangeError, Control, Mode, ThresholdVersion, changed
from detectors.decide import Decider, DeciderState, Judgement
from detectors.panes import Group

MOST_SHADOWS = 8
"""Of one detector at a time: each costs what deciding costs."""
_LOGS_KEPT = 8


class ShadowState(msgspec.Struct, array_like=True):
    """A candidate in the shadow as plain data."""

    version: int
    changes: dict[str, Any]
    decider: DeciderState


class VersionsState(msgspec.Struct, array_like=True, frozen=True):
    """State of :class:`Versions` as plain data.

    Attributes:
        version, changes: of what is live.
        shadows: in the order of their versions.
        pending: controls that no window has gone by yet, in their order; with them, whether they came late.
        taken: the highest number of each log that was taken.
    """

    version: int = 0
    changes: dict[str, Any] = {}
    shadows: list[ShadowState] = []
    pending: list[tuple[ThresholdVersion, bool]] = []
    taken: list[tuple[str, int]] = []


class Versions:
    """The deciders of one detector.

    Args:
        name: of the detector's entry in the settings.
        live: decides about alerts, by the settings file until a control says otherwise.
        hop_us: time from one window to the next.

    Attributes:
        version: of the live settings.
        shadows: deciders by version.
    """

    def __init__(self, name: str, live: Decider, hop_us: int) -> None:
        self.version = 0
        self.shadows: dict[int, Decider] = {}
        self._name = name
        self._live = live
        self._base = live.decision
        self._hop_us = hop_us
        self._changes: Mapping[str, Any] = {}
        self._shadow_changes: dict[int, Mapping[str, Any]] = {}
        self._pending: list[tuple[ThresholdVersion, bool]] = []
        self._taken: dict[str, int] = {}
        self._misfits: list[tuple[ThresholdVersion, str]] = []

    def take(self, controls: Sequence[Control], judged_us: int) -> None:
        """Take controls in the order of their log.

        One that should have held before ``judged_us``, the end of the last window that was judged, comes late: it holds
        from there on.
        """
        for control in controls:
            if control.detector != self._name or not isinstance(control, ThresholdVersion):
                continue
            if control.number <= self._taken.get(control.log, 0):
                continue
            # Put back behind the others: what is forgotten is the log that has told nothing for longest.
            self._taken.pop(control.log, None)
            self._taken[control.log] = control.number
            late = control.effective_us < judged_us
            kept = msgspec.structs.replace(control, effective_us=judged_us) if late else control
            self._pending.append((kept, late))
        self._taken = dict(list(self._taken.items())[-_LOGS_KEPT:])
        self._pending.sort(key=lambda entry: (entry[0].effective_us, entry[0].number))

    def begin(self, end_us: int, outcome: Outcome) -> None:
        """Go by what holds for windows that end at ``end_us``."""
        for control, problem in self._misfits:
            outcome.taken.append(_taken(control, end_us, problem, late=False))
        self._misfits = []
        while self._pending and self._pending[0][0].effective_us < end_us:
            control, late = self._pending.pop(0)
            problem = self._go_by(control.version, control.mode, control.decision)
            outcome.taken.append(_taken(control, end_us, problem, late=late))

    def _go_by(self, version: int, mode: Mode, changes: Mapping[str, Any]) -> str:
        """Change what decides; return why that cannot be, empty when it can."""
        if mode == "stopped":
            self._stop(version)
            return ""
        try:
            decision = changed(self._base, changes)
        except ChangeError as error:
            return f"version {version} does not fit the settings file: {error}"
        if mode == "shadow":
            if version not in self.shadows and len(self.shadows) == MOST_SHADOWS:
                return f"{MOST_SHADOWS} versions are in the shadow already: stop one"
            beside = Decider(decision, self._hop_us)
            beside.restore(_copied(self._live.state(), without_episodes=True))
            self.shadows[version] = beside
            self._shadow_changes[version] = changes
            return ""
        self._live.change(decision)
        known = self.shadows.get(version)
        if known is not None and known.decision == decision:
            # What it has counted under these settings goes on counting.
            counted, own = known.state(), self._live.state()
            self._live.restore(_copied(DeciderState(own.episodes, counted.budget, counted.discovery)))
        self._stop(version)
        self.version, self._changes = version, changes
        return ""

    def _go_again(self, version: int, mode: Mode, changes: Mapping[str, Any]) -> bool:
        problem = self._go_by(version, mode, changes)
        if problem:
            again = ThresholdVersion(
                detector=self._name, version=version, decision={}, mode=mode, effective_us=0, by="", why="", at_us=0
            )
            self._misfits.append((again, problem))
        return not problem

    def _stop(self, version: int) -> None:
        self.shadows.pop(version, None)
        self._shadow_changes.pop(version, None)

    def judge(
        self,
        window: ClosedWindow,
        labels: dict[str, str],
        p_value: float | None,
        live: Judgement,
        outcome: Outcome,
        *,
        ready: bool,
    ) -> None:
        """Have the shadows judge a window after the live decider has.

        Args:
            window: which.
            labels: of its group.
            p_value: that the live decider was given.
            live: what it said.
            outcome: gets the decisions.
            ready: whether the baseline has warmed up.
        """
        for version, decider in sorted(self.shadows.items()):
            judged = decider.judge(window.group, window.end_us, p_value, ready=ready)
            if judged.step is None and live.step is None:
                continue
            outcome.shadows.append(
                ShadowDecision(
                    detector=self._name,
                    version=version,
                    live_version=self.version,
                    group=labels,
                    start_us=window.start_us,
                    end_us=window.end_us,
                    p_value=p_value,
                    verdict=judged.verdict,
                    step=judged.step,
                    starts_at_us=judged.starts_at_us,
                    level=judged.level,
                    live_verdict=live.verdict,
                    live_step=live.step,
                    live_starts_at_us=live.starts_at_us,
                )
            )

    def forget(self, group: Group) -> None:
        """Drop what the shadows know of ``group``."""
        for decider in self.shadows.values():
            decider.forget(group)

    def state(self) -> VersionsState:
        """Return the state as plain data, without that of the live decider."""
        shadows = [
            ShadowState(version, dict(self._shadow_changes[version]), decider.state())
            for version, decider in sorted(self.shadows.items())
        ]
        return VersionsState(self.version, dict(self._changes), shadows, list(self._pending), list(self._taken.items()))

    def restore(self, state: VersionsState) -> None:
        """Take over what :meth:`state` returned. The live decider's own state is restored after this.

        Versions that do not fit the settings file any more are not gone by: the file holds, until somebody says
        otherwise.
        """
        self.version, self._changes = 0, {}
        self.shadows, self._shadow_changes = {}, {}
        if state.version:
            self._go_again(state.version, "live", state.changes)
        for shadow in state.shadows:
            if self._go_again(shadow.version, "shadow", shadow.changes):
                self.shadows[shadow.version].restore(shadow.decider)
        self._pending = list(state.pending)
        self._taken = dict(state.taken)


def _taken(control: ThresholdVersion, end_us: int, problem: str, *, late: bool) -> ControlTaken:
    return ControlTaken(
        detector=control.detector,
        log=control.log,
        number=control.number,
        version=control.version,
        mode=control.mode,
        effective_us=control.effective_us,
        end_us=end_us,
        late=late,
        problem=problem,
    )


def _copied(state: DeciderState, *, without_episodes: bool = False) -> DeciderState:
    """Return a copy that shares nothing, as a snapshot would give it."""
    episodes = [] if without_episodes else state.episodes
    plain = msgspec.msgpack.encode(DeciderState(episodes, state.budget, state.discovery))
    return msgspec.msgpack.decode(plain, type=DeciderState)
