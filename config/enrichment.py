"""Settings of enrichment: the table of customers, and sentiment for text that carries none."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from config.base import SettingsModel
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


class SentimentSettings(SettingsModel):
    """How text without a sentiment gets one. A sentiment that an event carries is never replaced.

    Attributes:
        method: ``vader``: the compound score of VADER, -1 to 1, for English text; ``none``: such events stay without.
        languages: languages whose text is scored, compared by the part before ``-`` or ``_`` (``en-GB`` is ``en``). The
            language is the event's label ``language``, else the profile's.
        assume: language of text of which nothing says the language.
        cache_size: how many texts are remembered with their score (repeated posts are scored once).
    """

    method: Literal["vader", "none"] = "vader"
    languages: list[str] = Field(default=["en", "eng", "english"])
    assume: str = "en"
    cache_size: int = Field(default=16_384, ge=0, le=10_000_000)
