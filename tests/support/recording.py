"""A small seeded recording: cases with promises kept and broken, and posts whose mood falls for one service."""

import random
from pathlib import Path

from tests.support.events import HOUR_US, MINUTE_US, START_US, raw_event

LATENESS_US = 10 * MINUTE_US
SERVICES = ("broadband", "mobile", "tv")
Timed = tuple[int, bytes]

CONFIG = """
time:
  lateness: 10m
feeds:
  crm: {{type: file, path: {crm}, format: jsonl}}
  social: {{type: file, path: {social}, format: jsonl}}
calendars:
  office:
    zone: Europe/London
    weekly:
      mon: [["09:00", "17:00"]]
      tue: [["09:00", "17:00"]]
      wed: [["09:00", "17:00"]]
      thu: [["09:00", "17:00"]]
      fri: [["09:00", "17:00"]]
detectors:
  sla_breach:
    type: sla_breach
    promises:
      - name: first_reply
        kind: first_reply
        target: 60
        unit: minutes
        calendar: office
      - name: resolution
        kind: resolution
        targets: {{high: 120, normal: 300}}
        unit: minutes
        calendar: office
  sentiment_drop:
    type: sentiment_drop
    group_by: [service]
    window: 1h
    hop: 15m
    min_count: 10
flow:
  shards: {shards}
  batch_size: {batch_size}
  epoch: {epoch}
"""


def case_life(rng: random.Random, number: int) -> list[Timed]:
    """Return the events of one case, some replied and resolved too late, some paused, some never answered."""
    case_id = f"c-{number:05d}"
    opened_us = START_US + rng.randrange(0, 72 * 60) * MINUTE_US + rng.randrange(0, 60) * 1_000_000
    service = rng.choice(SERVICES)
    common = {"case_id": case_id, "service": service}
    out: list[Timed] = []

    def add(step: str, at_us: int, **data: str) -> None:
        name = f"{case_id}/{len(out)}"
        out.append(
            (at_us, raw_event(f"crm.case.{step}", name, at_us, {**common, **data}, subject=f"cust-{number % 50}"))
        )

    add("opened", opened_us, priority=rng.choice(["high", "normal"]))
    at_us = opened_us
    if rng.random() < 0.9:
        at_us += rng.randrange(1, 180) * MINUTE_US
        add("agent_reply", at_us)
    if rng.random() < 0.3:
        at_us += rng.randrange(1, 60) * MINUTE_US
        add("paused", at_us, reason="customer")
        at_us += rng.randrange(1, 600) * MINUTE_US
        add("resumed", at_us, reason="customer")
    if rng.random() < 0.2:
        at_us += rng.randrange(1, 60) * MINUTE_US
        add("priority_changed", at_us, to=rng.choice(["high", "normal"]))
    if rng.random() < 0.85:
        at_us += rng.randrange(1, 900) * MINUTE_US
        add("resolved", at_us)
        if rng.random() < 0.1:
            at_us += rng.randrange(1, 300) * MINUTE_US
            add("reopened", at_us)
    return out


def posts(rng: random.Random, hours: int, per_hour: int = 90) -> list[Timed]:
    """Return posts about three services; from hour ``hours * 3 // 4`` on, those about mobile turn bad."""
    out = []
    for number in range(hours * per_hour):
        at_us = START_US + rng.randrange(0, hours * 3600) * 1_000_000 + rng.randrange(1_000_000)
        service = SERVICES[number % 3]
        bad = 0.85 if service == "mobile" and at_us > START_US + hours * 3 // 4 * HOUR_US else 0.3
        sentiment = round(-rng.random() if rng.random() < bad else rng.random(), 4)
        data = {"service": service, "sentiment": sentiment}
        out.append((at_us, raw_event("social.post", f"p-{number}", at_us, data, source="social")))
    return out


def make_recording(
    seed: int, *, cases: int = 150, hours: int = 96, posts_per_hour: int = 90
) -> tuple[list[Timed], list[Timed]]:
    """Return the events of the two feeds, each in order of time."""
    rng = random.Random(seed)
    crm = [event for number in range(cases) for event in case_life(rng, number)]
    return sorted(crm), sorted(posts(rng, hours, posts_per_hour))


def shuffled(events: list[Timed], rng: random.Random, lateness_us: int = LATENESS_US) -> list[Timed]:
    """Return the events in another order of arrival in which none is late."""
    return [event for _, event in sorted((event[0] + rng.randrange(lateness_us), event) for event in events)]


def write_lines(path: Path, events: list[Timed]) -> Path:
    """Write the events as JSON Lines."""
    path.write_bytes(b"".join(raw + b"\n" for _, raw in events))
    return path


def write_config(
    folder: Path, crm: Path, social: Path, *, shards: int = 3, batch_size: int = 500, epoch: str = "200ms"
) -> Path:
    """Write the settings file of the recording."""
    path = folder / "makegood.yaml"
    path.write_text(
        CONFIG.format(crm=crm, social=social, shards=shards, batch_size=batch_size, epoch=epoch), encoding="utf-8"
    )
    return path
