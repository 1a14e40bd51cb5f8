"""Recordings in a folder: named by people, who never get anything else to see."""

from pathlib import Path

import pytest

from pipeline.backtest.recordings import RecordingError, recording, recordings

FEEDS = ("crm", "crm.eu", "social")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    march = tmp_path / "recordings" / "march"
    (march / "crm").mkdir(parents=True)
    (march / "crm" / "1.jsonl").write_bytes(b"12345")
    (march / "social.jsonl.gz").write_bytes(b"123")
    (march / "other.jsonl").write_bytes(b"12")
    return march.parent


def test_files_are_of_the_feed_whose_name_they_have(folder: Path) -> None:
    (folder / "march" / "crm.eu.csv").write_bytes(b"1")
    found = recording(folder, "march", FEEDS)
    assert {feed: path.name for feed, path in found.feeds.items()} == {
        "crm": "crm",
        "crm.eu": "crm.eu.csv",
        "social": "social.jsonl.gz",
    }
    assert (found.bytes, found.labels) == (9, None)


@pytest.mark.parametrize("name", ["labels.yaml", "labels.jsonl", "labels.csv", "truth.json"])
def test_labels_are_found_by_their_name(folder: Path, name: str) -> None:
    (folder / "march" / name).write_text("x")
    assert recording(folder, "march", FEEDS).labels == folder / "march" / name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../march",
        "march/",
        "march/crm",
        "/etc",
        ".hidden",
        "march\0",
        "mar*",
        "m\u0430rch",
        "march\n",
        "april",
    ],
)
def test_a_name_is_nothing_but_a_name(folder: Path, name: str) -> None:
    (folder / ".hidden").mkdir()
    with pytest.raises(RecordingError, match="there is no recording"):
        recording(folder, name, FEEDS)


def test_no_link_leads_out(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "social.jsonl").write_text("secret")
    (folder / "linked").symlink_to(secret)
    with pytest.raises(RecordingError, match="there is no recording"):
        recording(folder, "linked", FEEDS)
    (folder / "april").mkdir()
    (folder / "april" / "social.jsonl").symlink_to(secret / "social.jsonl")
    with pytest.raises(RecordingError, match="leads out of the folder"):
        recording(folder, "april", FEEDS)
    assert [one.name for one in recordings(folder, FEEDS)] == ["march"]


def test_what_cannot_be_used_says_why(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(RecordingError, match=r"named as a feed of the settings; these are: crm, crm\.eu"):
        recording(folder, "empty", FEEDS)
    (folder / "march" / "social.jsonl").write_text("x")
    with pytest.raises(RecordingError, match=r"social\.jsonl and social\.jsonl\.gz are of one feed"):
        recording(folder, "march", FEEDS)
