"""How much of a recording has been read."""

from collections.abc import Mapping
from pathlib import Path

from config.settings import Settings
from pipeline.compose import feed_settings
from pipeline.feeds.contract import Feed, Status
from pipeline.feeds.file import FileSettings
from pipeline.records.discovery import find_files
from pipeline.records.opening import format_of, is_gzip

Partition = tuple[str, str]


class Reading:
    """Says how far the feeds of a recording have come, by the bytes of their files.

    JSON Lines count as far as they are read. Gzip, CSV and Parquet files, and files that are sorted, count when they
    are read to their end.

    Args:
        settings: of everything. Feeds that read no files do not count.
        feeds: by name; they are asked nothing before they are open.
    """

    def __init__(self, settings: Settings, feeds: Mapping[str, Feed]) -> None:
        self._feeds = feeds
        self._sizes: dict[Partition, int] = {}
        self._by_bytes: set[Partition] = set()
        for name, entry in feed_settings(settings).items():
            if isinstance(entry, FileSettings):
                self._add(name, entry)
        self._total = sum(self._sizes.values())

    def share(self) -> float:
        """Return which share has been read, 0 to 1. May be called in any thread, once a record has come."""
        if not self._total:
            return 0.0
        read = 0
        for name in {feed for feed, _ in self._sizes}:
            positions = self._feeds[name].positions()
            for partition, status in self._feeds[name].partitions().items():
                key = (name, partition)
                size = self._sizes.get(key, 0)
                if status is Status.ENDED:
                    read += size
                elif key in self._by_bytes:
                    read += min(size, positions.get(partition, 0))
        return min(1.0, read / self._total)

    def _add(self, name: str, entry: FileSettings) -> None:
        for partition, path in find_files(entry.path, follow=False).items():
            self._sizes[name, partition] = path.stat().st_size
            if entry.sort == "none" and _is_lines(path, entry):
                self._by_bytes.add((name, partition))


def _is_lines(path: Path, entry: FileSettings) -> bool:
    try:
        return not is_gzip(path) and format_of(path, entry.format) == "jsonl"
    except ValueError:  # its name does not say: the feed refuses it, and says so better
        return False
