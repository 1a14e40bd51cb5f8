"""What the API takes and answers of backtests."""

from typing import Annotated, Any

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from alerts.job_book import KeptJob, State
from dashboards.api.v1.detectors import Changes
from dashboards.api.v1.shapes import time_text
from pipeline.backtest.recordings import NAME, Recording
from pipeline.backtest.result import AlertRow, Backtest, Figures, Moved


class RecordingOut(BaseModel):
    """A recording that backtests can be run on."""

    name: str
    feeds: list[str] = Field(description="Of the settings, that it has something of.")
    bytes: int
    labelled: bool = Field(description="Whether a file says what happened; else what people said of alerts counts.")

    @classmethod
    def of(cls, one: Recording) -> "RecordingOut":
        """Return it as it is answered."""
        return cls(name=one.name, feeds=sorted(one.feeds), bytes=one.bytes, labelled=one.labels is not None)


class RecordingList(BaseModel):
    """The recordings in the folder of the settings, by name."""

    configured: bool = Field(description="Whether the settings name a folder (`console.backtests.recordings`).")
    items: list[RecordingOut]


class BacktestIn(BaseModel):
    """A change that is to be tried on a recording."""

    model_config = ConfigDict(extra="forbid")
    detector: str = Field(min_length=1, max_length=200, description="A window detector of the settings.")
    changes: Changes
    recording: Annotated[str, Field(pattern=NAME, description="As `GET /api/v1/recordings` names it; never a path.")]
    from_at: AwareDatetime | None = Field(default=None, description="Judge from here on; null: after the warm-up.")
    to_at: AwareDatetime | None = Field(default=None, description="Judge up to here; null: to the end.")
    warm_up: str | None = Field(
        default=None,
        min_length=2,
        max_length=20,
        description="Judge nothing in the first part, like 7d; null: a week, or a quarter of a shorter recording.",
    )


class ShareOut(BaseModel):
    """A share with its 95 % interval."""

    value: float
    count: int
    of: int
    low: float
    high: float


class RateOut(BaseModel):
    """How many a week, with the 95 % interval."""

    value: float
    count: int
    low: float
    high: float


class FiguresOut(BaseModel):
    """What one setting made of the recording."""

    alerts: int
    per_day: float
    open_share: float = Field(description="Share of the time in which an alert was open.")
    windows: int
    judged: int = Field(description="Windows with enough in them.")
    true: int | None = Field(description="Alerts that were right; null, as all below: the recording has no labels.")
    false: int | None
    unjudged: int | None
    precision: ShareOut | None
    recall: ShareOut | None = Field(description="Incidents found, of those that the detector ought to find.")
    false_per_week: RateOut | None

    @classmethod
    def of(cls, one: Figures) -> "FiguresOut":
        """Return it as it is answered."""
        return cls.model_validate(msgspec.to_builtins(one))


class TriedAlert(BaseModel):
    """An alert that one of the two raises."""

    fingerprint: str
    labels: dict[str, str]
    starts_at: str
    fired_at: str
    ends_at: str | None
    truth: str | None = Field(description="true, false or unjudged; null: the recording has no labels.")
    summary: str

    @classmethod
    def of(cls, one: AlertRow) -> "TriedAlert":
        """Return it as it is answered."""
        return cls.model_validate(msgspec.to_builtins(one))


class MovedAlert(BaseModel):
    """An alert that both raise, at other times."""

    running: TriedAlert
    tried: TriedAlert
    later_s: float = Field(description="Negative: the change raises it sooner.")

    @classmethod
    def of(cls, one: Moved) -> "MovedAlert":
        """Return it as it is answered."""
        return cls(running=TriedAlert.of(one.before), tried=TriedAlert.of(one.after), later_s=one.later_s)


class ResultOut(BaseModel):
    """What the change would have done, held against what alerts go by."""

    id: str = Field(description="Hash of what went in and what came out: the same again gives the same.")
    from_at: str
    to_at: str
    days: float
    events: int
    dead_letters: int
    labels: str | None = Field(
        description="The file that says what happened; `verdicts.jsonl`: what people said of alerts."
    )
    running: FiguresOut = Field(description="What alerts go by.")
    tried: FiguresOut = Field(description="The same with the change.")
    kept: int = Field(description="Alerts that both raise: at the same time, earlier or later.")
    earlier: int
    later: int
    gained_count: int
    lost_count: int
    gained: list[TriedAlert]
    lost: list[TriedAlert]
    moved: list[MovedAlert]
    listed: int = Field(description="Each of the three lists is cut after so many.")
    gained_incidents: list[int] = Field(description="Numbers of labels that only the change finds.")
    lost_incidents: list[int]
    worse: list[str] = Field(description="Why the change finds less; empty: it does not.")

    @classmethod
    def of(cls, one: Backtest, detector: str) -> "ResultOut | None":
        """Return it as it is answered; None: it is of something else."""
        if one.b is None or one.difference is None:
            return None
        found = one.difference
        return cls(
            id=one.id,
            from_at=one.span_from,
            to_at=one.span_to,
            days=one.days,
            events=one.events,
            dead_letters=one.dead_letters,
            labels=None if one.labels is None else one.labels.name,
            running=FiguresOut.of(_of(one.a.detectors, detector, one.a.total)),
            tried=FiguresOut.of(_of(one.b.detectors, detector, one.b.total)),
            kept=found.same + found.earlier + found.later,
            earlier=found.earlier,
            later=found.later,
            gained_count=found.gained_count,
            lost_count=found.lost_count,
            gained=[TriedAlert.of(row) for row in found.gained],
            lost=[TriedAlert.of(row) for row in found.lost],
            moved=[MovedAlert.of(row) for row in found.moved],
            listed=found.listed,
            gained_incidents=found.gained_incidents,
            lost_incidents=found.lost_incidents,
            worse=[why for why in found.worse if why.startswith(f"{detector}:")],
        )


class BacktestOut(BaseModel):
    """A backtest."""

    id: str
    state: State
    progress: float = Field(description="How much of it is done, 0 to 1. The recording is read twice.")
    reading: str = Field(description="What it does just now: A is what alerts go by, B is the same with the change.")
    detector: str
    changes: dict[str, Any]
    recording: str
    version: int = Field(description="What alerts went by when it was asked for; 0: the settings file.")
    by: str
    asked_at: str | None
    began_at: str | None
    ended_at: str | None
    error: str = Field(description="Why it failed, and what to do.")
    result: ResultOut | None = Field(description="null: it is not done, or that is no longer kept; and in lists.")

    @classmethod
    def of(cls, one: KeptJob, result: Backtest | None = None) -> "BacktestOut":
        """Return it as it is answered."""
        detector = str(one.about["detector"])
        return cls(
            id=one.id,
            state=one.state,
            progress=one.share,
            reading=one.reading,
            detector=detector,
            changes=one.about["changes"],
            recording=one.about["recording"],
            version=one.about["version"],
            by=one.by,
            asked_at=time_text(one.asked_us),
            began_at=time_text(one.began_us),
            ended_at=time_text(one.ended_us),
            error=one.error,
            result=None if result is None else ResultOut.of(result, detector),
        )


class BacktestList(BaseModel):
    """Backtests, the newest first."""

    items: list[BacktestOut]


def _of(rows: list[Figures], detector: str, total: Figures) -> Figures:
    return next((row for row in rows if row.detector == detector), total)
