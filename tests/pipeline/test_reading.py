"""How much of a recording has been read, by the bytes of its files."""

import gzip
from pathlib import Path

import pytest

from config.settings import Settings
from pipeline.assembly import load_settings
from pipeline.compose import build_feeds
from pipeline.feeds.contract import Feed, FeedContext
from pipeline.reading import Reading

LINE = b'{"id":"1"}\n'


def opened(folder: Path, **paths: str) -> tuple[Settings, dict[str, Feed]]:
    config = folder / "m.yaml"
    config.write_text("feeds:\n" + "".join(f"  {name}: {{type: file, path: {path}}}\n" for name, path in paths.items()))
    settings = load_settings(config).settings
    feeds = build_feeds(settings, FeedContext(recording=True))
    for feed in feeds.values():
        feed.open({})
    return settings, feeds


def test_lines_count_as_far_as_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(LINE * 75)
    (tmp_path / "b.jsonl").write_bytes(LINE * 25)
    settings, feeds = opened(tmp_path, a="a.jsonl", b="b.jsonl")
    reading = Reading(settings, feeds)
    assert reading.share() == 0.0
    feeds["a"].poll(15)
    assert reading.share() == pytest.approx(0.15)
    feeds["b"].poll(25)
    assert reading.share() == pytest.approx(0.40)
    seen = [reading.share()]
    while feeds["a"].poll(10):
        seen.append(reading.share())
    feeds["b"].poll(1)
    assert seen == sorted(seen)
    assert reading.share() == 1.0


def test_other_files_count_when_they_are_read_to_their_end(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n" + "1\n" * 100)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(LINE * 100))
    settings, feeds = opened(tmp_path, a="a.csv", b="b.jsonl.gz")
    reading = Reading(settings, feeds)
    feeds["a"].poll(50)
    assert reading.share() == 0.0
    while feeds["a"].poll(50):
        pass
    assert 0.0 < reading.share() < 1.0
    while feeds["b"].poll(50):
        pass
    assert reading.share() == 1.0


def test_an_empty_recording_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"")
    settings, feeds = opened(tmp_path, a="a.jsonl")
    assert Reading(settings, feeds).share() == 0.0
