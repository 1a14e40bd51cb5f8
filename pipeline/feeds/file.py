"""The file feed: JSON Lines, CSV or Parquet, plain or gzip; a file, a folder or a pattern; read once or followed."""

from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from config.tables import CsvSettings, TableFormat
from pipeline.feeds.contract import FEEDS, FeedContext, FeedError, FeedSettings, RawBatch, Status
from pipeline.mapping import Mapper, compile_mapping
from pipeline.records.contract import RecordReader
from pipeline.records.csvfile import CsvReader
from pipeline.records.lines import LineReader
from pipeline.records.opening import format_of, is_gzip, open_bytes, open_text_bytes
from pipeline.records.ordered import OrderedReader
from pipeline.records.parquet import ParquetReader
from pipeline.records.tail import MARKS, TailReader

_WILDCARDS = frozenset("*?[")


class FileSettings(FeedSettings):
    """Records in files.

    Attributes:
        path: a file, a folder (every file in it and below, hidden ones left out), or a pattern (``exports/*.csv.gz``).
            Each file is a partition.
        format: ``jsonl``, ``csv`` or ``parquet``; default: by the file's name. Files named ``….gz`` are gzip.
        csv: how CSV is written.
        follow: live: go on reading as the files grow, as ``tail -F`` does (JSON Lines only). A replay reads to the end.
        sort: ``time`` sorts the events of each file by time, for tables that are not written in that order. The whole
            file is read into memory.
    """

    type: Literal["file"]
    path: Path
    format: TableFormat | None = None
    csv: CsvSettings = CsvSettings()
    follow: bool = False
    sort: Literal["none", "time"] = "none"

    @model_validator(mode="after")
    def _followed_in_order(self) -> Self:
        if self.follow and self.sort == "time":
            msg = "follow and sort: time exclude each other: a file that still grows cannot be sorted"
            raise ValueError(msg)
        if self.follow and (self.format not in {None, "jsonl"} or is_gzip(self.path)):
            msg = "follow reads plain JSON Lines only; leave it out for other formats and for gzip"
            raise ValueError(msg)
        return self


@FEEDS.register("file", FileSettings)
class FileFeed:
    """Reads files (the protocol is ``Feed`` in ``pipeline.feeds.contract``).

    Args:
        name: of the feed.
        settings: of the feed.
        context: a recording is read as it is there, then ends, also where the settings say ``follow``.

    Raises:
        ValueError: naming the setting, where the feed sorts and its mapping cannot be compiled.
    """

    def __init__(self, name: str, settings: FileSettings, context: FeedContext) -> None:
        self.name = name
        self._settings = settings
        self._follow = settings.follow and not context.recording
        self._mapper: Mapper | None = None
        if settings.sort == "time" and settings.mapping is not None:
            self._mapper = compile_mapping(settings.mapping, name)
        self._resume: dict[str, int] = {}
        self._readers: dict[str, RecordReader] = {}
        self._reported: set[str] = set()
        self._turn = 0

    def open(self, positions: dict[str, int]) -> None:
        """Find the files and start reading.

        Raises:
            FeedError: when there is no file (unless it is followed), or a file's name does not say its format.
        """
        check_files(self.name, self._settings, follow=self._follow)
        self._resume = dict(positions)
        self._reported = {name for name, position in positions.items() if position > 0}
        self._discover()

    def partitions(self) -> dict[str, Status]:
        """Return every file with its status."""
        return {name: self._status(reader) for name, reader in self._readers.items()}

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        """Return what is there now: of the file asked for, or of all in turn."""
        if partition is not None:
            return self._poll([partition], max_records)
        if self._follow:
            self._discover()
        names = list(self._readers)
        if not names:
            return []
        self._turn = (self._turn + 1) % len(names)
        return self._poll(names[self._turn :] + names[: self._turn], max_records)

    def positions(self) -> dict[str, int]:
        """Return, by file, the offset after the last record that ``poll`` returned (and marks of followed files)."""
        positions = dict(self._resume)
        for name, reader in self._readers.items():
            positions[name] = reader.position
            if isinstance(reader, TailReader):
                positions |= {f"{name}\t{mark}": value for mark, value in reader.marks().items()}
        return positions

    def close(self) -> None:
        """Close all files."""
        for reader in self._readers.values():
            reader.close()

    def _poll(self, names: list[str], max_records: int) -> list[RawBatch]:
        batches = []
        for name in names:
            reader = self._readers[name]
            if reader.ended:
                continue
            batch = self._batch(name, reader, max_records)
            if batch is not None:
                batches.append(batch)
                max_records -= len(batch.records) + len(batch.bad)
                if max_records <= 0:
                    break
        return batches

    def _batch(self, name: str, reader: RecordReader, max_records: int) -> RawBatch | None:
        cut = reader.take(max_records)
        if reader.ended:
            reader.close()
        batch = RawBatch(self.name, name, cut.offsets, cut.records, cut.bad)
        if isinstance(reader, OrderedReader):
            batch.mapped = True
            if name not in self._reported:
                # With the first records: a snapshot behind them has counted what was filtered.
                self._reported.add(name)
                batch.filtered = reader.filtered
        return batch if batch.records or batch.bad or batch.filtered else None

    def _status(self, reader: RecordReader) -> Status:
        if isinstance(reader, TailReader):
            if not reader.reachable:
                # A file of a folder that is gone was deleted or renamed (and is found by its new name). What was
                # written to it is read: it must not hold time back for ever. A single file must come back.
                path = self._settings.path
                gone = reader.caught_up and (path.is_dir() or _is_pattern(path))
                return Status.ENDED if gone else Status.UNREACHABLE
            return Status.CAUGHT_UP if reader.caught_up else Status.READING
        return Status.ENDED if reader.ended else Status.READING

    def _discover(self) -> None:
        """Find files that are not being read yet."""
        found = _files(self._settings.path, follow=self._follow)
        for name in sorted(found.keys() - self._readers.keys()):
            self._readers[name] = self._open(name, found[name])

    def _open(self, name: str, path: Path) -> RecordReader:
        settings = self._settings
        position = self._resume.get(name, 0)
        if self._follow:
            marks = {mark: self._resume.get(f"{name}\t{mark}", 0) for mark in MARKS}
            return TailReader(path, position, marks, max_record_bytes=settings.max_record_bytes)
        if settings.sort == "time":
            return OrderedReader(self._reader(path, 0), self._mapper, position)
        return self._reader(path, position)

    def _reader(self, path: Path, position: int) -> RecordReader:
        settings = self._settings
        limit = settings.max_record_bytes
        try:
            format_ = format_of(path, settings.format)
            if format_ == "parquet":
                return ParquetReader(path, position, max_record_bytes=limit)
            if format_ == "csv":
                csv = settings.csv
                return CsvReader(open_text_bytes(path), position, settings=csv, max_record_bytes=limit)
            return LineReader(open_bytes(path), position, max_record_bytes=limit, whole=True)
        except (ValueError, OSError) as error:
            msg = f"feed {self.name!r}: path: cannot read {path}: {error}"
            raise FeedError(msg) from error


def check_files(name: str, settings: FileSettings, *, follow: bool) -> None:
    """Prove that there is something to read, before anything is started. Opens nothing.

    Args:
        name: of the feed.
        settings: of the feed.
        follow: what is not there yet may come.

    Raises:
        FeedError: when there is no file, and none may come.
    """
    if not follow and not _files(settings.path, follow=False):
        msg = f"feed {name!r}: path: there is no file {settings.path}; give a file, a folder with files or a pattern"
        raise FeedError(msg)


def _files(path: Path, *, follow: bool) -> dict[str, Path]:
    """Return the files that a path names, by partition."""
    if path.is_dir():
        return {str(file.relative_to(path)): file for file in path.rglob("*") if _is_visible(file, path)}
    if _is_pattern(path):
        root = Path(path.anchor) if path.is_absolute() else Path()
        return {str(file): file for file in root.glob(str(path.relative_to(root))) if file.is_file()}
    return {path.name: path} if path.exists() or follow else {}


def _is_pattern(path: Path) -> bool:
    return bool(_WILDCARDS & set(str(path))) and not path.exists()


def _is_visible(file: Path, folder: Path) -> bool:
    return file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
