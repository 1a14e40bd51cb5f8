"""Tunes one window detector: scores a recording once, decides about it many times, and picks a setting."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from alerts.model import rfc3339
from config.settings import Settings
from detectors.contract import Deriving
from detectors.window_state import ScoredWindows
from detectors.windowed import Windowed, WindowSettings
from pipeline.backtest import inputs
from pipeline.backtest.alerts import Alert, raised
from pipeline.backtest.backtest import Candidate, Known, Outcome, Progress, told
from pipeline.backtest.inputs import Asked
from pipeline.backtest.labels import with_owners
from pipeline.backtest.matching import Judge, Span
from pipeline.backtest.measure import Measure
from pipeline.backtest.recorded import Recorded
from pipeline.backtest.redecide import decide_again
from pipeline.backtest.result import Backtest, Figures
from pipeline.backtest.running import Ran, run_over
from pipeline.backtest.sweep import Setting, current
from pipeline.compose import build_detectors
from pipeline.listening import is_listener

_NO_DELAY_S = float("inf")
_WEEK_US = 7 * 86_400_000_000


class NotTunableError(Exception):
    """What was named is no window detector of the settings."""


class Tried(NamedTuple):
    """One setting, and what it did."""

    setting: Setting
    figures: Figures

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None without labels, or without incidents to find."""
        precision, recall = self.figures.precision, self.figures.recall
        if recall is None:
            return None
        if precision is None or precision.value + recall.value == 0.0:
            return 0.0
        return 2.0 * precision.value * recall.value / (precision.value + recall.value)

    @property
    def per_week(self) -> float:
        """Alerts a week that nobody wants: false ones; all where there are no labels."""
        rate = self.figures.false_per_week
        return self.figures.per_day * 7 if rate is None else rate.value


class Bench:
    """A recording whose windows were scored once, to decide about them again.

    Args:
        config: the settings file, and its settings; feeds read the recording.
        detector: name of the entry to tune.
        known: what happened; None: nobody knows.

    Raises:
        NotTunableError: when there is no such window detector.
    """

    def __init__(self, config: Candidate, detector: str, known: Known | None) -> None:
        self.detector = detector
        self.settings = window_settings(config.settings, detector)
        self.known = known
        self._config = config
        self._needed = _needed(config.settings, detector)
        built = build_detectors(self._needed)[detector]
        state = built.state() if isinstance(built, Windowed) else None
        if not isinstance(built, Windowed) or not isinstance(state, ScoredWindows):
            msg = f"{detector} is no detector of windows with p-values; there is no level to tune"
            raise NotTunableError(msg)
        self._template = state.template
        self.wording = built.wording
        self._hop_us = self.settings.spec().hop_us
        self.recorded = Recorded(detector)

    def score(self, asked: Asked, progress: Progress) -> None:
        """Run the detector over the recording as it is set now, and keep its windows.

        Raises:
            SpanError: when nothing is left to judge.
            EmptyRecordingError, FeedError, ProfilesError: when the recording cannot be used.
        """
        with progress("scoring: ") as watch:
            self.ran: Ran = run_over(self._needed, self.recorded.take, watch)
        self.span: Span = inputs.span_of(self.ran.first_us, self.ran.last_us, asked)
        self.alerts = self._own(raised(self.ran.changes, self._needed.detectors))
        self._windows = self.recorded.counts(self.span.from_us, self.span.to_us)
        self.judge: Judge | None = None
        if self.known is not None:
            owners = {alert.fingerprint: alert.detector for alert in self.alerts}
            watching = {self.detector: self.settings.type}
            self.judge = Judge(with_owners(self.known.labels, owners), self.span, self.known.grace_us, watching)

    @property
    def span_from(self) -> str:
        """Begin of what is judged, RFC 3339."""
        return rfc3339(self.span.from_us)

    @property
    def span_to(self) -> str:
        """End of what is judged, RFC 3339."""
        return rfc3339(self.span.to_us)

    def again(self, setting: Setting) -> list[Alert]:
        """Return the alerts that a setting makes of the windows."""
        changes = decide_again(self.recorded, setting.decision, self._template, self._hop_us)
        return raised(changes, {self.detector: setting.decision})

    def agrees(self) -> bool:
        """Return whether deciding again by the settings as they are gives the alerts of the run."""
        again = self.again(current(self.settings))
        return [_episode(alert) for alert in again] == [_episode(alert) for alert in self.alerts]

    def tried(self, setting: Setting, alerts: Sequence[Alert]) -> Tried:
        """Return what a setting did."""
        entries = {self.detector: setting.decision}
        measure = Measure(entries, alerts, lambda _name, _span: self._windows, self.span, self.judge)
        return Tried(setting, measure.detectors()[0])

    def sweep(self, settings: Sequence[Setting], step: Callable[[int], None]) -> list[Tried]:
        """Decide again by each setting. ``step`` is told how many are done."""
        done = []
        for number, setting in enumerate(settings, 1):
            done.append(self.tried(setting, self.again(setting)))
            step(number)
        return done

    def backtest(self, setting: Setting, progress: Progress | None = None) -> tuple[Backtest, list[Alert]]:
        """Return the backtest of a setting against the settings as they are, and the setting's alerts.

        Args:
            setting: to hold against them.
            progress: run everything again with it, and show how far that is. None: decide again.
        """
        entry = setting.decision
        new = self._needed.model_copy(update={"detectors": {**self._needed.detectors, self.detector: entry}})
        if progress is None:
            alerts = self.again(setting)
            windows = self._windows
        else:
            again = Recorded(self.detector)
            with progress("with the change: ") as watch:
                ran = run_over(new, again.take, watch)
            alerts = self._own(raised(ran.changes, new.detectors))
            windows = again.counts(self.span.from_us, self.span.to_us)
        name = self._config.name
        before = Outcome(Candidate(name, self._only(self.settings)), self.alerts, lambda *_: self._windows)
        after = Outcome(Candidate(f"{name}, changed", self._only(entry)), alerts, lambda *_: windows)
        exact = progress is not None
        return told(before, after, ran=self.ran, span=self.span, known=self.known, exact=exact), alerts

    def _own(self, alerts: Sequence[Alert]) -> list[Alert]:
        return [alert for alert in alerts if alert.detector == self.detector]

    def _only(self, entry: WindowSettings) -> Settings:
        return self._needed.model_copy(update={"detectors": {self.detector: entry}})


def window_settings(settings: Settings, detector: str) -> WindowSettings:
    """Return the settings of a window detector.

    Raises:
        NotTunableError: when there is none of that name.
    """
    entry = settings.detectors.get(detector)
    if isinstance(entry, WindowSettings):
        return entry
    windows = ", ".join(name for name, one in sorted(settings.detectors.items()) if isinstance(one, WindowSettings))
    what = "the settings have no detector of that name" if entry is None else f"it is a {entry.type}, without a level"
    msg = f"{detector}: {what}; these can be tuned: {windows or 'none'}"
    raise NotTunableError(msg)


def _needed(settings: Settings, detector: str) -> Settings:
    """Return the settings with one detector, and with those that it listens to."""
    built = build_detectors(settings)
    wanted = built[detector].event_types
    kept = {detector: settings.detectors[detector]}
    if is_listener(built[detector]):
        kept |= {
            name: settings.detectors[name]
            for name, one in built.items()
            if isinstance(one, Deriving) and not one.derived_types.isdisjoint(wanted)
        }
    return settings.model_copy(update={"detectors": kept})


def pick(tried: Sequence[Tried], now: Tried, budget_per_week: float | None) -> Tried | None:
    """Return the setting to propose; None where neither labels nor a budget say what is wanted.

    With labels: the best F-score among those that raise no more false alarms than the budget; at the same score fewer
    false alarms, a budget before a fixed p-value, sooner. What the recording cannot tell apart stays as it is, or as
    simple, and as sensitive, as the budget allows; without a budget, the one with the fewest alerts. Without labels:
    the budget itself, with confirmation and duration as they are: to count a month's alerts as false would forbid the
    true ones.

    Args:
        tried: what each setting did.
        now: the settings as they are.
        budget_per_week: false alarms that are accepted; None: as many as the best F-score has.
    """
    if now.f1 is None:
        if budget_per_week is None:
            return None
        return next(
            one
            for one in tried
            if one.setting.knob == "alert_budget"
            and one.setting.strength == budget_per_week
            and one.setting.changes.keys() == {"alert_budget"}
        )
    everything = [now, *tried]
    allowed = [one for one in everything if budget_per_week is None or _keeps(one, budget_per_week)]
    if not allowed:
        least = min(one.per_week for one in everything)
        allowed = [one for one in everything if one.per_week == least]
    best = min(map(_worth, allowed))
    equal = [one for one in allowed if _worth(one) == best]
    if equal[0] is now:
        return now
    if budget_per_week is None:
        return min(equal, key=lambda one: one.figures.alerts)
    return max(equal, key=lambda one: (-len(one.setting.changes), one.setting.strength))


def _keeps(one: Tried, budget_per_week: float) -> bool:
    budget = one.setting.decision.budget()
    promised = 0.0 if budget is None else budget.per(_WEEK_US)
    return one.per_week <= budget_per_week and promised <= budget_per_week


def _worth(one: Tried) -> tuple[float, float, bool, float]:
    delay = one.figures.time_to_detect
    late_s = _NO_DELAY_S if delay is None else delay.median_s
    return -(one.f1 or 0.0), one.per_week, one.setting.decision.budget() is None, late_s


def _episode(alert: Alert) -> tuple[str, int, int | None]:
    return alert.fingerprint, alert.starts_at_us, alert.ends_at_us
