"""Writes and reads spools in tests, without a server."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from pipeline.feeds.contract import BadRecord, FeedContext
from pipeline.feeds.http import HttpFeed
from pipeline.ingest.folder import Segment, segments
from pipeline.ingest.frames import frame
from pipeline.ingest.settings import HttpSettings
from pipeline.ingest.spoolfile import Limits, SpoolFile

NOW_US = 1_760_000_000_000_000
DAY_US = 86_400_000_000


def record(number: int, size: int = 20) -> bytes:
    return f'{{"n":{number}}}'.encode().ljust(size)


class Spool:
    """The folder of the spool of feed ``f`` under ``root``, and what is done to it."""

    def __init__(
        self, root: Path, *, segment_bytes: int = 400, keep_us: int = DAY_US, max_bytes: int = 1 << 20
    ) -> None:
        self.root = root
        self.folder = root / "f"
        self.limits = Limits(segment_bytes, keep_us, max_bytes)
        self.now_us = NOW_US

    @contextmanager
    def writing(self) -> Iterator[SpoolFile]:
        file = SpoolFile(self.folder, self.limits, lambda: self.now_us)
        try:
            yield file
        finally:
            file.close()

    def write(self, first: int, behind: int, *, each: bool = True) -> None:
        """Append records ``first`` to ``behind``, each in a commit of its own, or all in one."""
        with self.writing() as file:
            frames = [frame(record(number), NOW_US + number) for number in range(first, behind)]
            for group in [[one] for one in frames] if each else [frames]:
                file.append(group)

    def segments(self) -> list[Segment]:
        return segments(self.folder)

    def feed(self, *, recording: bool = True, positions: dict[str, int] | None = None, **settings: object) -> HttpFeed:
        told = HttpSettings.model_validate({"type": "http", "signature": {"scheme": "none"}, **settings})
        made = HttpFeed("f", told, FeedContext(recording, spool=self.root))
        made.open(positions or {})
        return made

    def read(self, **options: object) -> tuple[list[bytes], list[BadRecord]]:
        """Read everything that is there."""
        feed = self.feed(**options)  # type: ignore[arg-type]
        try:
            return drained(feed)
        finally:
            feed.close()


def drained(feed: HttpFeed, at_once: int = 7) -> tuple[list[bytes], list[BadRecord]]:
    """Poll until nothing more comes; offsets must rise over all polls."""
    records: list[bytes] = []
    bad: list[BadRecord] = []
    last = -1
    while batches := feed.poll(at_once):
        for batch in batches:
            offsets = [*batch.offsets, *(one.offset for one in batch.bad)]
            assert len(batch.offsets) == len(batch.records)
            assert 0 < len(offsets) <= at_once
            assert list(batch.offsets) == sorted(set(batch.offsets))
            assert min(offsets) > last
            last = max(offsets)
            records += batch.records
            bad += batch.bad
    return records, bad


def numbers(records: Sequence[bytes]) -> list[int]:
    return [int(one.strip()[5:-1]) for one in records]


@contextmanager
def failing(call: str, number: int = errno.EIO, *, after: int = 0) -> Iterator[None]:
    """Let ``os.<call>`` fail from its ``after``-th call on."""
    real = getattr(os, call)
    calls = 0

    def fake(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls > after:
            raise OSError(number, os.strerror(number))
        return real(*arguments)

    with mock.patch.object(os, call, fake):
        yield
