"""Sentiment drop: more negative events, or a lower mean sentiment, than is normal for the hour."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

import msgspec
import numpy as np
from pydantic import Field, model_validator

from config.base import SettingsModel
from config.durations import DurationUs, format_duration_us
from detectors.assembler import ClosedWindow, WindowAssembler
from detectors.combine import Figures, Integers, PaneCombiner
from detectors.contract import DETECTORS, Context, DetectorSettings, Severity
from detectors.decide import Decider, Judgement, PValueSettings
from detectors.events import Event
from detectors.grouping import GroupBy
from detectors.models.sentiment import COUNT, MICRO, NEGATIVE, WIDTH, Expectation, SentimentModel, View, ViewScore
from detectors.panes import PaneLayout
from detectors.window_state import AlertTemplate, Score, ScoredWindows
from detectors.windows import WindowSpec

NAME = "sentiment_drop"
EventType = Literal["social.post", "survey.response", "crm.case.customer_message"]
_NOUNS = {"social.post": "posts", "survey.response": "responses", "crm.case.customer_message": "customer messages"}
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_EXPECTATION = msgspec.msgpack.Decoder(Expectation)
Positive = Annotated[DurationUs, Field(gt=0)]


class BaselineSettings(SettingsModel):
    """What "normal" is learned from.

    Attributes:
        rhythm: which rhythm normal may have (in UTC): one a week, one a day, or none.
        half_life: after this time an observation counts half.
        warm_up: how many windows' worth of data a group needs before it may alert. Until then it borrows from the other
            groups, and only overwhelming evidence alerts.
        forget: a group without events for this long is forgotten.
        max_groups: more groups than this are not watched.
    """

    rhythm: Literal["hour_of_week", "hour_of_day", "none"] = "hour_of_week"
    half_life: Positive = 28 * _DAY_US
    warm_up: Annotated[float, Field(ge=0)] = 6.0
    forget: Positive = 28 * _DAY_US
    max_groups: Annotated[int, Field(ge=1)] = 10_000


class SentimentDropSettings(DetectorSettings):
    """Alerts ``SentimentDrop`` when a group's sentiment is worse than its own past can explain.

    Attributes:
        event_types: events whose sentiment counts; those that have none are ignored.
        group_by: labels that make a group: names out of the event's labels, of data fields (``service``, ``region``,
            ``channel``, ``queue``), of the customer's profile (``tier``, ``language``, ``contract``), or ``source``.
        window: length of a window. Windows are aligned to 1970-01-01 UTC.
        hop: time from one window to the next; without it windows do not overlap. A shorter hop sees a drop sooner.
        min_count: windows with fewer events are not scored.
        negative_below: sentiment at or below this is negative (-0.05 is VADER's own bound).
        views: what is tested: the share of negative events, the mean sentiment, or both.
        p_value: thresholds that begin and end an alert.
        cool_down: after an alert has resolved, the group is left alone for this long.
        resolve_without_data: an alert is resolved when no window of its group could be scored for this long.
        baseline: what normal is learned from.
        severity: label of the alerts.
    """

    type: Literal["sentiment_drop"] = "sentiment_drop"
    event_types: Annotated[tuple[EventType, ...], Field(min_length=1)] = (
        "social.post",
        "survey.response",
        "crm.case.customer_message",
    )
    group_by: GroupBy = ("service",)
    window: Positive = _HOUR_US
    hop: Positive | None = None
    min_count: Annotated[int, Field(ge=2)] = 30
    negative_below: Annotated[float, Field(ge=-1, le=1)] = -0.05
    views: Annotated[tuple[View, ...], Field(min_length=1, max_length=2)] = ("negative_share", "mean")
    p_value: PValueSettings = PValueSettings()
    cool_down: DurationUs = 2 * _HOUR_US
    resolve_without_data: Positive = _DAY_US
    baseline: BaselineSettings = BaselineSettings()
    severity: Severity = "warning"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self.spec()
        if len(set(self.views)) != len(self.views):
            msg = "views: a view is named twice"
            raise ValueError(msg)
        least_us = self.window + self.resolve_without_data
        if self.baseline.forget < least_us:
            msg = (
                f"baseline.forget is {format_duration_us(self.baseline.forget)}; expected at least window + "
                f"resolve_without_data = {format_duration_us(least_us)}, or a group is forgotten while it alerts"
            )
            raise ValueError(msg)
        return self

    def spec(self) -> WindowSpec:
        """Return the windows."""
        return WindowSpec(size_us=self.window, hop_us=self.window if self.hop is None else self.hop)


class _Scorer:
    """Scores windows by the sentiment model and words what it found."""

    def __init__(self, settings: SentimentDropSettings) -> None:
        self._settings = settings
        self._noun = _NOUNS[settings.event_types[0]] if len(settings.event_types) == 1 else "messages"
        baseline = settings.baseline
        self._hourly = " at this hour" if baseline.rhythm != "none" and settings.window < _DAY_US else ""
        self._model = SentimentModel(
            settings.views, window_us=settings.window, half_life_us=baseline.half_life, rhythm=baseline.rhythm
        )
        self.forget, self.state, self.restore = self._model.forget, self._model.state, self._model.restore

    def score(self, window: ClosedWindow) -> Score:
        expected = self._model.expect(window)
        encoded = msgspec.msgpack.encode(expected)
        if window.vector[COUNT] < self._settings.min_count:
            return Score(p_value=None, value=None, baseline=None, ready=False, expected=encoded)
        scored = self._model.score(window, expected)
        first = scored.views[self._settings.views[0]]
        details: dict[str, float | str] = {"history": scored.history, "negative": window.vector[NEGATIVE]}
        for name, view in scored.views.items():
            details[name] = view.value
            details[f"{name}_baseline"] = view.baseline
            details[f"{name}_p_value"] = view.p_value
        ready = scored.history >= self._settings.baseline.warm_up
        return Score(scored.p_value, first.value, first.baseline, ready, details, encoded)

    def learn(self, window: ClosedWindow, expected: bytes, weight: float) -> None:
        self._model.learn(window, _EXPECTATION.decode(expected), weight)

    def annotations(self, window: ClosedWindow, score: Score, judgement: Judgement) -> dict[str, str]:
        name = ", ".join(value for value in window.group if value) or "All"
        span = f"{_time(window.start_us)} to {_time(window.end_us)} UTC"
        if judgement.without_data:
            rest = f"fewer than {self._settings.min_count} {self._noun} a window, too few to say whether it is better"
            return {"summary": f"{name}: {rest}", "description": f"Resolved without data: {rest}. Last window: {span}."}
        views = _views(score, self._settings.views)
        count = window.vector[COUNT]
        worst = min(views, key=lambda view: views[view].p_value)
        observed = f"{_worded(worst, views[worst].value)} {'of' if worst == 'negative_share' else 'over'} {count}"
        usual = f"normally {_worded(worst, views[worst].baseline, short=True)}{self._hourly}"
        lead = "recovered: " if judgement.step == "resolved" else ""
        summary = f"{name}: {lead}{observed} {self._noun}, {usual} (p = {_probability(score.p_value)})"
        figures = "; ".join(_told(view, told) for view, told in views.items())
        thresholds = self._settings.p_value
        return {
            "summary": summary,
            "description": (
                f"Window {span}: {count} {self._noun}, {window.vector[NEGATIVE]} of them negative; {figures}. "
                f"The baseline knows {score.details['history']:.1f} windows of this group. "
                f"Alerts at p <= {thresholds.fire:g}, resolves at p > {thresholds.resolve:g}."
            ),
        }


class SentimentDrop:
    """A :class:`detectors.contract.WindowDetector`. Immutable."""

    def __init__(self, name: str, settings: SentimentDropSettings) -> None:
        self.name = name
        self.settings = settings
        self.event_types = frozenset[str](settings.event_types)
        self._spec = settings.spec()
        self.layout = PaneLayout(self._spec.pane_us, WIDTH, self._spec.hop_us)
        self._negative_micro = round(settings.negative_below * MICRO)

    def combiner(self) -> PaneCombiner:
        """Return a combiner that sums count, negative count, sentiment and its square per group and pane."""
        return PaneCombiner(self._spec.pane_us, self.settings.group_by, _sentiments, self._vectors)

    def _vectors(self, sentiments: Figures) -> Integers:
        micros = np.rint(sentiments * MICRO).astype(np.int64)
        return np.stack((np.ones_like(micros), micros <= self._negative_micro, micros, micros * micros // MICRO))

    def state(self) -> ScoredWindows:
        """Return a new state without history."""
        settings, baseline = self.settings, self.settings.baseline
        own = {"alertname": "SentimentDrop", "detector": NAME, "severity": settings.severity}
        if self.name != NAME:  # two entries over the same groups must not answer for each other's alerts
            own["rule"] = self.name
        return ScoredWindows(
            WindowAssembler(self._spec, WIDTH, forget_us=baseline.forget, max_groups=baseline.max_groups),
            _Scorer(settings),
            Decider(
                settings.p_value,
                cool_down_us=settings.cool_down,
                resolve_without_data_us=settings.resolve_without_data,
            ),
            AlertTemplate(self.name, settings.group_by, {**settings.labels, **own}, settings.annotations),
        )


@DETECTORS.register(NAME, SentimentDropSettings)
def build(name: str, settings: SentimentDropSettings, _context: Context) -> SentimentDrop:
    """Build the detector of the entry ``name``. It refers to nothing in the context."""
    return SentimentDrop(name, settings)


def _sentiments(events: Sequence[Event]) -> list[float | None]:
    return [event.data.sentiment for event in events]


def _views(score: Score, names: Sequence[View]) -> dict[View, ViewScore]:
    told = score.details
    return {
        name: ViewScore(float(told[name]), float(told[f"{name}_baseline"]), float(told[f"{name}_p_value"]))
        for name in names
    }


def _told(view: View, told: ViewScore) -> str:
    expected = _worded(view, told.baseline, short=True)
    return f"{_worded(view, told.value)}, expected {expected} (p = {_probability(told.p_value)})"


def _worded(view: View, value: float, *, short: bool = False) -> str:
    if view == "negative_share":
        return f"{value:.0%}".replace("%", " %") + ("" if short else " negative")
    return f"{value:+.2f}" if short else f"mean sentiment {value:+.2f}"


def _probability(p_value: float | None) -> str:
    """Return two digits at most: ``0.021``, ``3e-6``."""
    if p_value is None:
        return "unknown"
    if p_value >= 0.001:
        return f"{p_value:.2g}"
    digits, exponent = f"{p_value:.0e}".split("e")
    return f"{digits}e{int(exponent)}"


def _time(time_us: int) -> str:
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M")
