"""Runs case files against detectors, engine-free, and says what differs."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, create_model

from config.loader import load
from config.problems import Problem, SettingsError
from detectors.contract import AlertChange, Detector
from pipeline.assembly import build_detectors, load_settings, settings_model
from pipeline.cases.expand import StepError, arrivals
from pipeline.cases.model import Case, CaseFile, Expected, when_us
from pipeline.events import to_us
from pipeline.harness import Harness


class CaseResult(NamedTuple):
    """How a case went.

    Attributes:
        name: of the case.
        missing: expected changes that did not come.
        unexpected: changes that nobody expected.
        changes: every change that came, in order.
    """

    name: str
    missing: list[Expected]
    unexpected: list[AlertChange]
    changes: list[AlertChange]

    @property
    def passed(self) -> bool:
        """Whether exactly the expected changes came."""
        return not self.missing and not self.unexpected


class FileResult(NamedTuple):
    """How the cases of a file went. ``start_us``: what its offsets count from."""

    file: Path
    start_us: int
    results: list[CaseResult]


@cache
def case_file_model() -> type[CaseFile]:
    """Return the model of case files, for all detectors there are."""
    fields: dict[str, Any] = {"detectors": (settings_model().model_fields["detectors"].annotation, Field(default={}))}
    return create_model("CaseFile", __base__=CaseFile, __doc__=CaseFile.__doc__, **fields)


def run_file(path: Path) -> FileResult:
    """Run every case of a file.

    Raises:
        SettingsError: when the file, or the settings file that it names, cannot be used.
    """
    loaded = load(path, case_file_model())
    file = loaded.settings
    if file.config is not None:
        base = load_settings(file.config).settings
        merged = {"calendars": {**base.calendars, **file.calendars}, "detectors": {**base.detectors, **file.detectors}}
        file = file.model_copy(update=merged)
    if not file.detectors:
        message = "no detector to test: give `detectors:`, or `config:` with a settings file that has some"
        raise SettingsError(path, [Problem((), None, message)])
    settings = settings_model().model_construct(calendars=file.calendars, detectors=file.detectors)
    detectors = build_detectors(settings, loaded.document)
    results = []
    for position, case in enumerate(file.cases):
        try:
            results.append(run_case(case, file, detectors))
        except StepError as error:
            where = ("cases", position)
            raise SettingsError(path, [Problem(where, loaded.document.line(where), str(error))]) from error
    return FileResult(path, to_us(file.start), results)


def run_case(case: Case, file: CaseFile, detectors: Mapping[str, Detector]) -> CaseResult:
    """Run one case: events one by one as they arrive, the watermark behind the newest, then the recording's end."""
    harness = Harness(detectors, shards=file.shards)
    seen: set[tuple[str, str, int]] = set()
    newest_us = None
    for arrival in arrivals(case, file):
        event = arrival.event
        identity = (event.source, event.id, event.rev)
        if identity in seen:
            continue
        seen.add(identity)
        newest_us = event.time_us if newest_us is None else max(newest_us, event.time_us)
        harness.feed([event], newest_us - file.lateness)
    start_us = to_us(file.start)
    end_us = newest_us if case.until is None else when_us(case.until, start_us)
    if end_us is not None:
        harness.finish(end_us)
    changes = [change for change in harness.changes if case.only.items() <= change.labels.items()]
    matched = _match(case.expect or [], changes, start_us)
    missing = [expected for position, expected in enumerate(case.expect or []) if position not in matched]
    unexpected = [change for position, change in enumerate(changes) if position not in matched.values()]
    return CaseResult(case.name, missing, unexpected, changes)


def fits(expected: Expected, change: AlertChange, start_us: int) -> bool:
    """Say whether a change is what was expected."""
    times = (
        (expected.at, change.at_us),
        (expected.starts_at, change.starts_at_us),
        (expected.ends_at, change.ends_at_us),
    )
    return (
        all(text is None or when_us(text, start_us) == actual_us for text, actual_us in times)
        and expected.status == change.status
        and expected.step in (None, change.step)
        and expected.labels.items() <= change.labels.items()
        and all(text in change.annotations.get(name, "") for name, text in expected.annotations.items())
    )


def _match(expected: Sequence[Expected], changes: Sequence[AlertChange], start_us: int) -> dict[int, int]:
    """Pair as many expectations with changes as can be, each change once (augmenting paths)."""
    fitting = [[number for number, change in enumerate(changes) if fits(item, change, start_us)] for item in expected]
    owner: dict[int, int] = {}

    def place(position: int, tried: set[int]) -> bool:
        for number in fitting[position]:
            if number not in tried:
                tried.add(number)
                if number not in owner or place(owner[number], tried):
                    owner[number] = position
                    return True
        return False

    for position in range(len(expected)):
        place(position, set())
    return {position: number for number, position in owner.items()}
