"""The bare loop: read, decode with msgspec into Makegood's own types, add to a dict. No stream processor at all.

What a competent engineer writes by hand for this one question. It does not drop repeats, keeps no bad lines, knows no
watermark, holds every window until the end of the file and forgets everything when it dies.
"""

import csv
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.peers.jobs.arguments import arguments
from pipeline.events import ANY_EVENT

COLUMNS = ("minute", "service", "region", "count", "breach_share", "mean_sentiment")


def count(path: Path) -> dict[tuple[float, str, str], list[Any]]:
    """Return count, breaches and sum of sentiment by minute, service and region."""
    windows: dict[tuple[float, str, str], list[Any]] = {}
    decode = msgspec.json.Decoder(ANY_EVENT).decode
    with path.open("rb") as file:
        for line in file:
            try:
                event = decode(line)
            except msgspec.MsgspecError:
                continue
            data = event.data
            key = (event.time.timestamp() // 60, data.service, data.region)
            window = windows.get(key)
            if window is None:
                window = windows[key] = [0, 0, 0.0]
            window[0] += 1
            if data.status == "breached":
                window[1] += 1
            window[2] += data.sentiment
    return windows


def main() -> None:
    """Count a file, write the windows."""
    options = arguments()
    windows = count(options.input[0])
    with options.output.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        out.writerows(
            (int(minute * 60), service, region, number, breached / number, total / number)
            for (minute, service, region), (number, breached, total) in windows.items()
        )


if __name__ == "__main__":
    main()
