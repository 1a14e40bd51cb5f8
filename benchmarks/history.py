"""A replay of a history ten times as long: the same events a second, and no more memory.

    python -m benchmarks.history [--days 20] [--times 10] [--per-hour 1000]

Two recordings of the same company, one ``--times`` as long as the other: the same events an hour, the same number of
cases open at a time, the same groups; the short one is the beginning of the long one. Both detectors with their
defaults, recovery on, each replay in a process of its own. The ids of events are remembered for one to two weeks of
event time, and a case for a week after its end, so that memory grows for the first two weeks of a recording and not
after them: the short one must be longer than that to be compared. And it takes some days, the more the fewer events an
hour there are, until as many cases are resolved as are opened.

Besides the two rows, the long replay is shown by tenths of its events.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.recording import write_recording
from benchmarks.replaying import Replayed, Sample, replay_all

GROWING_DAYS = 14
TENTHS = 10


def row(name: str, days: int, done: Replayed) -> dict[str, Any]:
    """Return the figures of a replay."""
    return {
        "recording": name,
        "days": days,
        "events": done.events,
        "events/s": round(done.events / done.wall_s),
        "CPU us/event": round(done.cpu_s / done.events * 1e6, 2),
        "peak MB": round(done.peak_bytes / 1e6),
        "state on disk MB": round(done.state_bytes / 1e6, 1),
        "alert changes": done.changes,
    }


def tenths(done: Replayed) -> list[dict[str, Any]]:
    """Return the figures of the replay for each tenth of its events."""
    rows = []
    before = done.samples[0]
    for number in range(1, TENTHS + 1):
        at = _where(done.samples, done.events * number // TENTHS)
        events = at.events - before.events
        if events > 0:
            rows.append(
                {
                    "tenth": number,
                    "events/s": round(events / (at.wall_s - before.wall_s)),
                    "CPU us/event": round((at.cpu_s - before.cpu_s) / events * 1e6, 2),
                    "resident MB": round(at.resident_bytes / 1e6),
                }
            )
        before = at
    return rows


def _where(samples: list[Sample], events: int) -> Sample:
    """Return the first sample with so many events, the last where there is none."""
    return next((sample for sample in samples if sample.events >= events), samples[-1])


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=20, help="of the short recording")
    parser.add_argument("--times", type=int, default=10, help="how many times as long the other is")
    parser.add_argument("--per-hour", type=int, default=1_000, help="events")
    parser.add_argument("--core", default="", help="as taskset takes it; default: any")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    started = measure.machine()
    rows, by_tenths = [], []
    done = []
    with tempfile.TemporaryDirectory(prefix="mg-history-") as name:
        for which, days in (("short", options.days), ("long", options.days * options.times)):
            path = Path(name) / f"{which}.jsonl"
            hours = days * 24
            write_recording(path, hours * options.per_hour, seed=options.seed, span_hours=hours)
            done += replay_all([path], [Path(name) / which], [options.core])
            path.unlink()
            rows.append(row(which, days, done[-1]))
            by_tenths = tenths(done[-1])
    short, long = done
    ratios: dict[str, Any] = {
        "recording": "long / short",
        "events": round(long.events / short.events, 3),
        "events/s": round(long.events / long.wall_s / (short.events / short.wall_s), 3),
        "CPU us/event": round(long.cpu_s / long.events / (short.cpu_s / short.events), 3),
        "peak MB": round(long.peak_bytes / short.peak_bytes, 3),
        "state on disk MB": round(long.state_bytes / short.state_bytes, 3),
    }
    print(measure.table(by_tenths))
    measure.tell([*rows, ratios], started, tenths=by_tenths, past_growing=options.days > GROWING_DAYS)


if __name__ == "__main__":
    main()
