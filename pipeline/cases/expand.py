"""From the steps of a case to events, in the order in which they arrive."""

import copy
import json
from typing import Any, NamedTuple

from alerts.model import rfc3339
from detectors.events import Event, Profile
from pipeline.cases.model import Case, CaseFile, Step, expand_values, when_us
from pipeline.events import decode_event, to_us
from pipeline.reasons import RecordError


class Arrival(NamedTuple):
    """An event, and when it comes to be known, in microseconds UTC."""

    arrival_us: int
    event: Event


class StepError(Exception):
    """A step of a case makes no valid event. Says which step and why."""


def arrivals(case: Case, file: CaseFile) -> list[Arrival]:
    """Return the events of a case by arrival; events that arrive together keep the order of the file.

    Raises:
        StepError: for an event that a feed would turn away.
    """
    start_us = to_us(file.start)
    profiles = {
        name: Profile(
            customer=name,
            tier=fields.tier,
            lifetime_value=fields.lifetime_value,
            language=fields.language,
            contract=fields.contract,
        )
        for name, fields in file.profiles.items()
    }
    found: list[Arrival] = []
    for position, step in enumerate(case.series):
        for number, raw in _objects(step, position, start_us):
            try:
                event = decode_event(json.dumps(raw).encode())
            except RecordError as error:
                msg = f"series[{position}], event {number}: {error}"
                raise StepError(msg) from error
            event.profile = profiles.get(event.subject)
            found.append(Arrival(event.time_us + step.late_by, event))
    return sorted(found, key=lambda arrival: arrival.arrival_us)


def _objects(step: Step, position: int, start_us: int) -> list[tuple[int, dict[str, Any]]]:
    """Return the CloudEvents objects of a step with their numbers from 1."""
    columns = {path: expand_values(text) for path, text in step.values.items()}
    times = step.times or max((len(column) for column in columns.values()), default=1)
    found = []
    for index in range(times * step.repeat):
        row = {path: column[index % times] for path, column in columns.items()}
        if None in row.values():
            continue
        at_us = when_us(step.at, start_us) + index * (step.every or 0)
        raw = _numbered(copy.deepcopy(step.event), index + 1)
        raw.setdefault("specversion", "1.0")
        raw.setdefault("source", "case")
        raw.setdefault("id", f"{position}-{index + 1}")
        raw["time"] = rfc3339(at_us)
        for path, value in row.items():
            _put(raw, path, value)
        found.append((index + 1, raw))
    return found


def _numbered(value: Any, number: int) -> Any:
    if isinstance(value, str):
        return value.replace("{n}", str(number))
    if isinstance(value, dict):
        return {key: _numbered(entry, number) for key, entry in value.items()}
    if isinstance(value, list):
        return [_numbered(entry, number) for entry in value]
    return value


def _put(raw: dict[str, Any], path: str, value: str | None) -> None:
    *above, last = path.split(".")
    target = raw
    for key in above:
        target = target.setdefault(key, {})
    try:
        target[last] = json.loads(value or "null")
    except ValueError:
        target[last] = value
