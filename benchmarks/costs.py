"""What each detector costs for each kind of event, in microseconds of CPU time: what a sizing is made of.

    python -m benchmarks.costs [--events 100000] [--rounds 2] [--only sla_breach,survey_drop]

For each kind of event a recording of nothing else is replayed, file to store, without any detector and then with each
of those of ``config/defaults.yaml`` alone (one that listens to ``sla_breach`` with it). The figure is what the detector
adds, of the best round; alerts are part of it. A kind that a detector does not read costs it nothing and is left out.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.recording import PURE, write_recording
from benchmarks.throughput import every_detector, whole_flow

_LISTENS = {"sla_breach_rate", "resolution_lag"}
_READS = {
    "cases": ("sla_breach", "repeat_contact", "negative_survey", "stalled_recovery", "residual_dissatisfaction",
              "sla_breach_rate", "resolution_lag", "feed_silence"),
    "posts": ("residual_dissatisfaction", "sentiment_drop", "social_spike", "feed_silence"),
    "surveys": ("negative_survey", "stalled_recovery", "residual_dissatisfaction", "sentiment_drop", "survey_drop",
                "feed_silence"),
    "orders": ("transaction_failure", "feed_silence"),
}  # fmt: skip


def settings_with(detectors: tuple[str, ...]) -> str:
    """Return settings with these detectors only, without columns."""
    plain: dict[str, Any] = yaml.safe_load(every_detector())
    plain["detectors"] = {name: one for name, one in plain["detectors"].items() if name in detectors}
    plain["flow"]["columns"] = "off"
    return yaml.safe_dump(plain)


def cost_us(path: Path, detectors: tuple[str, ...], rounds: int) -> float:
    """Return the CPU time of an event, in microseconds: the least of some rounds."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="mg-cost-") as name:
            run = whole_flow(path, Path(name), config_text=settings_with(detectors))
        found.append(run.cpu_s / run.events * 1e6)
    return min(found)


def main() -> None:
    """Print a line for each kind of event and detector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", default="", help="detectors, comma-separated")
    options = parser.parse_args()
    only = set(filter(None, options.only.split(",")))
    with tempfile.TemporaryDirectory(prefix="mg-costs-") as name:
        every = tuple({detector for reads in _READS.values() for detector in reads})
        few = write_recording(Path(name) / "few.jsonl", 2_000)
        cost_us(few, every, 1)  # what is imported but once is no part of any figure
        for kind in PURE:
            path = write_recording(Path(name) / f"{kind}.jsonl", options.events, mix=kind)
            bare_us = cost_us(path, (), options.rounds)
            print(f"{kind:8} {'(no detector)':26}{bare_us:6.2f}", flush=True)
            with_sla_us = 0.0
            for detector in _READS[kind]:
                if only and detector not in only:
                    continue
                beside = ("sla_breach",) if detector in _LISTENS else ()
                us = cost_us(path, (detector, *beside), options.rounds) - bare_us
                if detector == "sla_breach":
                    with_sla_us = us
                print(f"{kind:8} {detector:26}{us - (with_sla_us if beside else 0.0):6.2f}", flush=True)


if __name__ == "__main__":
    main()
