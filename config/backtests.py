"""Settings of backtests that the console runs."""

from pathlib import Path

from pydantic import Field

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs

_HOUR_US = 3_600 * US_PER_SECOND


class BacktestSettings(SettingsModel):
    """Backtests over recordings, asked for in the console or its API. One runs at a time, in a process of its own.

    Attributes:
        recordings: folder of recordings: each folder in it is one, by its name. In that there is a file or a folder
            for each feed, named as the feed (`social.jsonl`, `crm.csv.gz`, `survey/`), and, where it is known what
            happened, `labels.yaml` (`.json`, `.jsonl`, `.csv`) or `truth.json`. Without it there are no backtests here.
        within: one that takes longer is ended.
        memory_bytes: one that needs more is ended (Linux).
        waiting: how many may wait; more are refused.
        keep: how long a result is kept.
    """

    recordings: Path | None = None
    within: DurationUs = Field(default=_HOUR_US, ge=10 * US_PER_SECOND)
    memory_bytes: int = Field(default=2_000_000_000, ge=256_000_000)
    waiting: int = Field(default=8, ge=0, le=100)
    keep: DurationUs = Field(default=30 * 24 * _HOUR_US, ge=_HOUR_US)
