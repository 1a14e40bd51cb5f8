"""Settings of enrichment: the table of customers, and sentiment for text that carries none."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from config.base import SettingsModel
from config.durations import DurationUs
from config.tables import CsvSettings, TableFormat


class ProfileSettings(SettingsModel):
    """A table with one row a customer; an event whose ``subject`` is the key gets the row as its profile.

    Attributes:
        path: the table: CSV, Parquet or JSON Lines, plain or gzip. It is read again when it changes.
        format: default: by the file's name.
        csv: how CSV is read.
        key: column with the customer, as events name it in ``subject``.
        tier, lifetime_value, language, contract: columns, by default of these names. A column that the table lacks
            leaves the field empty; one that is named here must be there.
        missing: texts that mean "no value".
    """

    path: Path
    format: TableFormat | None = None
    csv: CsvSettings = CsvSettings()
    key: str = "customer"
    tier: str | None = None
    lifetime_value: str | None = None
    language: str | None = None
    contract: str | None = None
    missing: list[str] = Field(default=[""])


_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US


class LearnSettings(SettingsModel):
    """Sentiment that is learned from surveys: a comment (``data.text``) with its score is a labelled text.

    A flow that runs learns and publishes versions; ``makegood sentiment learn`` does so from a recording. An event is
    scored by the version that is in force at its own time, and by VADER as long as no version is better than that.

    Attributes:
        versions: folder of the versions. What is in it is never changed, and must not be: replays need it.
        publish_every: event time from one version to the next; versions are made at whole multiples of it.
        in_force_after: how long after the last moment that it has learned a version comes into force. More than the
            lateness, and long enough for the version to be made and to reach every process.
        min_labels: with fewer labels of a language among the last ``window`` the model does not score that language.
        window: over how many of the last labels of a language the model is compared with VADER.
        hand_over: over this time the score goes over from VADER's to the model's once it is better: a step of the mean
            would look like a failure of the service.
        in_flow: a running flow learns, where one process does all the work; where several share it, and with ``false``,
            only ``makegood sentiment learn`` does.
        half_life: how long what was learned weighs against what is new.
    """

    versions: Path
    publish_every: DurationUs = Field(default=_DAY_US, ge=60_000_000)
    in_force_after: DurationUs = Field(default=_HOUR_US, ge=0)
    min_labels: int = Field(default=100, ge=20)
    window: int = Field(default=1_000, ge=20, le=100_000)
    hand_over: DurationUs = Field(default=7 * _DAY_US, ge=0)
    in_flow: bool = True
    half_life: DurationUs = Field(default=180 * _DAY_US, ge=_DAY_US)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.min_labels > self.window:
            msg = f"min_labels is {self.min_labels}, more than the window of {self.window}: the model would never score"
            raise ValueError(msg)
        return self


class SentimentSettings(SettingsModel):
    """How text without a sentiment gets one. A sentiment that an event carries is never replaced.

    Attributes:
        method: ``vader``: the compound score of VADER, -1 to 1, for English text; ``none``: such events stay without.
        languages: languages whose text is scored, compared by the part before ``-`` or ``_`` (``en-GB`` is ``en``). The
            language is the event's label ``language``, else the profile's.
        assume: language of text of which nothing says the language.
        cache_size: how many texts are remembered with their score (repeated posts are scored once).
        learn: learn from surveys; without it the score is VADER's.
    """

    method: Literal["vader", "none"] = "vader"
    languages: list[str] = Field(default=["en", "eng", "english"])
    assume: str = "en"
    cache_size: int = Field(default=16_384, ge=0, le=10_000_000)
    learn: LearnSettings | None = None

    @model_validator(mode="after")
    def _has_a_method(self) -> Self:
        if self.learn is not None and self.method == "none":
            msg = "learn: with method none no text is scored; leave learn out, or set method to vader"
            raise ValueError(msg)
        return self
