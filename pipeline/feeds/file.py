"""The file feed: JSON Lines, CSV or Parquet, plain or gzip; a file, a folder or a pattern; read once or followed."""

from pathlib import Path

from pipeline.feeds.contract import FEEDS, FeedContext, FeedError, RawBatch, Status
from pipeline.feeds.file_following import Outages, Renamed, Unopened
from pipeline.feeds.file_settings import FileSettings, check_files
from pipeline.mapping import Mapper, compile_mapping
from pipeline.records.contract import RecordReader
from pipeline.records.discovery import Discovery, find_files, names_many
from pipeline.records.following import CsvFollower, lines
from pipeline.records.opening import followed_format, format_of, is_gzip
from pipeline.records.ordered import OrderedReader, TooMuchToSortError
from pipeline.records.tail import MARKS, TailReader
from pipeline.records.whole import open_reader

__all__ = ["MAX_OPEN", "FileFeed", "FileSettings", "check_files"]

MAX_OPEN = 200
"""Beyond this many, files that are followed and read to their end are closed until they change."""


@FEEDS.register("file", FileSettings)
class FileFeed:
    """Reads files (the protocol is ``Feed`` in ``pipeline.feeds.contract``).

    A file that cannot be read any more is tried again, with back-off; reading goes on where it was.

    Args:
        name: of the feed.
        settings: of the feed.
        context: a recording is read as it is there, then ends, also where the settings say ``follow``. Only the process
            with index 0 reads.

    Raises:
        ValueError: naming the setting, where the feed sorts and its mapping cannot be compiled.
    """

    def __init__(self, name: str, settings: FileSettings, context: FeedContext) -> None:
        self.name = name
        self._settings = settings
        self._reads = context.share.index == 0
        self._follow = settings.follow and not context.recording
        self._mapper: Mapper | None = None
        if settings.sort == "time" and settings.mapping is not None:
            self._mapper = compile_mapping(settings.mapping, name)
        self._discovery = Discovery(settings.path)
        self._many = False
        self._resume: dict[str, int] = {}
        self._readers: dict[str, RecordReader] = {}
        self._paths: dict[str, Path] = {}
        self._outages = Outages(name)
        self._renamed = Renamed()
        self._reported: set[str] = set()
        self._turn = 0

    def open(self, positions: dict[str, int]) -> None:
        """Find the files and start reading.

        Raises:
            FeedError: when there is no file (unless it is followed), or a file's name does not say its format.
        """
        self._resume = dict(positions)
        if not self._reads:
            return
        check_files(self.name, self._settings, follow=self._follow)
        self._reported = {name for name, position in positions.items() if position > 0}
        self._discover()

    def partitions(self) -> dict[str, Status]:
        """Return every file with its status; none in a process that does not read them."""
        return {name: self._status(name, reader) for name, reader in self._readers.items()}

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        """Return what is there now: of the file asked for, or of all in turn."""
        if partition is not None:
            return self._poll([partition], max_records)
        if self._follow and self._reads:
            self._discover()
        names = list(self._readers)
        if not names:
            return []
        self._turn = (self._turn + 1) % len(names)
        return self._poll(names[self._turn :] + names[: self._turn], max_records)

    def positions(self) -> dict[str, int]:
        """Return, by file, the offset after the last record that ``poll`` returned (and marks of followed files)."""
        positions = dict(self._resume)
        for name in self._readers:
            positions |= self._position(name)
        return positions

    def why_unreachable(self) -> dict[str, str]:
        """Return why files cannot be read now."""
        readers = dict(self._readers)
        missing = (name for name, reader in readers.items() if isinstance(reader, TailReader) and not reader.reachable)
        return {**dict.fromkeys(missing, "there is no such file"), **self._outages.why()}

    def close(self) -> None:
        """Close all files."""
        for reader in self._readers.values():
            reader.close()

    def _poll(self, names: list[str], max_records: int) -> list[RawBatch]:
        batches = []
        for name in names:
            if self._readers[name].ended or not self._outages.may_try(name):
                continue
            try:
                if self._outages.is_out(name):
                    self._readers[name] = self._open(name, self._paths[name])
                batch = self._batch(name, self._readers[name], max_records)
            except OSError as error:
                self._resume |= self._position(name)
                self._readers[name].close()
                self._outages.failed(name, error)
                continue
            self._outages.well(name)
            if batch is not None:
                batches.append(batch)
                max_records -= len(batch.records) + len(batch.bad)
                if max_records <= 0:
                    break
        return batches

    def _batch(self, name: str, reader: RecordReader, max_records: int) -> RawBatch | None:
        try:
            cut = reader.take(max_records)
        except TooMuchToSortError as error:
            msg = f"feed {self.name!r}: max_sort_bytes: {self._paths[name]}: {error}"
            raise FeedError(msg) from error
        if isinstance(reader, TailReader):
            if reader.trouble:
                raise OSError(reader.trouble)
            if len(self._readers) > MAX_OPEN:
                reader.park()
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

    def _position(self, name: str) -> dict[str, int]:
        if self._outages.is_out(name):
            return {key: value for key, value in self._resume.items() if key.partition("\t")[0] == name}
        reader = self._readers[name]
        marks = reader.marks() if isinstance(reader, TailReader) else {}
        return {name: reader.position, **{f"{name}\t{mark}": value for mark, value in marks.items()}}

    def _status(self, name: str, reader: RecordReader) -> Status:
        if self._outages.is_out(name):
            return Status.UNREACHABLE
        if isinstance(reader, TailReader):
            if not reader.reachable:
                # A file of a folder that is gone was deleted or renamed. What was written to it is read: it must not
                # hold time back for ever. A single file must come back.
                return Status.ENDED if reader.caught_up and self._many else Status.UNREACHABLE
            return Status.CAUGHT_UP if reader.caught_up else Status.READING
        return Status.ENDED if reader.ended else Status.READING

    def _discover(self) -> None:
        """Find files that are not being read yet; let go of those that are gone and were read to their end."""
        found = self._discovery.look() if self._follow else find_files(self._settings.path, follow=False)
        if found is None:
            return
        self._many = names_many(self._settings.path)
        if self._follow and self._many:
            for name in sorted(self._readers.keys() - found.keys()):
                if self._status(name, self._readers[name]) is Status.ENDED:
                    self._let_go(name)
        for name in sorted(found.keys() - self._readers.keys()):
            path = found[name]
            if self._follow and self._many and name not in self._resume:
                if self._renamed.is_held(path, self._readers.values()):
                    continue
                self._resume |= self._renamed.figures(name, path)
            self._paths[name] = path
            self._readers[name] = self._opened(name, path)

    def _let_go(self, name: str) -> None:
        reader = self._readers.pop(name)
        if isinstance(reader, TailReader):
            self._renamed.note(reader)
        reader.close()
        del self._paths[name]
        self._resume = {key: value for key, value in self._resume.items() if key.partition("\t")[0] != name}

    def _opened(self, name: str, path: Path) -> RecordReader:
        try:
            return self._open(name, path)
        except (OSError, ValueError) as error:
            if self._follow and isinstance(error, OSError):
                return Unopened(error, self._resume.get(name, 0))
            msg = f"feed {self.name!r}: path: cannot read {path}: {error}"
            raise FeedError(msg) from error

    def _open(self, name: str, path: Path) -> RecordReader:
        settings = self._settings
        limit, position = settings.max_record_bytes, self._resume.get(name, 0)
        if self._follow:
            format_ = followed_format(path, settings.format)
            if format_ != "parquet" and not is_gzip(path):
                marks = {mark: self._resume.get(f"{name}\t{mark}", 0) for mark in MARKS}
                build = CsvFollower(path, settings.csv, limit) if format_ == "csv" else lines(limit)
                return TailReader(path, position, marks, build=build, alone=self._many)
        else:
            format_ = format_of(path, settings.format)
        if settings.sort == "time":
            reader = open_reader(path, 0, format_, settings.csv, limit)
            return OrderedReader(reader, self._mapper, position, max_bytes=settings.max_sort_bytes)
        return open_reader(path, position, format_, settings.csv, limit)
