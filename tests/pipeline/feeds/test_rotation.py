"""Followed files are rotated while they are read, and while nobody looks."""

import gzip
import os
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pipeline.feeds.file import FileFeed
from tests.pipeline.feeds.reading import feed, poll_all

START_NS = 1_700_000_000_000_000_000


def follow(path: Path, **settings: Any) -> FileFeed:
    return feed(path, recording=False, follow=True, **settings)


class Log:
    """A log that is written to and rotated; each rotation comes some seconds after the one before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = count()
        self.written: list[bytes] = []
        self.seconds = count(1)

    def write(self, lines: int = 40) -> None:
        with self.path.open("ab") as file:
            for _ in range(lines):
                line = b"%04d a line of some length, so that many are more than a head" % next(self.lines)
                self.written.append(line)
                file.write(line + b"\n")
        self.touch(self.path)

    def touch(self, path: Path) -> None:
        at_ns = START_NS + next(self.seconds) * 1_000_000_000
        os.utime(path, ns=(at_ns, at_ns))

    def rotate(self, *, keep: int = 9) -> None:
        """As logrotate does: app.log becomes app.log.1, and so on."""
        for number in range(keep, 0, -1):
            for end in ("", ".gz"):
                old = self.rotated(number, end)
                if old.exists():
                    old.rename(self.rotated(number + 1, end))
        self.path.rename(self.rotated(1))

    def copy_and_empty(self) -> None:
        for number in range(9, 0, -1):
            if self.rotated(number).exists():
                self.rotated(number).rename(self.rotated(number + 1))
        shutil.copyfile(self.path, self.rotated(1))
        self.touch(self.rotated(1))
        os.truncate(self.path, 0)

    def compress(self, number: int) -> None:
        plain = self.rotated(number)
        stat = plain.stat()
        packed = self.rotated(number, ".gz")
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        os.utime(packed, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        plain.unlink()

    def rotated(self, number: int, end: str = "") -> Path:
        return self.path.with_name(f"{self.path.name}.{number}{end}")


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "app.log")


def nothing(log: Log) -> None:
    log.write()


def renamed(log: Log) -> None:
    log.write()
    log.rotate()
    log.write()


def renamed_twice(log: Log) -> None:
    renamed(log)
    renamed(log)
    renamed(log)


def compressed(log: Log) -> None:
    renamed(log)
    log.compress(1)


def compressed_twice(log: Log) -> None:
    renamed(log)
    log.compress(1)
    renamed(log)
    log.compress(1)


def emptied(log: Log) -> None:
    log.write()
    log.copy_and_empty()
    log.write()


def emptied_twice(log: Log) -> None:
    emptied(log)
    emptied(log)


def emptied_and_longer_already(log: Log) -> None:
    log.write()
    log.copy_and_empty()
    log.write(500)


def emptied_and_compressed(log: Log) -> None:
    emptied(log)
    log.compress(1)


def renamed_and_not_yet_made_anew(log: Log) -> None:
    log.write()
    log.rotate()


EVENTS = [
    nothing,
    renamed,
    renamed_twice,
    compressed,
    compressed_twice,
    emptied,
    emptied_twice,
    emptied_and_longer_already,
    emptied_and_compressed,
    renamed_and_not_yet_made_anew,
]


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("read", [1, 25, 40])
def test_rotation_loses_and_doubles_nothing(log: Log, event: Callable[[Log], None], running: bool, read: int) -> None:
    log.write()
    opened = follow(log.path)
    records: list[bytes] = []
    offsets: list[int] = []
    for batch in opened.poll(read):
        records += batch.records
        offsets += batch.offsets
    if not running:
        positions = opened.positions()
        opened.close()
    event(log)
    if not running:
        opened = follow(log.path, positions=positions)
    while found := opened.poll(7):
        records += found[0].records
        offsets += found[0].offsets
        if not running:
            # A kill after every batch.
            positions = opened.positions()
            opened.close()
            opened = follow(log.path, positions=positions)
    assert records == log.written
    assert offsets == sorted(set(offsets))
    log.write(3)
    assert poll_all(opened).records == log.written[-3:]
    opened.close()


def test_names_with_a_date_before_the_extension_are_known(tmp_path: Path) -> None:
    log = Log(tmp_path / "app.jsonl")
    log.write()
    opened = follow(log.path)
    opened.poll(10)
    positions = opened.positions()
    opened.close()
    for day in ("20240501", "20240502", "20240503"):
        log.path.rename(tmp_path / f"app-{day}.jsonl")
        log.write()
    (tmp_path / "app-other.jsonl").write_bytes(b"not ours\n")
    assert poll_all(follow(log.path, positions=positions)).records == log.written[10:]


def test_what_is_gone_is_gone_and_what_came_after_it_is_read(log: Log) -> None:
    log.write()
    opened = follow(log.path)
    opened.poll(10)
    positions = opened.positions()
    opened.close()
    renamed_twice(log)
    log.rotated(3).unlink()
    found = poll_all(follow(log.path, positions=positions))
    assert found.records == log.written[80:]
    assert min(found.offsets["app.log"]) >= positions["app.log"]


def test_rotated_files_that_were_read_are_not_read_again(log: Log) -> None:
    for _ in range(3):
        log.write()
        log.rotate()
    log.write()
    opened = follow(log.path)
    assert poll_all(opened).records == log.written[120:]
    for event in (renamed, emptied, compressed, emptied_and_compressed):
        log.write()
        event(log)
        poll_all(opened)
        positions = opened.positions()
        opened.close()
        opened = follow(log.path, positions=positions)
        assert poll_all(opened).records == []
    opened.close()


def test_positions_of_the_release_before_are_understood(log: Log) -> None:
    log.write()
    opened = follow(log.path)
    opened.poll(10)
    positions = opened.positions()
    opened.close()
    for mark in ("foot", "foot_at", "written", "header"):
        del positions[f"app.log\t{mark}"]
    renamed(log)
    assert poll_all(follow(log.path, positions=positions)).records == log.written[10:]


def test_a_damaged_remnant_is_one_bad_record_and_reading_goes_on(log: Log) -> None:
    log.write(4_000)
    opened = follow(log.path)
    opened.poll(10)
    positions = opened.positions()
    opened.close()
    renamed(log)
    log.compress(1)
    packed = log.rotated(1, ".gz")
    stat = packed.stat()
    packed.write_bytes(packed.read_bytes()[: stat.st_size // 2])
    os.utime(packed, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    found = poll_all(follow(log.path, positions=positions))
    assert [bad.reason for bad in found.bad] == ["unreadable"]
    assert found.records[-40:] == log.written[-40:]
    assert found.records[:100] == log.written[10:110]
