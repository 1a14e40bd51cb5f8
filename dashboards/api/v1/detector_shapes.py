"""What the API answers about detectors."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from dashboards.api.v1.shapes import time_text
from detectors.control import ThresholdVersion
from pipeline.backtest.knob import Knob
from pipeline.backtest.knob import Row as KnobRow
from pipeline.control.comparing import Episode


class VersionOut(BaseModel):
    """One change of a detector."""

    number: int = Field(description="In the log of controls.")
    version: int
    mode: Literal["live", "shadow", "stopped"]
    changes: dict[str, Any] = Field(description="What differs from the settings file.")
    effective_at: str | None
    at: str | None
    by: str
    why: str

    @classmethod
    def of(cls, one: ThresholdVersion) -> "VersionOut":
        """Return it as it is answered."""
        return cls(
            number=one.number,
            version=one.version,
            mode=one.mode,
            changes=dict(one.decision),
            effective_at=time_text(one.effective_us),
            at=time_text(one.at_us),
            by=one.by,
            why=one.why,
        )


class DetectorOut(BaseModel):
    """A detector."""

    name: str
    type: str
    tunable: bool = Field(description="Whether it can be changed while it runs.")
    live: int = Field(description="The version that alerts go by; 0: the settings file.")
    live_changes: dict[str, Any]
    shadows: list[int]
    open: int = Field(description="Alerts of it that fire.")
    verdicts: dict[str, int]
    history: list[VersionOut] = Field(description="Newest first; empty in lists.")


class DetectorList(BaseModel):
    """All detectors, by name."""

    items: list[DetectorOut]


class CountedOut(BaseModel):
    """What one setting makes of the windows that are kept."""

    alerts: int
    per_week: float
    useful: int
    noise: int
    precision: float | None = Field(description="By verdicts; null: nobody has judged any.")
    recall: float | None


class ChangedAlert(BaseModel):
    """An alert that would be gained or lost."""

    group: dict[str, str]
    starts_at: str | None
    ends_at: str | None
    summary: str
    verdict: str

    @classmethod
    def of(cls, one: KnobRow) -> "ChangedAlert":
        """Return it as it is answered."""
        return cls(
            group=one.group,
            starts_at=time_text(one.starts_at_us),
            ends_at=time_text(one.ends_at_us),
            summary=one.summary,
            verdict=one.verdict,
        )


class TriedOut(BaseModel):
    """What a change would have done."""

    from_at: str | None
    to_at: str | None
    windows: int
    groups: int
    live: CountedOut
    tried: CountedOut
    gained: list[ChangedAlert]
    lost: list[ChangedAlert]
    gained_count: int
    lost_count: int
    same: int
    earlier: int
    later: int

    @classmethod
    def of(cls, one: Knob) -> "TriedOut":
        """Return it as it is answered."""
        fields = ("alerts", "per_week", "useful", "noise", "precision", "recall")
        return cls(
            from_at=time_text(one.from_us),
            to_at=time_text(one.to_us),
            windows=one.windows,
            groups=one.groups,
            live=CountedOut(**{name: getattr(one.live, name) for name in fields}),
            tried=CountedOut(**{name: getattr(one.tried, name) for name in fields}),
            gained=[ChangedAlert.of(row) for row in one.gained],
            lost=[ChangedAlert.of(row) for row in one.lost],
            gained_count=one.gained_count,
            lost_count=one.lost_count,
            same=one.same,
            earlier=one.earlier,
            later=one.later,
        )


class EpisodeOut(BaseModel):
    """An alert of a candidate, or of what is live."""

    group: dict[str, str]
    starts_at: str | None
    ends_at: str | None
    p_value: float | None

    @classmethod
    def of(cls, one: Episode) -> "EpisodeOut":
        """Return it as it is answered."""
        return cls(
            group=one.group,
            starts_at=time_text(one.starts_at_us),
            ends_at=time_text(one.ends_at_us),
            p_value=one.p_value,
        )


class ShadowOut(BaseModel):
    """What a candidate in the shadow has decided so far."""

    version: int
    gained: list[EpisodeOut]
    lost: list[EpisodeOut]
    both: int
