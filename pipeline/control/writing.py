"""Writes controls: new candidates, promotions, ways back. What is wrong is found here, before it is written."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from alerts.control_log import ControlLog, FlowSeen
from detectors.contract import Detector, WindowDetector
from detectors.control import ChangeError, Control, Mode, ThresholdVersion, changed, together
from detectors.deciding import Decision
from detectors.versions import MOST_SHADOWS
from pipeline.control.history import FROM_FILE, History, history_of

FRESH_US = 30_000_000
"""A flow process that has not been heard of for so long is not running."""


class Written(msgspec.Struct):
    """What was written, and who has it.

    Attributes:
        control: with its number.
        flows: processes that are running.
    """

    control: ThresholdVersion
    flows: list[FlowSeen]

    def read_by_all(self, flows: Sequence[FlowSeen]) -> bool:
        """Return whether every process that is running has read it, by what they said last."""
        running = {flow.share for flow in self.flows}
        own = (self.control.log, self.control.number)
        have = {flow.share for flow in flows if (flow.log, flow.number) >= own and flow.log == own[0]}
        return bool(running) and running <= have


class Writer:
    """Writes about one detector.

    Args:
        log: of the controls.
        detector: its name.
        detectors: of the settings file, by name.
        by, why: who changes it, for what reason.
        now_us: the time of day, microseconds UTC.
        delay_us: it takes effect so long after now.
        backtest: id of the backtest that goes with it.

    Raises:
        ChangeError: when there is no such detector, or none that can be changed while it runs.
    """

    def __init__(
        self,
        log: ControlLog,
        detector: str,
        detectors: Mapping[str, Detector],
        *,
        by: str,
        why: str,
        now_us: int,
        delay_us: int,
        backtest: str | None = None,
    ) -> None:
        self._log = log
        self._detector = detector
        self._base = decision_of(detector, detectors)
        self._by = by
        self._why = why
        self._now_us = now_us
        self._delay_us = delay_us
        self._backtest = backtest

    def shadow(self, changes: Mapping[str, Any]) -> Written:
        """Begin a candidate in the shadow: what is live, changed.

        Raises:
            ChangeError: when the settings cannot be changed so, or enough candidates run.
        """
        if not changes:
            msg = "nothing is changed: give --set NAME=VALUE"
            raise ChangeError(msg)

        def make(history: History) -> ThresholdVersion:
            if len(history.shadows) >= MOST_SHADOWS:
                msg = f"{MOST_SHADOWS} versions of {self._detector} are in the shadow: stop one (--stop VERSION)"
                raise ChangeError(msg)
            whole = together(history.changes(history.live), changes)
            live = changed(self._base, history.changes(history.live))
            if changed(self._base, whole).model_dump() == live.model_dump():
                msg = f"version {history.live} is live, and decides so already: nothing is changed"
                raise ChangeError(msg)
            return self._version(max(history.versions, default=0) + 1, "shadow", whole)

        return self._write(make)

    def promote(self, version: int | None = None) -> Written:
        """Have alerts go by a version: a given one, or the one that is in the shadow.

        Raises:
            ChangeError: when there is no such version, or it is not clear which.
        """

        def make(history: History) -> ThresholdVersion:
            chosen = version
            if chosen is None:
                if len(history.shadows) != 1:
                    known = ", ".join(map(str, sorted(history.shadows)))
                    what = f"versions {known} are in the shadow" if known else "no version is in the shadow"
                    msg = f"{self._detector}: {what}: say which version to promote"
                    raise ChangeError(msg)
                (chosen,) = history.shadows
            return self._going_live(history, chosen)

        return self._write(make)

    def rollback(self, version: int | None = None) -> Written:
        """Have alerts go by an earlier version: a given one, or the one that was live before.

        Raises:
            ChangeError: when there is no such version.
        """

        def make(history: History) -> ThresholdVersion:
            chosen = history.before if version is None else version
            if chosen is None:
                msg = f"{self._detector} has always gone by the settings file: there is nothing to go back to"
                raise ChangeError(msg)
            return self._going_live(history, chosen)

        return self._write(make)

    def stop(self, version: int | None = None) -> Written:
        """End a candidate in the shadow: a given one, or the only one.

        Raises:
            ChangeError: when it is not in the shadow, or it is not clear which.
        """

        def make(history: History) -> ThresholdVersion:
            chosen = version
            if chosen is None and len(history.shadows) == 1:
                (chosen,) = history.shadows
            if chosen is None or chosen not in history.shadows:
                known = ", ".join(map(str, sorted(history.shadows))) or "none"
                msg = f"{self._detector}: in the shadow: {known}; say which of these to stop"
                raise ChangeError(msg)
            return self._version(chosen, "stopped", {})

        return self._write(make)

    def _going_live(self, history: History, version: int) -> ThresholdVersion:
        if version != FROM_FILE and version not in history.versions:
            known = ", ".join(map(str, [FROM_FILE, *sorted(history.versions)]))
            msg = f"{self._detector} has no version {version}; there are {known} (0: as the settings file has it)"
            raise ChangeError(msg)
        if version == history.live:
            msg = f"version {version} of {self._detector} is live already"
            raise ChangeError(msg)
        changed(self._base, history.changes(version))
        return self._version(version, "live", history.changes(version))

    def _version(self, version: int, mode: Mode, decision: Mapping[str, Any]) -> ThresholdVersion:
        return ThresholdVersion(
            detector=self._detector,
            version=version,
            decision=dict(decision),
            mode=mode,
            effective_us=effective_us(self._log.seen(), self._now_us, self._delay_us),
            by=self._by,
            why=self._why,
            at_us=self._now_us,
            backtest=self._backtest,
        )

    def _write(self, make: Callable[[History], ThresholdVersion]) -> Written:
        def next_one(controls: list[Control]) -> Control:
            return make(history_of(controls, self._detector))

        written = self._log.append(next_one)
        if not isinstance(written, ThresholdVersion):
            msg = f"wrote a {type(written).__name__}"
            raise TypeError(msg)
        return Written(written, running(self._log.seen(), self._now_us))


def decision_of(name: str, detectors: Mapping[str, Detector]) -> Decision:
    """Return the settings of a detector that can be changed while it runs.

    Raises:
        ChangeError: when there is no such detector, or it decides nothing that could be changed.
    """
    detector = detectors.get(name)
    changeable = [other for other, one in sorted(detectors.items()) if isinstance(one, WindowDetector)]
    if detector is None:
        msg = f"the settings have no detector {name!r}; these can be changed: {', '.join(changeable) or 'none'}"
        raise ChangeError(msg)
    settings = getattr(detector, "settings", None)
    if not isinstance(detector, WindowDetector) or not isinstance(settings, Decision):
        msg = (
            f"{name} judges single cases, by no threshold that could be changed while it runs: change the settings "
            f"file, and start the flow again. These can be changed: {', '.join(changeable) or 'none'}"
        )
        raise ChangeError(msg)
    return settings


def running(flows: Sequence[FlowSeen], now_us: int) -> list[FlowSeen]:
    """Return the flow processes that were heard of lately."""
    return [flow for flow in flows if now_us - flow.at_us < FRESH_US]


def effective_us(flows: Sequence[FlowSeen], now_us: int, delay_us: int) -> int:
    """Return the time of events at which what is written now takes effect: soon, and ahead of all flow processes.

    Where none is running, the time of events is taken to be the time of day.
    """
    times = [flow.event_us + int((now_us - flow.at_us + delay_us) * flow.speed) for flow in running(flows, now_us)]
    return max(times, default=now_us + delay_us)
