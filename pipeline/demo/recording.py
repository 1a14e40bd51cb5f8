"""Writes a simulation into files: one JSON Lines file a feed in order of arrival, the customers, and the truth."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

from pipeline.demo.company import FEEDS, HOUR_US, Company
from pipeline.demo.incidents import TOUR_US, Incident, scenario
from pipeline.demo.simulate import Noise, simulate
from pipeline.demo.truth import counted, truth

PROFILE_COLUMNS = ("customer", "tier", "lifetime_value", "language", "contract", "region")
DEFAULT_START_US = 1_772_409_600_000_000
"""Monday 2026-03-02 00:00 UTC."""
_REPORT_EVERY = 10_000


def write_recording(
    folder: Path,
    *,
    hours: float,
    seed: int,
    start_us: int = DEFAULT_START_US,
    scenario_name: str = "",
    truth_file: Path | None = None,
    scale: float = 1.0,
    customers: int = 2000,
    noise: Noise | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Write ``crm.jsonl``, ``survey.jsonl``, ``transaction.jsonl``, ``social.jsonl``, ``profiles.csv`` and the truth.

    Args:
        folder: made when it is not there; files of these names are replaced.
        hours: length of the recording.
        seed: of everything random: the same seed gives the same bytes.
        start_us: first moment, microseconds UTC.
        scenario_name: see ``pipeline.demo.incidents.scenario``; default a ``tour`` where there is time for one (12 h),
            or else ``outage_in_a_minute``.
        truth_file: where the truth goes; default ``truth.json`` in the folder.
        scale: factor on how much happens.
        customers: how many there are.
        noise: what goes wrong on the way.
        progress: told now and then which share is done, 0 to 1.

    Returns:
        The truth.

    Raises:
        ValueError: for an unknown scenario, or one that does not fit into ``hours``.
        OSError: when a file cannot be written.
    """
    end_us = start_us + int(hours * HOUR_US)
    company = Company(seed, customers)
    incidents = recording_incidents(scenario_name, start_us, end_us)
    folder.mkdir(parents=True, exist_ok=True)
    notes: Counter[str] = Counter()
    with ExitStack() as stack:
        files = {feed: stack.enter_context((folder / f"{feed}.jsonl").open("wb")) for feed in FEEDS}
        records = simulate(company, start_us, end_us=end_us, incidents=incidents, scale=scale, noise=noise)
        for number, arrival in enumerate(records):
            files[arrival.feed].write(arrival.raw + b"\n")
            notes[arrival.note] += 1
            if progress is not None and number % _REPORT_EVERY == 0:
                progress((arrival.arrival_us - start_us) / (end_us - start_us))
    write_profiles(company, folder / "profiles.csv")
    whole = truth(seed=seed, start_us=start_us, end_us=end_us, incidents=incidents, records=counted(notes))
    with _text(truth_file or folder / "truth.json") as file:
        json.dump(whole, file, indent=2)
        file.write("\n")
    if progress is not None:
        progress(1.0)
    return whole


def recording_incidents(name: str, start_us: int, end_us: int) -> Sequence[Incident]:
    """Return a scenario's incidents in a recording. All but a tour take place in its second half."""
    if not name:
        name = "tour" if end_us - start_us >= TOUR_US else "outage_in_a_minute"
    live_us = start_us if name == "tour" else start_us + (end_us - start_us) // 2
    return [one for one in scenario(name, start_us, live_us, end_us) if one.start_us < end_us]


def write_profiles(company: Company, path: Path) -> None:
    """Write the customer table as CSV with the columns of :data:`PROFILE_COLUMNS`."""
    with _text(path) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(PROFILE_COLUMNS)
        for one in company.customers:
            rows.writerow((one.id, one.tier, f"{one.lifetime_value:.2f}", one.language, one.contract, one.region))


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        yield file
