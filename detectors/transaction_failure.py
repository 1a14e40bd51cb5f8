"""Transaction failure: failures, refunds or latency up, or volume down: several features of one group at once."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from detectors.assembler import ClosedWindow
from detectors.columns import ColumnReads, Columns, Floats, Lookup
from detectors.combine import Figures, Integers
from detectors.contract import DETECTORS, Context
from detectors.events import Event, TransactionEvent
from detectors.models.baseline import Scale
from detectors.models.mean import MICRO, MeanView
from detectors.models.rate import RateView
from detectors.models.share import ShareView
from detectors.models.views import View, ViewScore
from detectors.scoring import ViewsScorer
from detectors.windowed import Positive, Windowed, WindowParts, WindowSettings
from detectors.wording import Phrase, Wording, percent_text

NAME = "transaction_failure"
Feature = Literal["failures", "refunds", "latency", "volume"]
COUNT, TRIED, FAILED, REFUNDED, TIMED, SUM, SQUARES = range(7)
"""Places in a window's vector: events; payments tried, failed and declined ones of these; refunds; payments whose time
is known, sum of the logs of their milliseconds, and of the squares of these (millionths)."""
_PAID, _FAILED, _REFUNDED = range(3)
_KINDS = {
    "payment": _PAID,
    "declined": _FAILED,
    "failed": _FAILED,
    "refunded": _REFUNDED,
    "returned": _REFUNDED,
}
_FAILURES = Scale(low=0.001, high=0.99, start=0.03, start_sd=0.08, group_sd=0.04, hour_sd=0.02)
_REFUNDS = Scale(low=0.001, high=0.9, start=0.03, start_sd=0.08, group_sd=0.04, hour_sd=0.02)
_LATENCY = Scale(low=-2.0, high=16.0, start=6.0, start_sd=2.0, group_sd=0.8, hour_sd=0.2)
_LATENCY_SPREAD = 0.5
_TELLING = frozenset({"failures", "refunds", "latency"})
"""Features that say something by themselves. Fewer customers are not a failure."""
_SUSPECT = 0.01
"""A feature whose p-value is at or below it is suspect."""


class TransactionFailureSettings(WindowSettings):
    """Alerts ``TransactionFailure`` when the payments of a group go wrong more than its own past can explain.

    Features: the share of tried payments that failed or were declined, refunds and returns by payments tried, the time
    a payment takes (on a logarithmic scale), and fewer payments than is normal (left out of account what all groups
    have in common: a holiday). Each is judged by itself and all together; the alert tells the worst first. Fewer
    payments alone are no alert unless another feature is at least suspect.

    Attributes:
        features: what is looked at.
        min_count: windows in which fewer payments were tried are not scored for failures, refunds and latency.
        min_expected: windows in which fewer payments are expected are not scored for volume.
    """

    type: Literal["transaction_failure"] = "transaction_failure"
    window: Positive = 15 * 60 * 1_000_000
    features: Annotated[tuple[Feature, ...], Field(min_length=1)] = ("failures", "refunds", "latency", "volume")
    min_count: Annotated[int, Field(ge=2)] = 20
    min_expected: Annotated[float, Field(gt=0)] = 10.0

    @model_validator(mode="after")
    def _features_make_sense(self) -> Self:
        if len(set(self.features)) != len(self.features):
            msg = "features: a feature is named twice"
            raise ValueError(msg)
        if self.features == ("volume",):
            msg = (
                "features: fewer payments alone are never an alert; name failures, refunds or latency too, or watch "
                "for silence with a detector of type feed_silence"
            )
            raise ValueError(msg)
        return self


@DETECTORS.register(NAME, TransactionFailureSettings)
def build(name: str, settings: TransactionFailureSettings, _context: Context) -> Windowed:
    """Build the detector of the entry ``name``. It refers to nothing in the context."""
    phrases = {
        "failures": Phrase(
            lambda value, window: f"{percent_text(value)} failed of {window.vector[TRIED]} payments",
            percent_text,
            affected=FAILED,
        ),
        "refunds": Phrase(
            lambda value, window: f"{percent_text(value)} refunds for {window.vector[TRIED]} payments",
            percent_text,
            affected=REFUNDED,
        ),
        "latency": Phrase(lambda value, _window: f"payments take {_span(value)}", _span, affected=TIMED),
        "volume": Phrase(lambda value, _window: f"{value:.0f} payments", lambda value: f"{value:.0f}"),
    }
    return Windowed(
        name,
        settings,
        WindowParts(
            type_name=NAME,
            alertname="TransactionFailure",
            event_types=frozenset(f"transaction.{step}" for step in _KINDS),
            width=7,
            reads=(_kinds, _latencies),
            columns=_columns(),
            vectors=_vectors,
            scorer=lambda: _scorer(settings),
            wording=Wording("transactions", phrases, min_count=settings.min_count, hourly=settings.hourly()),
            learns_empty="volume" in settings.features,
        ),
    )


def _scorer(settings: TransactionFailureSettings) -> ViewsScorer:
    memory, least = settings.memory(), settings.min_count
    known: dict[Feature, View] = {
        "failures": ShareView("failures", part=FAILED, count=TRIED, min_count=least, memory=memory, scale=_FAILURES),
        "refunds": ShareView("refunds", part=REFUNDED, count=TRIED, min_count=least, memory=memory, scale=_REFUNDS),
        "latency": MeanView(
            "latency",
            count=TIMED,
            total=SUM,
            squares=SQUARES,
            bad="high",
            min_count=least,
            scale=_LATENCY,
            prior_spread=_LATENCY_SPREAD,
            memory=memory,
        ),
        "volume": RateView(
            "volume", count=TRIED, bad="low", min_expected=settings.min_expected, memory=memory, relative=True
        ),
    }
    views = [known[feature] for feature in settings.features]
    return ViewsScorer(views, **settings.learning(), joint=len(views) > 1, may_fire=_may_fire)


def _may_fire(_window: ClosedWindow, told: dict[str, ViewScore], _expectations: object) -> bool:
    """Return whether something besides the volume is at least suspect."""
    return any(score.p_value <= _SUSPECT for name, score in told.items() if name in _TELLING)


def _kinds(events: Sequence[Event]) -> list[float | None]:
    return [float(_KINDS[event.step]) for event in events]


def _latencies(events: Sequence[Event]) -> list[float | None]:
    return [
        event.data.latency_ms
        if isinstance(event, TransactionEvent) and 0.0 < (event.data.latency_ms or 0.0) < math.inf
        else None
        for event in events
    ]


def _columns() -> ColumnReads:
    """Return how the same figures are read out of columns."""
    kinds = {f"transaction.{step}": float(kind) for step, kind in _KINDS.items()}

    def latencies(columns: Columns) -> Floats:
        found = columns.numbers("latency_ms")
        return np.where((found > 0.0) & (found < math.inf), found, np.nan)

    reads = (Lookup("type", lambda name: kinds.get(name, math.nan), missing=math.nan), latencies)
    return ColumnReads(frozenset({"type", "latency_ms"}), reads)


def _vectors(figures: Figures) -> Integers:
    kinds, latencies = figures
    failed, refunded = kinds == _FAILED, kinds == _REFUNDED
    tried = failed | (kinds == _PAID)
    timed = tried & ~np.isnan(latencies)
    logs = np.log(np.where(timed, latencies, 1.0))
    micros = np.rint(logs * MICRO).astype(np.int64)
    squares = np.rint(logs * logs * MICRO).astype(np.int64)
    rows = (np.ones_like(tried), tried, failed, refunded, timed)
    return np.stack((*(row.astype(np.int64) for row in rows), micros, squares))


def _span(log_ms: float) -> str:
    """Return a time that was told as the log of its milliseconds: ``240 ms``, ``1.8 s``."""
    ms = math.exp(log_ms)
    return f"{ms:.0f} ms" if ms < 1000.0 else f"{ms / 1000.0:.1f} s"
