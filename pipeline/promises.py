"""Clock cases as data: run a file of promises, events and expected values through the code that runs in the flow.

The file holds ``calendars`` by name and ``cases``, each with a promise, events and what is expected at ``as_of``. An event
has ``id``, ``type`` (the step), ``at`` and, where it was received later, ``known_at``; only events known by ``as_of`` are
used. ``config/examples/promises/cases.yaml`` is an example.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import Field, ValidationError

from config.base import SettingsModel
from config.calendars import CalendarSettings
from config.explain import explain
from config.problems import Problem, SettingsError
from config.yamlfile import Document, read_yaml
from detectors.events import EVENT_CLASSES, CaseData, Event, Profile, TransactionData
from detectors.promises.openhours import to_us
from detectors.promises.results import Evaluation, InstanceResult, evaluate_spec
from detectors.promises.settings import PromiseSettings
from detectors.promises.spec import Calendars, Spec

SECOND_US = 1_000_000
INSTANTS = ("started_at", "due_at", "breach_at", "fulfilled_at")


class EventSettings(SettingsModel, extra="allow"):
    """One event of a case. Further fields are data of the event (``to``, ``reason``, ``status``, ``priority``, ...)."""

    id: str
    type: str
    at: datetime
    known_at: datetime | None = None
    rev: int = 0
    sequence: int = 0
    tier: str = ""
    deadline: datetime | None = None


class ClockCase(SettingsModel):
    """One case: a promise, events, and what is expected of them at one moment.

    Attributes:
        detector: which detector the case is for; cases for others than ``sla_breach`` are skipped.
        zone: for the reader; instants carry their offset.
    """

    name: str
    detector: str = "sla_breach"
    zone: str = "UTC"
    calendar: str | None = None
    promise: dict[str, Any]
    events: tuple[EventSettings, ...]
    as_of: datetime | None = None
    expected: dict[str, Any] = Field(default_factory=dict)
    note: str = ""


class CasesFile(SettingsModel):
    """A file of clock cases."""

    version: Literal[1] = 1
    calendars: Mapping[str, CalendarSettings] = Field(default={})
    cases: tuple[ClockCase, ...]


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one case.

    Attributes:
        outcome: ``passed``, ``differs`` or ``skipped``.
        reason: why it was skipped; empty otherwise.
        computed: the values, in the shape of the expected ones.
        expected: as the file says.
        differences: one line each; empty when all expected values are met.
    """

    name: str
    outcome: Literal["passed", "differs", "skipped"]
    reason: str = ""
    computed: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    differences: list[str] = []

    @property
    def differs(self) -> bool:
        """Whether a computed value is not the expected one."""
        return self.outcome == "differs"


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
    calendars = Calendars(file.calendars)
    return [_run(path, document, calendars, index, case) for index, case in enumerate(file.cases)]


def _run(path: Path, document: Document, calendars: Calendars, index: int, case: ClockCase) -> CaseResult:
    if case.detector != "sla_breach":
        return CaseResult(name=case.name, outcome="skipped", reason=f"detector {case.detector} is not there yet")
    place = ("cases", index)
    try:
        promise = PromiseSettings.model_validate({"calendar": case.calendar, **case.promise})
        spec = Spec(promise, calendars)
    except ValidationError as error:
        problems = [
            Problem((*place, "promise", *found["loc"]), document.line((*place, "promise")), found["msg"])
            for found in error.errors(include_url=False, include_input=False)
        ]
        raise SettingsError(path, problems) from error
    except ValueError as error:
        raise SettingsError(path, [Problem(place, document.line(place), str(error))]) from error
    events = []
    for number, settings in enumerate(case.events):
        try:
            events.append(event_of(settings, case.name, spec.family))
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
    computed = _computed(evaluation, case, spec, events, as_of_us)
    differences = _differences(case.expected, computed)
    return CaseResult(
        name=case.name,
        outcome="differs" if differences else "passed",
        computed=computed,
        expected=_plain(case.expected),
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
        found["thresholds"] = {_percent(name): at for name, at in found["thresholds"].items()}
    return found


def _percent(fraction: str) -> str:
    return f"{float(fraction) * 100:.6g}%"


def _seconds(amount_us: int) -> int | float:
    return amount_us // SECOND_US if amount_us % SECOND_US == 0 else amount_us / SECOND_US


def _differences(expected: Mapping[str, Any], computed: Mapping[str, Any], where: str = "") -> list[str]:
    found = []
    for name, want in expected.items():
        have = computed.get(name)
        here = f"{where}{name}"
        if name == "instances" and isinstance(want, list):
            if not isinstance(have, list) or len(have) != len(want):
                found.append(f"{here}: expected {len(want)}, computed {len(have or ())}")
                continue
            for number, (one, other) in enumerate(zip(want, have, strict=True), 1):
                found += _differences(one, other, f"{here}[{number}].")
        elif name == "thresholds" and isinstance(want, dict):
            found += _thresholds(want, have or {}, here)
        elif name == "retracts":
            if bool(want) != bool(have):
                found.append(f"{here}: expected {want!r}, computed {have!r}")
        elif name not in computed and "instances" in computed and name not in {"quarantined"}:
            found.append(f"{here}: expected one instance, computed {len(computed['instances'])}")
        elif not _same(want, have):
            found.append(f"{here}: expected {_plain(want)!r}, computed {have!r}")
    return found


def _thresholds(want: Mapping[str, Any], have: Mapping[str, Any], where: str) -> list[str]:
    return [
        f"{where}.{name}: expected {_plain(at)!r}, computed {have.get(_percent(str(float(name.rstrip('%')) / 100)))!r}"
        for name, at in want.items()
        if not _same(at, have.get(_percent(str(float(name.rstrip("%")) / 100))))
    ]


def _same(want: Any, have: Any) -> bool:
    if want == have or (
        isinstance(want, list) and isinstance(have, list) and list(map(str, want)) == list(map(str, have))
    ):
        return True
    first, second = _instant(want), _instant(have)
    return first is not None and first == second


def _instant(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else None
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo is not None else None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def render_text(results: Sequence[CaseResult]) -> str:
    """Return the results for people: one line a case, the values below, the differences named, and a count."""
    lines = []
    for result in results:
        mark = {"passed": "ok  ", "differs": "FAIL", "skipped": "skip"}[result.outcome]
        lines.append(f"{mark} {result.name}" + (f": skipped: {result.reason}" if result.reason else ""))
        instances = result.computed.get("instances", [result.computed] if result.computed else [])
        lines += [f"       {_line(instance)}" for instance in instances]
        if result.computed.get("quarantined"):
            lines.append(f"       quarantined {', '.join(result.computed['quarantined'])}")
        lines += [f"     ! {difference}" for difference in result.differences]
    count = {name: sum(result.outcome == name for result in results) for name in ("passed", "differs", "skipped")}
    lines.append(f"{count['passed']} equal, {count['differs']} differ, {count['skipped']} skipped")
    return "\n".join(lines)


def _line(instance: Mapping[str, Any]) -> str:
    parts = [f"{instance.get('state')}", f"due {instance.get('due_at') or '-'}"]
    if instance.get("breached"):
        parts.append(f"broken {instance['breach_at']}")
    if instance.get("fulfilled_at"):
        parts.append(f"fulfilled {instance['fulfilled_at']}")
    parts.append(f"elapsed {instance.get('elapsed_seconds')} s")
    return ", ".join(parts)


def render_json(results: Sequence[CaseResult]) -> str:
    """Return the results for machines: one JSON object."""
    count = {name: sum(result.outcome == name for result in results) for name in ("passed", "differs", "skipped")}
    return msgspec.json.encode({**count, "cases": results}).decode()
