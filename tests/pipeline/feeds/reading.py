"""Reads a file feed to its end, and gathers what it gave."""

from pathlib import Path
from typing import Any, NamedTuple

from pipeline.feeds.contract import BadRecord, FeedContext, RawBatch, Status
from pipeline.feeds.file import FileFeed, FileSettings


class Read(NamedTuple):
    records: list[bytes]
    bad: list[BadRecord]
    filtered: int
    offsets: dict[str, list[int]]


def feed(path: Path, *, positions: dict[str, int] | None = None, recording: bool = True, **settings: Any) -> FileFeed:
    made = FileFeed(
        "f", FileSettings.model_validate({"type": "file", "path": path, **settings}), FeedContext(recording)
    )
    made.open(positions or {})
    return made


def gather(batches: list[RawBatch]) -> Read:
    offsets: dict[str, list[int]] = {}
    for batch in batches:
        assert len(batch.offsets) == len(batch.records)
        offsets.setdefault(batch.partition, []).extend(batch.offsets)
    for found in offsets.values():
        assert found == sorted(set(found)), "offsets rise strictly"
    return Read(
        [record for batch in batches for record in batch.records],
        [record for batch in batches for record in batch.bad],
        sum(batch.filtered for batch in batches),
        offsets,
    )


def read(opened: FileFeed, at_once: int = 1_000) -> Read:
    """Poll until every file has ended."""
    batches: list[RawBatch] = []
    while any(status is not Status.ENDED for status in opened.partitions().values()):
        for batch in opened.poll(at_once):
            assert len(batch.records) <= at_once
            batches.append(batch)
    opened.close()
    return gather(batches)


def poll_all(opened: FileFeed, at_once: int = 1_000) -> Read:
    """Poll a followed file until nothing new comes."""
    batches: list[RawBatch] = []
    while found := opened.poll(at_once):
        batches += found
    return gather(batches)
