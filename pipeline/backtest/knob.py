"""What other settings of a detector would have made of the windows that the flow has kept: the answer is there at once.

The windows are those of ``findings``: scored while the flow ran, decided about again. See
:mod:`pipeline.backtest.redecide` for what that leaves out.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from config.settings import Settings
from detectors.control import VerdictGiven, changed, together
from detectors.window_state import ScoredWindows
from detectors.windowed import Windowed, WindowSettings
from pipeline.backtest.alerts import Alert, raised
from pipeline.backtest.compare import pair
from pipeline.backtest.recorded import Recorded
from pipeline.backtest.redecide import decide_again
from pipeline.backtest.tuning import NotTunableError, window_settings
from pipeline.compose import build_detectors
from pipeline.control.verdicts import WEEK_US
from pipeline.findings.query import opened

LISTED = 100


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What one setting makes of the windows.

    Attributes:
        alerts: raised. per_week: the same by time.
        useful, noise: of these, those that people called so.
        precision: useful ones of those that were judged; None: none was.
        recall: useful ones of all that were called useful, whichever setting raises them; None: none was.
    """

    alerts: int
    per_week: float
    useful: int
    noise: int
    precision: float | None
    recall: float | None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that is gained or lost.

    Attributes:
        verdict: what people said of it; empty: nothing.
        ends_at_us: None: it is open at the end.
    """

    group: dict[str, str]
    starts_at_us: int
    ends_at_us: int | None
    summary: str
    verdict: str = ""


class Knob(msgspec.Struct, frozen=True, kw_only=True):
    """What a change would do.

    Attributes:
        from_us, to_us: ends of the first and of the last window.
        windows: how many; groups: of how many groups.
        live: what alerts go by now. tried: with the change.
        gained, lost: the first hundred of each; ``gained_count`` and ``lost_count`` are all.
        same: raised by both, and earlier or later: by both, at other times.
    """

    detector: str
    changes: dict[str, Any]
    from_us: int
    to_us: int
    windows: int
    groups: int
    live: Counted
    tried: Counted
    gained: list[Row]
    lost: list[Row]
    gained_count: int
    lost_count: int
    same: int
    earlier: int
    later: int


class NoWindowsError(Exception):
    """The flow has kept no windows of the detector (yet)."""


class Kept:
    """The windows of one detector that flows have kept, ready to be decided about again and again.

    Args:
        settings: of everything, as the file has it.
        detector: name of a window detector.
        paths: files of findings.

    Raises:
        NotTunableError: when there is no such window detector.
        NoWindowsError: when nothing was kept of it.
        UnreadableError: when a file cannot be read.
    """

    def __init__(self, settings: Settings, detector: str, paths: Sequence[Path]) -> None:
        self.detector = detector
        self._settings = window_settings(settings, detector)
        only = settings.model_copy(update={"detectors": {detector: self._settings}})
        built = build_detectors(only)[detector]
        state = built.state() if isinstance(built, Windowed) else None
        if not isinstance(built, Windowed) or not isinstance(state, ScoredWindows):
            msg = f"{detector} is no detector of windows with p-values; there is no level to tune"
            raise NotTunableError(msg)
        self._template = state.template
        self._hop_us = self._settings.spec().hop_us
        self._recorded = Recorded(detector)
        groups = set()
        ends = []
        with opened(paths) as findings:
            for one in findings.windows(detector):
                self._recorded.take([one])
                groups.add(tuple(one.group.values()))
                ends.append(one.end_us)
        if not ends:
            msg = f"no windows of {detector} are kept: the flow has not judged any yet, or findings.keep is 0s"
            raise NoWindowsError(msg)
        self._groups = len(groups)
        self._from_us, self._to_us = min(ends), max(ends)

    def tried(self, live: Mapping[str, Any], changes: Mapping[str, Any], verdicts: Sequence[VerdictGiven] = ()) -> Knob:
        """Return what a change would do.

        Args:
            live: what differs from the settings file in what alerts go by now.
            changes: what is to differ from that.
            verdicts: what people said of alerts, oldest first.

        Raises:
            ChangeError: when the settings cannot be changed so.
        """
        before = changed(self._settings, live)
        after = changed(self._settings, together(live, changes))
        said = {(one.fingerprint, one.starts_at_us): one.verdict for one in verdicts if one.detector == self.detector}
        old, new = self._raised(before), self._raised(after)
        pairs = pair(old, new, self._to_us)
        moved = [(one, other) for one, other in pairs.both if one.fired_at_us != other.fired_at_us]
        useful = {key for key, verdict in said.items() if verdict == "useful"}
        return Knob(
            detector=self.detector,
            changes=dict(changes),
            from_us=self._from_us,
            to_us=self._to_us,
            windows=len(self._recorded),
            groups=self._groups,
            live=self._counted(old, said, len(useful)),
            tried=self._counted(new, said, len(useful)),
            gained=[_row(one, said) for one in pairs.gained[:LISTED]],
            lost=[_row(one, said) for one in pairs.lost[:LISTED]],
            gained_count=len(pairs.gained),
            lost_count=len(pairs.lost),
            same=len(pairs.both) - len(moved),
            earlier=sum(other.fired_at_us < one.fired_at_us for one, other in moved),
            later=sum(other.fired_at_us > one.fired_at_us for one, other in moved),
        )

    def _raised(self, decision: WindowSettings) -> list[Alert]:
        changes = decide_again(self._recorded, decision, self._template, self._hop_us)
        return raised(changes, {self.detector: decision})

    def _counted(self, alerts: Sequence[Alert], said: Mapping[tuple[str, int], str], useful: int) -> Counted:
        verdicts = [said.get((one.fingerprint, one.starts_at_us), "") for one in alerts]
        good, bad = verdicts.count("useful"), verdicts.count("noise")
        span_us = max(self._to_us - self._from_us + self._hop_us, self._hop_us)
        return Counted(
            alerts=len(alerts),
            per_week=len(alerts) / (span_us / WEEK_US),
            useful=good,
            noise=bad,
            precision=good / (good + bad) if good + bad else None,
            recall=good / useful if useful else None,
        )


def _row(alert: Alert, said: Mapping[tuple[str, int], str]) -> Row:
    return Row(
        group=alert.group,
        starts_at_us=alert.starts_at_us,
        ends_at_us=alert.ends_at_us,
        summary=alert.summary,
        verdict=said.get((alert.fingerprint, alert.starts_at_us), ""),
    )
