"""A small recording for backtests: posts about three services for some days, with two incidents and a campaign."""

import os
import random
from pathlib import Path
from typing import Any

from tests.support.events import HOUR_US, START_US, raw_event, rfc3339

HOURS = 144
SERVICES = ("broadband", "mobile", "tv")
INCIDENTS: list[dict[str, Any]] = [
    {"name": "mast down", "start": 80, "end": 86, "labels": {"service": "mobile"}, "detectors": ["sentiment_drop"]},
    {"name": "set-top boxes", "start": 110, "end": 114, "labels": {"service": "tv"}},
    {"name": "new film", "start": 126, "end": 129, "labels": {"service": "tv"}, "benign": True},
]
"""Start and end in hours of the recording."""

SETTINGS = """
time: {lateness: 5m}
feeds:
  social: {type: file, path: social.jsonl}
detectors:
  sentiment_drop:
    type: sentiment_drop
    group_by: [service]
    window: 2h
    hop: 1h
    min_count: 5
    baseline: {rhythm: none}
DECISION
flow: {shards: 2, batch_size: 1000, epoch: 10s}
"""
SPIKE = """
  social_spike:
    type: social_spike
    group_by: [service]
    window: 2h
    hop: 1h
    min_count: 5
    baseline: {rhythm: none}
"""


def posts(seed: int = 5, hours: int = HOURS) -> list[bytes]:
    """Return posts in order of time: bad ones in incidents, many and happy ones in campaigns."""
    rng = random.Random(seed)
    found = []
    for hour in range(hours):
        for service in SERVICES:
            now = [
                one for one in INCIDENTS if one["start"] <= hour < one["end"] and one["labels"]["service"] == service
            ]
            benign = any(one.get("benign") for one in now)
            bad = 0.1 if benign else 0.97 if now else 0.3
            for _ in range(60 if benign else 16):
                at_us = START_US + hour * HOUR_US + rng.randrange(HOUR_US)
                sentiment = round(-rng.random() if rng.random() < bad else rng.random(), 3)
                found.append((at_us, service, sentiment))
    found.sort()
    return [
        raw_event("social.post", f"p-{number}", at_us, {"service": service, "sentiment": sentiment}, source="social")
        for number, (at_us, service, sentiment) in enumerate(found)
    ]


def write_recording(folder: Path) -> Path:
    """Write ``social.jsonl``, ``labels.yaml`` and ``live.yaml`` into a folder, and return it."""
    (folder / "social.jsonl").write_bytes(b"".join(post + b"\n" for post in posts()))
    write_settings(folder / "live.yaml")
    lines = ["incidents:"]
    for one in INCIDENTS:
        start, end = (rfc3339(START_US + one[name] * HOUR_US) for name in ("start", "end"))
        lines += [f"  - name: {one['name']}", f"    start: {start}", f"    end: {end}", f"    labels: {one['labels']}"]
        lines += [f"    detectors: {one['detectors']}"] if "detectors" in one else []
        lines += ["    benign: true"] if one.get("benign") else []
    (folder / "labels.yaml").write_text("\n".join(lines) + "\n")
    return folder


def write_settings(path: Path, *decision: str, more: str = "") -> Path:
    """Write a settings file whose detector decides by these lines; ``more`` stands behind the detector."""
    text = "".join(f"    {line}\n" for line in decision)
    path.write_text(SETTINGS.replace("DECISION\n", text + more.lstrip("\n")))
    return path


def write_recordings(folder: Path, *decision: str) -> Path:
    """Write a settings file for a console, and recordings beside it; return its path.

    ``march`` has labels, ``unlabelled`` has none, and ``stuck`` can be read for ever: nothing comes.
    """
    for name in ("march", "unlabelled", "stuck"):
        recording = folder / "recordings" / name
        recording.mkdir(parents=True)
        write_recording(recording)
        (recording / "live.yaml").unlink()
    (folder / "recordings" / "unlabelled" / "labels.yaml").unlink()
    stuck = folder / "recordings" / "stuck" / "social.jsonl"
    stuck.unlink()
    os.mkfifo(stuck)
    path = write_settings(folder / "live.yaml", *decision)
    with path.open("a") as file:
        file.write(f"store: {{dir: {folder / 'var'}}}\n")
        file.write("console: {backtests: {recordings: recordings, waiting: 1}}\n")
    return path
