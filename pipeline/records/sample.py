"""Reads a sample of records for people who look at mappings: a file or text, whole, in whatever form it comes.

More is read here than by feeds: one JSON object over several lines, and a list of objects, are records too.
"""

import gzip
import io
from pathlib import Path
from typing import NamedTuple

import msgspec

from config.tables import CsvSettings, TableFormat
from pipeline.feeds.contract import BadRecord
from pipeline.reasons import Reason
from pipeline.records.csvfile import CsvReader
from pipeline.records.opening import DAMAGED, format_of, is_gzip
from pipeline.records.parquet import ParquetReader

MAX_SAMPLE_BYTES = 256 * 1024 * 1024
_MAX_RECORD_BYTES = 64 * 1024 * 1024
_EVERYTHING = 1 << 62
_TSV = CsvSettings(delimiter="\t")


class SampleError(ValueError):
    """There is nothing that could be a sample: names the file, and says what was expected."""


class Sample(NamedTuple):
    """Records of a sample, in their order.

    Attributes:
        format: that they were read in.
        csv: how CSV was read.
        records: one JSON object each, or what should be one; or a record that could not be cut out.
        whole: they stood in one JSON document, which feeds do not read.
    """

    format: TableFormat
    csv: CsvSettings
    records: list[bytes | BadRecord]
    whole: bool = False


def read_sample(
    name: str, content: bytes | None, *, given: TableFormat | None = None, csv: CsvSettings | None = None
) -> Sample:
    """Return the records of a sample.

    Args:
        name: of the file; ``-`` where there is only ``content``.
        content: what was read from standard input; None: the file is read.
        given: the format; default: by the file's name, or by how the content begins.
        csv: how CSV is written; default: with commas, or tabs in a file named ``….tsv``.

    Raises:
        SampleError: naming the file, when it holds no record or its format cannot be told.
        OSError: when the file cannot be read.
    """
    path = Path(name)
    format_ = _format(path, content, given)
    if format_ == "parquet":
        if content is not None:
            msg = "-: Parquet cannot be read from standard input; give a file"
            raise SampleError(msg)
        sample = Sample(format_, CsvSettings(), _parquet(path))
    else:
        text = _read(path) if content is None else content
        if csv is None:
            csv = _TSV if (path.with_suffix("") if is_gzip(path) else path).suffix.lower() == ".tsv" else CsvSettings()
        sample = Sample(format_, csv, _csv(text, csv)) if format_ == "csv" else _json(text)
    if not sample.records:
        msg = f"{name}: there is no record in it; expected one at least, as {format_}"
        raise SampleError(msg)
    return sample


def _format(path: Path, content: bytes | None, given: TableFormat | None) -> TableFormat:
    if given is not None:
        return given
    if content is not None:
        return "jsonl" if content.lstrip()[:1] in {b"{", b"["} else "csv"
    try:
        return format_of(path, None)
    except ValueError as error:
        msg = f"{path}: the name does not say the format; give --format jsonl, csv or parquet"
        raise SampleError(msg) from error


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_SAMPLE_BYTES:
        msg = f"{path}: a sample has at most {MAX_SAMPLE_BYTES} bytes; give the beginning of it"
        raise SampleError(msg)
    try:
        return gzip.decompress(path.read_bytes()) if is_gzip(path) else path.read_bytes()
    except DAMAGED as error:
        msg = f"{path}: the gzip file is damaged: {error}"
        raise SampleError(msg) from error


def _csv(text: bytes, settings: CsvSettings) -> list[bytes | BadRecord]:
    reader = CsvReader(io.BytesIO(text), 0, settings=settings, max_record_bytes=_MAX_RECORD_BYTES)
    return _in_order(reader)


def _parquet(path: Path) -> list[bytes | BadRecord]:
    with path.open("rb"):  # a missing file is told as such
        pass
    reader = ParquetReader(path, 0, max_record_bytes=_MAX_RECORD_BYTES)
    try:
        return _in_order(reader)
    finally:
        reader.close()


def _in_order(reader: CsvReader | ParquetReader) -> list[bytes | BadRecord]:
    found: dict[int, bytes | BadRecord] = {}
    while not reader.ended:
        cut = reader.take(_EVERYTHING)
        found |= dict(zip(cut.offsets, cut.records, strict=True))
        found |= {bad.offset: bad for bad in cut.bad}
    return [found[offset] for offset in sorted(found)]


def _json(text: bytes) -> Sample:
    text = text.removeprefix(b"\xef\xbb\xbf").strip()
    none = CsvSettings()
    lines: list[bytes | BadRecord] = [line for line in (line.strip() for line in text.splitlines()) if line]
    try:
        whole = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # One object over several lines, with a mistake in it, is one record.
        return Sample("jsonl", none, [text] if lines and lines[0] in {b"{", b"["} else lines)
    if isinstance(whole, list):
        return Sample("jsonl", none, [msgspec.json.encode(entry) for entry in whole], whole=True)
    if isinstance(whole, dict):
        return Sample("jsonl", none, [text], whole=len(lines) > 1)
    return Sample("jsonl", none, [BadRecord(0, text, Reason.NOT_AN_OBJECT, "expected a JSON object")])
