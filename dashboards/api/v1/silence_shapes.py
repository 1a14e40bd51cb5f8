"""What the API takes and answers of silences."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from alerts.silencing import MOST_COMMENT, Silence, State
from dashboards.api.v1.shapes import time_text
from dashboards.context import Context

Matchers = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=1000)]],
    Field(min_length=1, max_length=50, description='Like service="pay"; all of them must hold.'),
]
SHOWN = 50


class SilenceOut(BaseModel):
    """A silence."""

    id: str
    state: State
    matchers: list[str]
    starts_at: str | None
    ends_at: str | None
    author: str
    comment: str
    version: int
    hides_now: int = Field(description="Alerts that fire and that it is about; none of one that is over.")

    @classmethod
    def of(cls, one: Silence, context: Context) -> "SilenceOut":
        """Return it as it is answered."""
        state = one.state(context.now_us())
        return cls(
            id=one.id,
            state=state,
            matchers=list(one.matchers),
            starts_at=time_text(one.starts_us),
            ends_at=time_text(one.ends_us),
            author=one.author,
            comment=one.comment,
            version=one.version,
            hides_now=0 if state == "expired" else len(context.mirror.about(one)),
        )


class SilenceList(BaseModel):
    """Silences: active ones before pending before expired ones, each by their end."""

    items: list[SilenceOut]


class Silencing(BaseModel):
    """A silence to be made."""

    model_config = ConfigDict(extra="forbid")
    matchers: Matchers
    ends_at: AwareDatetime
    starts_at: AwareDatetime | None = Field(default=None, description="null: now.")
    comment: str = Field(min_length=1, max_length=MOST_COMMENT, description="Why: whoever misses an alert reads it.")


class Changing(BaseModel):
    """What is to be changed about a silence; null: it stays."""

    model_config = ConfigDict(extra="forbid")
    matchers: Matchers | None = None
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    comment: str | None = Field(default=None, min_length=1, max_length=MOST_COMMENT)


class Previewing(BaseModel):
    """Matchers to be tried, and over which time."""

    model_config = ConfigDict(extra="forbid")
    matchers: Matchers
    days: int = Field(default=7, ge=0, le=90, description="How far back to look.")


class PreviewOut(BaseModel):
    """What a silence with these matchers would hide."""

    matchers: list[str]
    now: int = Field(description="Alerts that fire now.")
    now_urgent: int = Field(description="Of these, those of priority 1.")
    fingerprints: list[str] = Field(description=f"The first {SHOWN} of them.")
    past: int = Field(description="Alerts that it would have hidden in the time asked about.")
    past_total: int = Field(description="All alerts of that time.")


def plain(silence: Silence) -> dict[str, object]:
    """Return a silence as the audit log has it."""
    return {
        "matchers": list(silence.matchers),
        "starts_at": time_text(silence.starts_us),
        "ends_at": time_text(silence.ends_us),
        "author": silence.author,
        "comment": silence.comment,
    }
