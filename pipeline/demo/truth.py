"""What really happened, as a file: the incidents with their expected detectors, and what went wrong on the way."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.demo.incidents import Incident
from pipeline.demo.wire import time_text


def truth(
    *,
    seed: int,
    start_us: int,
    end_us: int | None,
    incidents: Sequence[Incident],
    records: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the truth about a simulation as plain data for JSON.

    Args:
        seed: of the simulation.
        start_us: where it begins.
        end_us: where it ends; None: never.
        incidents: all of them, benign ones too.
        records: how many records were written, by note (see ``Arrival.note``; good ones under ``events``).
    """
    return {
        "seed": seed,
        "start": time_text(start_us),
        "end": None if end_us is None else time_text(end_us),
        "records": dict(records or {}),
        "incidents": [
            {
                "kind": one.kind,
                "start": time_text(one.start_us),
                "end": time_text(one.end_us),
                "scope": one.scope,
                "benign": one.benign,
                "expected": list(one.expected),
            }
            for one in incidents
        ],
    }


def counted(notes: Counter[str]) -> dict[str, int]:
    """Return counts of records by what they are: first and good ones, and each kind of trouble.

    ``events`` are the different events: late ones are among them, repeats and bad records are not.
    """
    late, beyond = notes["late"], notes["beyond"]
    return {
        "records": notes.total(),
        "events": notes[""] + late + beyond,
        "duplicates": notes["duplicate"],
        "bad": notes["bad"],
        "late": late,
        "beyond": beyond,
    }
