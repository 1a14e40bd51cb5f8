"""Clock cases as data: run a file of promises, events and expected values through the code that runs in the flow.

The file holds ``calendars`` by name and ``cases``, each with a promise, events and what is expected at ``as_of``. An
event has ``id``, ``type`` (the step), ``at`` and, where it was received later, ``known_at``; only events known by
``as_of`` are used. ``config/examples/promises/cases.yaml`` is an example. Cases for ``repeat_contact``,
``negative_survey`` and ``stalled_recovery`` stand in the same file; :mod:`pipeline.lifecases` runs them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import Field, ValidationError

from config.base import SettingsModel
from config.calendars import CalendarSettings
from config.explain import explain
from config.problems import PathItems, Problem, SettingsError
from config.yamlfile import Document, read_yaml
from detectors.events import EVENT_CLASSES, CaseData, Event, Profile, TransactionData
from detectors.promises.openhours import to_us
from detectors.promises.results import Evaluation, InstanceResult, evaluate_spec
from detectors.promises.settings import PromiseSettings
from detectors.promises.spec import Calendars, Spec
from pipeline.clock_report import CaseResult, compare, percent, plain, render_json, render_text
from pipeline.lifecases import contacts, recoveries, surveys
from pipeline.lifecases.common import EventSettings, LifeCase, Runner, UnknownPartError

SECOND_US = 1_000_000
RUNNERS: Mapping[str, Runner] = {
    "repeat_contact": contacts.run,
    "negative_survey": surveys.run,
    "stalled_recovery": recoveries.run,
}
"""Who runs the cases of detectors that have no clocks."""
__all__ = ["CaseResult", "render_json", "render_text", "run_cases"]


class ClockCase(LifeCase):
    """One case: a promise, events, and what is expected of them at one moment.

    Attributes:
        detector: which detector the case is for; cases for detectors that have no promises are skipped.
        zone: for the reader; instants carry their offset.
    """


class CasesFile(SettingsModel):
    """A file of clock cases."""

    version: Literal[1] = 1
    calendars: Mapping[str, CalendarSettings] = Field(default={})
    cases: tuple[ClockCase, ...]


def run_cases(path: Path) -> list[CaseResult]:
    """Run the cases of a file.

    Raises:
        SettingsError: when the file cannot be used; it names the case and the field.
    """
    document = read_yaml(path)
    try:
        file = CasesFile.model_validate(document.data)
    except ValidationError as error:
        raise SettingsError(path, explain(error, document, CasesFile)) from error
    compiled = Calendars(file.calendars)
    return [_run(path, document, file.calendars, compiled, index, case) for index, case in enumerate(file.cases)]


def _run_life(
    path: Path,
    document: Document,
    calendars: Mapping[str, CalendarSettings],
    place: PathItems,
    case: ClockCase,
    runner: Runner,
) -> CaseResult:
    try:
        for event in case.events:
            event.check()
        computed = runner(case, calendars)
    except UnknownPartError as error:
        return CaseResult(name=case.name, outcome="skipped", reason=str(error))
    except ValidationError as error:
        where = (*place, "promise")
        told = [f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors(include_url=False)]
        raise SettingsError(path, [Problem(where, document.line(where), text) for text in told]) from error
    except ValueError as error:
        raise SettingsError(path, [Problem(place, document.line(place), str(error))]) from error
    return _result(case, computed)


def _run(
    path: Path,
    document: Document,
    settings: Mapping[str, CalendarSettings],
    compiled: Calendars,
    index: int,
    case: ClockCase,
) -> CaseResult:
    place: PathItems = ("cases", index)
    runner = RUNNERS.get(case.detector)
    if runner is not None:
        return _run_life(path, document, settings, place, case, runner)
    if case.detector != "sla_breach":
        return CaseResult(name=case.name, outcome="skipped", reason=f"detector {case.detector} has no such cases")
    try:
        promise = PromiseSettings.model_validate({"calendar": case.calendar, **case.promise})
        spec = Spec(promise, compiled)
    except ValidationError as error:
        problems = [
            Problem((*place, "promise", *found["loc"]), document.line((*place, "promise")), found["msg"])
            for found in error.errors(include_url=False, include_input=False)
        ]
        raise SettingsError(path, problems) from error
    except ValueError as error:
        raise SettingsError(path, [Problem(place, document.line(place), str(error))]) from error
    events = []
    for number, given in enumerate(case.events):
        try:
            events.append(event_of(given, case.name, spec.family))
        except (ValueError, KeyError, msgspec.ValidationError) as error:
            where = (*place, "events", number)
            raise SettingsError(path, [Problem(where, document.line(where), str(error))]) from error
    if case.as_of is None:
        raise SettingsError(
            path, [Problem((*place, "as_of"), document.line(place), "as_of is missing: the moment of knowledge")]
        )
    as_of_us = to_us(case.as_of)
    fractions = _fractions(case.expected)
    evaluation = evaluate_spec(spec, events, as_of_us, fractions=fractions)
    return _result(case, _computed(evaluation, case, spec, events, as_of_us))


def _result(case: ClockCase, computed: dict[str, Any]) -> CaseResult:
    differences = compare(case.expected, computed)
    return CaseResult(
        name=case.name,
        outcome="differs" if differences else "passed",
        computed=computed,
        expected=plain(case.expected),
        differences=differences,
    )


def event_of(settings: EventSettings, subject: str, family: str) -> Event:
    """Return the event that a line of a case describes.

    Raises:
        ValueError: for a step that there is not, or a time without an offset.
    """
    kind = f"{'crm.case' if family == 'case' else 'transaction'}.{settings.type}"
    if kind not in EVENT_CLASSES:
        known = ", ".join(name.rsplit(".", 1)[1] for name in EVENT_CLASSES if name.startswith(kind.rsplit(".", 1)[0]))
        msg = f"type: {settings.type!r} is no step; there are: {known}"
        raise ValueError(msg)
    for name in ("at", "known_at", "deadline"):
        moment = getattr(settings, name)
        if moment is not None and moment.tzinfo is None:
            msg = f"{name}: {moment} has no offset; write for example 2026-02-02T10:00+00:00"
            raise ValueError(msg)
    shape = CaseData if family == "case" else TransactionData
    more = settings.model_extra or {}
    fields = {name: value for name, value in more.items() if name in shape.__struct_fields__}
    others = {name: str(value) for name, value in more.items() if name not in fields}
    labels = {**others, **fields.pop("labels", {})}
    key = "case_id" if family == "case" else "order_id"
    data = msgspec.convert({**fields, key: subject, "labels": labels, "deadline": settings.deadline}, shape)
    return EVENT_CLASSES[kind](  # type: ignore[return-value]
        id=settings.id,
        source="case",
        time=settings.at,
        time_us=to_us(settings.at),
        rev=settings.rev,
        sequence=settings.sequence,
        recordedtime=settings.known_at,
        profile=Profile(customer="", tier=settings.tier) if settings.tier else None,
        data=data,
    )  # type: ignore[call-arg]


def _fractions(expected: Mapping[str, Any]) -> tuple[float, ...]:
    named = [str(name) for item in [expected, *expected.get("instances", ())] for name in item.get("thresholds", ())]
    return tuple(sorted({float(name.rstrip("%")) / 100 for name in named}))


def _computed(
    evaluation: Evaluation, case: ClockCase, spec: Spec, events: Sequence[Event], as_of_us: int
) -> dict[str, Any]:
    instances = [_values(instance, spec) for instance in evaluation.instances]
    found: dict[str, Any] = {}
    if "instances" in case.expected or len(instances) != 1:
        found["instances"] = instances
    else:
        found.update(instances[0])
    if evaluation.quarantined:
        found["quarantined"] = evaluation.quarantined
    if any(instance.breached for instance in _seen_before(spec, events, as_of_us)) and not any(
        instance.breached for instance in evaluation.instances
    ):
        found["retracts"] = True
    return found


def _seen_before(spec: Spec, events: Sequence[Event], as_of_us: int) -> list[InstanceResult]:
    """Return the measurements as they looked just before each late piece of knowledge came."""
    moments = {to_us(event.recordedtime) for event in events if event.recordedtime is not None}
    return [
        instance
        for moment_us in sorted(moments)
        if moment_us <= as_of_us
        for instance in evaluate_spec(spec, events, moment_us - 1, fractions=()).instances
    ]


def _values(instance: InstanceResult, spec: Spec) -> dict[str, Any]:
    def text(at_us: int | None) -> str | None:
        return None if at_us is None else spec.calendar.at(instance.started_us).local(at_us).isoformat()

    found: dict[str, Any] = {
        "cycle": instance.cycle,
        "started_at": text(instance.started_us),
        "state": instance.state,
        "due_at": text(instance.due_us),
        "breached": instance.breached,
        "breach_at": text(instance.breach_us),
        "fulfilled_at": text(instance.fulfilled_us),
        "elapsed_seconds": _seconds(instance.elapsed_us),
        "remaining_seconds": None if instance.remaining_us is None else _seconds(instance.remaining_us),
    }
    if instance.thresholds_us:
        found["thresholds"] = {f"{fraction:.4g}": text(at_us) for fraction, at_us in instance.thresholds_us.items()}
        found["thresholds"] = {percent(name): at for name, at in found["thresholds"].items()}
    return found


def _seconds(amount_us: int) -> int | float:
    return amount_us // SECOND_US if amount_us % SECOND_US == 0 else amount_us / SECOND_US
