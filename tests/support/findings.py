"""Findings of a small recording, as a replay makes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from config.settings import Settings
from detectors.contract import Detector, Evidence, Finding
from pipeline import compose
from pipeline.assembly import load_settings
from pipeline.replay import replay
from tests.support.events import HOUR_US, START_US
from tests.support.recording import make_recording, write_config, write_lines


class Recorded(NamedTuple):
    """What a replay made.

    Attributes:
        folder: with ``findings.jsonl``, ``alerts.jsonl``.
        findings: in order of time.
    """

    folder: Path
    config: Path
    settings: Settings
    detectors: Mapping[str, Detector]
    findings: list[Finding]


def record(folder: Path, seed: int = 1) -> Recorded:
    """Replay a recording in which the mood about mobile falls after three days."""
    crm, social = make_recording(seed)
    config = write_config(folder, write_lines(folder / "crm.jsonl", crm), write_lines(folder / "social.jsonl", social))
    text = config.read_text(encoding="utf-8") + f"store: {{dir: {folder / 'var'}}}\n"
    config.write_text(text, encoding="utf-8")
    settings = load_settings(config).settings
    replay(settings, folder / "alerts.jsonl", findings=folder / "findings.jsonl")
    lines = (folder / "findings.jsonl").read_bytes().splitlines()
    findings = [msgspec.json.decode(line, type=Finding) for line in lines]
    return Recorded(folder, config, settings, compose.build_detectors(settings), findings)


def finding(hour: int = 1, *, detector: str = "mood", p_value: float | None = 0.2, **labels: str) -> Finding:
    """Return a finding of the window that ends so many hours after the start."""
    end_us = START_US + hour * HOUR_US
    return Finding(
        detector=detector,
        group=labels,
        start_us=end_us - HOUR_US,
        end_us=end_us,
        count=12,
        value=0.25,
        baseline=0.2,
        p_value=p_value,
        verdict="too_few" if p_value is None else "quiet",
        level=0.001,
        details={"share": 0.25, "rules": "{}"},
        evidence=Evidence([12, 3], b"expected", b"tails"),
        version=2,
    )
