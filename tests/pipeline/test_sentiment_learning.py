import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest

from detectors.models.text.learner import Labelled
from pipeline.sentiment_learning import STATE
from tests.cli.support import Finished, makegood
from tests.detectors.text_samples import DAY_US, MONDAY_US, labelled

SETTINGS = """feeds:
  surveys: {type: file, path: none.jsonl, lateness: 6h}
sentiment:
  learn: {versions: versions, min_labels: 50, window: 300, hand_over: 0s}
"""
SCORES = {"nps": (3, 7, 10), "csat": (1, 3, 5), "ces": (2, 4, 6), "stars": (1, 3, 5)}


def survey(one: Labelled, number: int) -> dict[str, Any]:
    scale = list(SCORES)[number % 4]
    time = f"2026-03-{2 + (one.time_us - MONDAY_US) // DAY_US:02d}T{(one.time_us // 3_600_000_000) % 24:02d}"
    rest_us = one.time_us % 3_600_000_000
    time += f":{rest_us // 60_000_000:02d}:{rest_us // 1_000_000 % 60:02d}.{rest_us % 1_000_000:06d}Z"
    data = {"score": SCORES[scale][one.label], "scale": scale, "text": one.text, "labels": {"language": one.language}}
    return {
        "specversion": "1.0", "type": "survey.response", "source": "s", "id": str(number), "time": time, "data": data,
    }  # fmt: skip


def write(path: Path, events: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    return path


EVENTS = [survey(one, number) for number, one in enumerate(labelled(300))]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "makegood.yaml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


def learn(config: Path, recording: Path, *more: str) -> dict[str, Any]:
    done = makegood("sentiment", "learn", "--config", config, "--feed", f"surveys={recording}", "--json", *more)
    assert done.returncode == 0, done
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def digests(config: Path) -> list[str]:
    done = makegood("sentiment", "show", "--config", config, "--json")
    assert done.returncode == 0, done
    return [version["digest"] for version in json.loads(done.stdout)]


def other(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    path = tmp_path / name / "makegood.yaml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


def test_a_recording_in_any_order_with_repeats_makes_the_same_versions(config: Path, tmp_path: Path) -> None:
    told = learn(config, write(tmp_path / "a.jsonl", EVENTS))
    assert (told["labels"], told["published"], told["late"]) == (300, 9, 0)
    chance = random.Random(3)
    shuffled = sorted(range(300), key=lambda number: number + chance.uniform(0, 6))  # 48 minutes apart, lateness 6 h
    again = other(tmp_path, "again")
    mixed = [EVENTS[number] for number in shuffled]
    learn(again, write(tmp_path / "b.jsonl", [*mixed[:200], *mixed[150:]]))
    assert digests(again) == digests(config)


def test_a_second_run_goes_on_where_the_first_ended_and_learns_nothing_twice(config: Path, tmp_path: Path) -> None:
    whole = other(tmp_path, "whole")
    learn(whole, write(tmp_path / "whole.jsonl", EVENTS))
    learn(config, write(tmp_path / "first.jsonl", EVENTS[:140]))
    first = digests(config)
    told = learn(config, write(tmp_path / "second.jsonl", EVENTS[120:]))
    assert (told["labels"], told["late"]) == (160, 20)
    assert digests(config) == digests(whole)
    assert digests(config)[: len(first)] == first


def test_a_run_again_after_a_crash_makes_what_is_there_and_no_more(config: Path, tmp_path: Path) -> None:
    recording = write(tmp_path / "a.jsonl", EVENTS)
    learn(config, recording)
    before = digests(config)
    (tmp_path / "versions" / STATE).unlink()
    assert learn(config, recording)["published"] == 0
    assert digests(config) == before


def test_no_text_of_a_customer_is_kept(config: Path, tmp_path: Path) -> None:
    events = [{**event, "data": {**event["data"], "text": event["data"]["text"] + " xyzzyplugh"}} for event in EVENTS]
    learn(config, write(tmp_path / "a.jsonl", events))
    kept = [path.read_bytes() for path in (tmp_path / "versions").iterdir()]
    assert len(kept) == 11  # nine versions, the state, the lock
    assert not any(b"xyzzy" in content or b"stranded" in content for content in kept)


def test_other_surveys_into_the_same_folder_are_refused(config: Path, tmp_path: Path) -> None:
    learn(config, write(tmp_path / "a.jsonl", EVENTS))
    (tmp_path / "versions" / STATE).unlink()
    done = makegood(
        "sentiment", "learn", "--config", config, "--feed", f"surveys={write(tmp_path / 'b.jsonl', EVENTS[7:])}"
    )
    assert done.returncode == 2
    assert "holds another version 1" in done.stderr


def test_what_is_no_label_is_passed_over_and_bad_records_are_counted(config: Path, tmp_path: Path) -> None:
    events = [dict(event) for event in EVENTS[:40]]
    changes: list[dict[str, Any]] = [
        {"text": None},
        {"text": "  "},
        {"score": None},
        {"scale": "percent"},
        {"score": 99},
    ]
    for event, change in zip(events, changes, strict=False):
        event["data"] = {**event["data"], **change}
    recording = write(tmp_path / "a.jsonl", events)
    with recording.open("a", encoding="utf-8") as file:
        file.write("not json\n")
    told = learn(config, recording)
    assert (told["labels"], told["events"], told["dead_letters"]) == (35, 40, 1)


def test_a_mapped_feed_of_csv_is_learned(tmp_path: Path) -> None:
    config = tmp_path / "makegood.yaml"
    config.write_text(
        """feeds:
  surveys:
    type: file
    path: none.csv
    mapping:
      formats: ["%d.%m.%Y %H:%M"]
      zone: UTC
      events:
        - type: survey.response
          id: "{id}"
          time: when
          data: {score: stars, scale: {const: stars}, text: comment, labels: {language: {const: de}}}
sentiment:
  learn: {versions: versions, min_labels: 50, hand_over: 0s}
""",
        encoding="utf-8",
    )
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "when", "stars", "comment"])
        for number, one in enumerate(labelled(300)):
            minutes = (one.time_us - MONDAY_US) // 60_000_000
            when = f"{2 + minutes // 1440:02d}.03.2026 {minutes // 60 % 24:02d}:{minutes % 60:02d}"
            rows.writerow([number, when, (1, 3, 5)[one.label], one.text])
    told = learn(config, tmp_path / "a.csv")
    assert told["labels"] == 300
    done = makegood("sentiment", "score", "--config", config, "--language", "de", "--json", "stranded, no crew")
    found = json.loads(done.stdout)
    assert found["by"] == "the model"
    assert found["score"] < -0.3
    assert found["vader"] is None
    assert found["words"]["stranded"] < 0


def test_the_flow_is_judged_by_the_versions_of_their_time(config: Path, tmp_path: Path) -> None:
    recording = write(tmp_path / "a.jsonl", EVENTS)
    learn(config, recording)
    done = makegood("sentiment", "evaluate", "--config", config, "--feed", f"surveys={recording}", "--json")
    (told,) = json.loads(done.stdout)
    assert sum(told["labels"].values()) == 300
    assert 50 < told["by_model"] < 250
    assert told["f1"] > told["vader_f1"]
    people = makegood("sentiment", "evaluate", "--config", config, "--feed", f"surveys={recording}").stdout
    assert people.startswith("en: ")


def test_versions_come_into_force_no_earlier_than_asked(config: Path, tmp_path: Path) -> None:
    learn(config, write(tmp_path / "a.jsonl", EVENTS), "--not-before", "2026-03-09T12:00:00+01:00")
    done = makegood("sentiment", "show", "--config", config, "--json")
    times = [version["in_force"] for version in json.loads(done.stdout)]
    assert times[0] == "2026-03-09T11:00:00Z"
    assert times == sorted(times)


def failed(*arguments: str | Path) -> Finished:
    done = makegood(*arguments)
    assert done.returncode == 2, done
    assert done.defect is None
    return done


def test_what_cannot_be_used_is_told(config: Path, tmp_path: Path) -> None:
    recording = write(tmp_path / "a.jsonl", EVENTS[:3])
    feed = f"surveys={recording}"
    assert (
        "with its offset" in failed("sentiment", "learn", "-c", config, "--feed", feed, "--not-before", "noon").stderr
    )
    assert "there is no" in failed("sentiment", "learn", "-c", config, "--feed", "surveys=nowhere").stderr
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / STATE).write_bytes(b"junk")
    assert STATE in failed("sentiment", "learn", "-c", config, "--feed", feed).stderr
    (tmp_path / "versions" / "000001.5.sentiment").write_bytes(b"junk")
    assert "000001.5.sentiment" in failed("sentiment", "show", "-c", config).stderr
    bare = tmp_path / "bare.yaml"
    bare.write_text("{}\n", encoding="utf-8")
    assert "sentiment.learn" in failed("sentiment", "show", "-c", bare).stderr


def test_before_the_first_version_people_are_told_why_there_is_none(config: Path, tmp_path: Path) -> None:
    assert "no versions yet" in makegood("sentiment", "show", "-c", config).stdout
    done = makegood("sentiment", "learn", "-c", config, "--feed", f"surveys={write(tmp_path / 'a.jsonl', EVENTS[:5])}")
    assert "no version yet" in done.stdout
    told = makegood("sentiment", "score", "-c", config, "what a lovely crew")
    assert "by VADER" in told.stdout


@pytest.mark.parametrize(
    ("learn", "why"),
    [
        ("{versions: v, min_labels: 500, window: 100}", "would never score"),
        ("{versions: v}, method: none", "method"),
        ("{versions: v, publish_every: 1s}", "publish_every"),
    ],
)
def test_settings_that_contradict_are_refused(tmp_path: Path, learn: str, why: str) -> None:
    path = tmp_path / "makegood.yaml"
    path.write_text(f"sentiment: {{learn: {learn}}}\n", encoding="utf-8")
    assert why in failed("check", "-c", path).stderr
