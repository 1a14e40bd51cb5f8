"""Settings of the feed that reads files."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from config.tables import CsvSettings, TableFormat
from pipeline.feeds.contract import FeedError, FeedSettings
from pipeline.records.discovery import WILDCARDS, find_files
from pipeline.records.opening import is_gzip


class FileSettings(FeedSettings):
    """Records in files.

    Attributes:
        path: a file, a folder (every file in it and below, hidden ones left out), or a pattern (``exports/*.csv.gz``).
            Each file is a partition.
        format: ``jsonl``, ``csv`` or ``parquet``; default: by the file's name. Files named ``….gz`` are gzip.
        csv: how CSV is written.
        follow: live: go on reading as the files grow, as ``tail -F`` does (JSON Lines and CSV). A replay reads to the
            end. In a folder or pattern new files are found, and gzip and Parquet files are read once.
        sort: ``time`` sorts the events of each file by time, for tables that are not written in that order. The whole
            file is read into memory.
        max_sort_bytes: of the events of one file that is sorted; a file with more is refused.
    """

    type: Literal["file"]
    path: Path
    format: TableFormat | None = None
    csv: CsvSettings = CsvSettings()
    follow: bool = False
    sort: Literal["none", "time"] = "none"
    max_sort_bytes: int = Field(default=1_000_000_000, ge=1_000)

    @model_validator(mode="after")
    def _followed_in_order(self) -> Self:
        if self.follow and self.sort == "time":
            msg = "follow and sort: time exclude each other: a file that still grows cannot be sorted"
            raise ValueError(msg)
        if self.follow and (self.format == "parquet" or (is_gzip(self.path) and not WILDCARDS & set(str(self.path)))):
            msg = "follow reads JSON Lines and CSV that grow; leave it out for Parquet and for gzip"
            raise ValueError(msg)
        return self


def check_files(name: str, settings: FileSettings, *, follow: bool) -> None:
    """Prove that there is something to read, before anything is started. Opens nothing.

    Args:
        name: of the feed.
        settings: of the feed.
        follow: what is not there yet may come.

    Raises:
        FeedError: when there is no file, and none may come.
    """
    if not follow and not find_files(settings.path, follow=False):
        msg = f"feed {name!r}: path: there is no file {settings.path}; give a file, a folder with files or a pattern"
        raise FeedError(msg)
