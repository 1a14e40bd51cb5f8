"""A simulation written to files: the same bytes again, with the truth beside it."""

import csv
import json
from pathlib import Path

from pipeline.demo.company import FEEDS
from pipeline.demo.recording import PROFILE_COLUMNS, write_recording
from pipeline.events import decode_many


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_recording(tmp_path / name, hours=1, seed=7)
    write_recording(tmp_path / "c", hours=1, seed=8)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a") != contents(tmp_path / "c")


def test_the_truth_counts_what_is_in_the_files(tmp_path: Path) -> None:
    shares: list[float] = []
    truth = write_recording(tmp_path, hours=3, seed=1, scenario_name="quiet", progress=shares.append)
    lines = [line for feed in FEEDS for line in (tmp_path / f"{feed}.jsonl").read_bytes().splitlines()]
    events, errors = decode_many(lines)
    records = truth["records"]
    assert records["records"] == len(lines)
    assert records["bad"] == len(errors) > 0
    assert records["events"] == len({(event.source, event.id) for event in events})
    assert records["duplicates"] == len(events) - records["events"] > 0
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_the_truth_names_incidents_times_scopes_and_expected_detectors(tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "truth.json"
    write_recording(tmp_path / "files", hours=2, seed=1, truth_file=place)
    (outage,) = json.loads(place.read_text())["incidents"]
    assert outage["kind"] == "outage"
    assert (outage["start"], outage["end"]) == ("2026-03-02T01:10:00.000000Z", "2026-03-02T04:10:00.000000Z")
    assert outage["scope"] == {"service": "checkout", "region": "north"}
    assert outage["benign"] is False
    assert {"sla_breach", "sentiment_drop"} <= set(outage["expected"])


def test_profiles_cover_every_customer_that_speaks(tmp_path: Path) -> None:
    write_recording(tmp_path, hours=1, seed=1)
    with (tmp_path / "profiles.csv").open(newline="") as file:
        rows = {row["customer"]: row for row in csv.DictReader(file)}
    assert tuple(next(iter(rows.values()))) == PROFILE_COLUMNS
    assert {row["tier"] for row in rows.values()} == {"gold", "silver", "bronze"}
    events, _ = decode_many([line for feed in FEEDS for line in (tmp_path / f"{feed}.jsonl").read_bytes().splitlines()])
    assert {event.subject for event in events} <= rows.keys()
