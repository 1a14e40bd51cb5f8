"""Files of labels: every format says the same, and what is wrong with one is told with its line."""

import json
from pathlib import Path

import pytest

from config.problems import SettingsError
from pipeline.backtest.labelfiles import read_labels
from pipeline.backtest.labels import Label, with_owners
from pipeline.demo.incidents import incident
from pipeline.demo.truth import truth
from tests.docs.pages import REPO, examples

YAML = """
incidents:
  - name: till down
    start: 2026-03-02T09:00:00Z
    end: 2026-03-02T11:00:00+01:00
    labels: {service: checkout, region: north}
    detectors: [transaction_failure, mood]
  - {name: sale, start: 2026-03-03T00:00:00Z, end: 2026-03-03T06:00:00Z, benign: true}
"""
ROWS = [
    {
        "name": "till down",
        "start": "2026-03-02T09:00:00Z",
        "end": "2026-03-02T10:00:00Z",
        "labels": {"service": "checkout", "region": "north"},
        "detectors": ["transaction_failure", "mood"],
    },
    {"name": "sale", "start": "2026-03-03T00:00:00Z", "end": "2026-03-03T06:00:00Z", "benign": True},
]
CSV = """name,start,end,labels,detectors,benign
till down,2026-03-02T09:00:00Z,2026-03-02T10:00:00Z,service=checkout; region=north,transaction_failure;mood,
sale,2026-03-03T00:00:00Z,2026-03-03T06:00:00Z,,,true
"""
NINE_US = 1_772_442_000_000_000


def read(path: Path, text: str) -> tuple[Label, ...]:
    path.write_text(text)
    return read_labels(path).known


def test_every_format_says_the_same(tmp_path: Path) -> None:
    known = read(tmp_path / "l.yaml", YAML)
    assert known[0].start_us == NINE_US
    assert known[0].end_us - known[0].start_us == 3_600_000_000
    assert (known[0].expects("mood", "sentiment_drop"), known[0].expects("x", "sentiment_drop")) == (True, False)
    assert [one.benign for one in known] == [False, True]
    assert read(tmp_path / "l.json", json.dumps(ROWS)) == known
    assert read(tmp_path / "m.json", json.dumps({"incidents": ROWS})) == known
    assert read(tmp_path / "l.jsonl", "\n".join(map(json.dumps, ROWS))) == known
    assert read(tmp_path / "l.csv", CSV) == known


def test_the_truth_of_the_demo_is_read_as_it_is(tmp_path: Path) -> None:
    told = [incident("outage", NINE_US, 3_600_000_000), incident("campaign", NINE_US, 3_600_000_000)]
    whole = truth(seed=1, start_us=NINE_US, end_us=NINE_US + 7_200_000_000, incidents=told)
    outage, campaign = read(tmp_path / "truth.json", json.dumps(whole))
    assert (outage.name, outage.labels) == ("outage", {"service": "checkout", "region": "north"})
    assert (outage.expects("sentiment_drop", "sentiment_drop"), outage.expects("x", "resolution_lag")) == (True, False)
    assert (campaign.benign, outage.benign) == (True, False)


def test_verdicts_are_labels_of_one_alert_and_the_last_one_counts(tmp_path: Path) -> None:
    lines = [
        {"fingerprint": "aa", "starts_at": "2026-03-02T09:00:00Z", "verdict": "noise"},
        {"fingerprint": "bb", "startsAt": "2026-03-02T09:00:00Z", "verdict": "useful", "detector": "mood"},
        {"kind": "threshold_version", "detector": "mood", "version": 1},
        {"kind": "verdict_given", "fingerprint": "aa", "starts_at_us": NINE_US, "detector": "mood", "verdict": "useful",
         "by": "ann", "at_us": 1, "number": 4, "log": "x"},
    ]  # fmt: skip
    (tmp_path / "v.jsonl").write_text("\n".join(map(json.dumps, lines)))
    labels = read_labels(tmp_path / "v.jsonl")
    assert [(one.fingerprint, one.benign, one.number) for one in labels.known] == [("bb", False, 2), ("aa", False, 3)]
    assert not labels.complete


def test_a_verdict_belongs_to_the_detector_that_raised_its_alert(tmp_path: Path) -> None:
    (tmp_path / "v.jsonl").write_text('{"fingerprint": "aa", "starts_at": "2026-03-02T09:00:00Z", "verdict": "useful"}')
    labels = read_labels(tmp_path / "v.jsonl")
    assert with_owners(labels, {"aa": "mood"}).known[0].detectors == ("mood",)
    assert with_owners(labels, {"bb": "mood"}) == labels


def test_incidents_are_complete_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    (tmp_path / "l.yaml").write_text(YAML)
    (tmp_path / "m.yaml").write_text(f"complete: false{YAML}")
    assert (read_labels(tmp_path / "l.yaml").complete, read_labels(tmp_path / "m.yaml").complete) == (True, False)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("l.txt", "", "l.txt: the name of a file of labels must say its format: .yaml"),
        ("l.yaml", "incidents:\n  - {end: 2026-03-02T09:00:00Z}", "l.yaml:2: incidents[0]: expected start (of an"),
        ("l.yaml", "incidents:\n  - {start: yesterday}", "l.yaml:2: incidents[0].start:"),
        ("l.yaml", "incidents:\n  - {start: 2026-03-02T09:00:00}", "l.yaml:2: incidents[0].start:"),
        ("l.yaml", "incidents:\n  - {strat: 2026-03-02T09:00:00Z}", "unknown key 'strat'. Did you mean 'start'?"),
        ("l.yaml", "incidents:\n  - {start: 2026-03-02T09:00:00Z, matchers: ['a~b']}", "'a~b' is not a matcher"),
        ("l.jsonl", '\n{"start"\n', "l.jsonl:2: is not JSON"),
        ("l.jsonl", '{"fingerprint": "a", "verdict": "noise"}', "l.jsonl:1: incidents[0]: a verdict needs"),
        ("l.csv", "start,end\n2026-03-02T09:00:00Z,2026-03-02T08:00:00Z", "l.csv:2: incidents[0]: it ends at"),
        ("l.csv", "start\n1,2", "l.csv:2: has more fields than the first line names"),
        ("l.csv", b"start\n\xff", "l.csv: is not UTF-8 text (byte 6)"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(name: str, text: str | bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError) as error:
        read_labels(tmp_path / name)
    assert told in str(error.value)


def test_the_files_that_the_reference_shows_are_read(tmp_path: Path) -> None:
    shown = [one for one in examples(REPO / "docs/reference/labels.md") if one.mark.startswith("file: ")]
    read_from = {one.mark.removeprefix("file: "): one.text for one in shown}
    assert sorted(read_from) == ["labels.csv", "labels.jsonl", "labels.yaml"]
    known = {name: read(tmp_path / name, text) for name, text in read_from.items()}
    assert known["labels.yaml"][0] == known["labels.csv"][0]
    assert known["labels.jsonl"][1].fingerprint == "0f3a9c5512de7f80"
