"""What is fuzzed with bytes: each target takes any bytes, and raises where a rule is broken.

The first bytes choose what is done (which mapping, how small the reads are), the rest is what is read.
"""

import io
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path

import msgspec

from config.tables import CsvSettings
from pipeline.columns.scanner import Scanner
from pipeline.events import EARLIEST_US, LATEST_US, to_us
from pipeline.reasons import RecordError
from pipeline.records.contract import Cut, RecordReader
from pipeline.records.csvfile import CsvReader
from pipeline.records.lines import LineReader
from pipeline.schema_changes import read_detail
from pipeline.timeparse import TimeParser, compile_times
from tests.fuzz.bulk import batch_of
from tests.fuzz.checks import check_closely, check_decoded, hold
from tests.fuzz.followed import BOM, MOST_BYTES, Followed, is_blank, merged, told
from tests.fuzz.subjects import CANONICAL, names, subject
from tests.pipeline.columns import holding

_FORMATS = (
    ("rfc3339",), ("iso8601",), ("epoch_s", "epoch_ms"), ("epoch_us",), ("%d/%m/%Y %H:%M", "%d/%m/%y"),
    ("%Y-%m-%d %H:%M:%S.%f", "%F %T"), ("%d %b %Y %I:%M:%S %p %z",), ("%B %d, %Y",), ("%Y-%j %H:%M", "%Y%m%d"),
    ("%d.%m.%Y%H:%M:%S",), ("rfc3339", "%m/%d/%Y", "epoch_ms"),
)  # fmt: skip
_ZONES = (None, "UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
_RFC_DIGITS = 26


def decode(data: bytes) -> None:
    """Canonical records, one a line, as objects and as columns."""
    _records(CANONICAL, data)
    holding.check(data.split(b"\n"), _scanner())


@cache
def _scanner() -> Scanner:
    return holding.scanner()


def mapping(data: bytes) -> None:
    """Records of a mapped feed, one a line; the first byte chooses the mapping."""
    if data:
        chosen = names()[1:]
        _records(chosen[data[0] % len(chosen)], data[1:])


def _records(name: str, data: bytes) -> None:
    chosen = subject(name)
    batch = batch_of(name, data.split(b"\n"))
    decoded = chosen.decoder.decode(batch)
    check_decoded(batch, decoded, chosen.mapper, mapped=chosen.mapper is not None)
    check_closely(decoded.events)
    for letter in decoded.dead:
        told = read_detail(RecordError(letter.reason, letter.detail))
        hold(told.field in letter.detail or "'" in letter.detail, "a field is named by its detail", told, letter.detail)


def times(data: bytes) -> None:
    """One text as a time: a parser that has seen many texts says what a new one says."""
    if len(data) < 2:
        return
    formats, zone = _FORMATS[data[0] % len(_FORMATS)], _ZONES[data[1] % len(_ZONES)]
    text = data[2:].decode("utf-8", "replace")
    values: list[object] = [text]
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        values.append(msgspec.json.decode(data[2:]))
    for value in values:
        old, new = _time(_parser(formats, zone), value), _time(compile_times(formats, zone), value)
        hold(old == new, "a parser's memory changes nothing", formats, zone, value, old, new)
    if formats == ("rfc3339",) and len(text) <= _RFC_DIGITS:  # digits behind the microsecond are cut, not rounded
        _agrees_with_events(text)


@cache
def _parser(formats: tuple[str, ...], zone: str | None) -> TimeParser:
    return compile_times(formats, zone)


def _time(parse: TimeParser, value: object) -> int | str:
    try:
        return parse(value)
    except (ValueError, OverflowError) as error:
        return type(error).__name__


def _agrees_with_events(text: str) -> None:
    mine = _time(_parser(("rfc3339",), None), text)
    if isinstance(mine, int) and EARLIEST_US <= mine < LATEST_US:
        theirs = msgspec.convert(text, type=datetime)
        hold(to_us(theirs) == mine, "events and mappings read a time alike", text, theirs, mine)


class _Trickle(io.RawIOBase):
    """A file that gives a few bytes a time, as a pipe may; the mark at the beginning comes whole."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__()
        self._file = io.BytesIO(data)
        self._size = size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        least = len(BOM) if self._file.tell() == 0 else 1
        return self._file.read(min(size, max(self._size, least)) if size >= 0 else size)


def lines(data: bytes) -> None:
    """A file of lines, read a few bytes a time, a few lines a time, and begun again at every place."""
    if len(data) < 3:
        return
    size, limit, most, text = data[0] % 32 + 1, data[1] % 64 + 1, data[2] % 8 + 1, data[3:]
    wanted = _lines_of(text, limit)

    def reader(position: int) -> LineReader:
        return LineReader(_Trickle(text, size), position, max_record_bytes=limit, whole=True)  # type: ignore[arg-type]

    found, places = _read_all(reader(0), most)
    hold(told(found) == wanted, "lines are those of the text", wanted, found)
    for position in places:
        rest, _ = _read_all(reader(position), most)
        hold(
            told(rest) == [item for item in wanted if item[0] >= position], "it goes on where it ended", position, rest
        )


def _lines_of(text: bytes, limit: int) -> list[tuple[int, bytes]]:
    begin = len(BOM) if text.startswith(BOM) else 0
    found = []
    at = begin
    for line in text[begin:].split(b"\n"):
        if not is_blank(line):
            found.append((at, line))
        at += len(line) + 1
    return found


def _read_all(reader: RecordReader, most: int) -> tuple[list[tuple[int, bytes]], list[int]]:
    """Return offsets and bytes of all records, good and bad, and the positions between the takes."""
    found: list[tuple[int, bytes]] = []
    places = []
    while True:
        before = len(found)
        cut = reader.take(most)
        found += merged(cut)
        places.append(reader.position)
        if reader.ended and len(found) == before:
            break
    reader.close()
    offsets = [offset for offset, _ in found]
    hold(offsets == sorted(set(offsets)), "offsets rise", offsets)
    return found, places


def table(data: bytes) -> None:
    """A CSV file: rows have ordinals without a gap, and reading can begin again at each."""
    if len(data) < 4:
        return
    limit, most, text = data[0] % 200 + 4, data[1] % 8 + 1, data[4:]
    settings = CsvSettings(
        delimiter=",;\t|"[data[2] % 4],
        quote="\"'"[data[2] // 4 % 2],
        encoding=("utf-8", "latin-1", "cp1252", "utf-8-sig")[data[3] % 4],
        columns=["a", "b"] if data[3] // 4 % 2 else None,
    )

    def reader(position: int) -> CsvReader:
        return CsvReader(io.BytesIO(text), position, settings=settings, max_record_bytes=limit)

    found, places = _read_all(reader(0), most)
    hold([offset for offset, _ in found] == list(range(len(found))), "rows have ordinals without a gap", found)
    for position in places:
        rest, _ = _read_all(reader(position), most)
        hold(rest == found[position:], "it goes on where it ended", position, rest, found)
    for raw in (raw for cut in _cuts(reader(0), most) for raw in cut.records):
        row = msgspec.json.decode(raw, type=dict[str, str])
        hold(bool(row), "a row has columns", raw)


def _cuts(reader: CsvReader, most: int) -> list[Cut]:
    cuts = []
    while not reader.ended:
        cuts.append(reader.take(most))
    reader.close()
    return cuts


def tail(data: bytes) -> None:
    """A file that is followed while it is written, rotated, truncated, and the reader is started anew."""
    with tempfile.TemporaryDirectory(prefix="makegood-fuzz-") as folder:
        Followed(Path(folder) / "app.log").play(data[:MOST_BYTES])


def anything(data: bytes) -> None:
    """Any of the others; the first byte chooses."""
    if data:
        chosen = [target for name, target in TARGETS.items() if name != "anything"]
        chosen[data[0] % len(chosen)](data[1:])


TARGETS: dict[str, Callable[[bytes], None]] = {
    "decode": decode,
    "mapping": mapping,
    "times": times,
    "lines": lines,
    "table": table,
    "tail": tail,
    "anything": anything,
}
