"""Settings of promises: one :class:`PromiseSettings` each, validated when the file is read."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from config.base import SettingsModel
from config.durations import DurationUs
from config.references import CalendarName
from detectors.events import CASE_STEPS, TRANSACTION_STEPS
from detectors.promises.dates import DATE_UNITS, DueTime
from detectors.promises.kinds import KINDS, Family, Kind

PromiseName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
Severity = Literal["critical", "warning", "info"]
Unit = Literal["minutes", "hours", "business_days", "calendar_days", "calendar_months", "absolute"]
TIME_UNITS_US = {"minutes": 60_000_000, "hours": 3_600_000_000}


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _positive(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, int | float) and not 0 < value < 1e9):
        msg = f"a target is a number above 0, not {value}"
        raise ValueError(msg)
    return value


Number = Annotated[int | float, BeforeValidator(_positive)]
Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_more)]
"""A list of names; a single one may stand without brackets."""


class Moment(SettingsModel):
    """When something happens to a promise: at an event of one of the steps, or when the status becomes one of a list.

    Attributes:
        step: steps of events: ``opened``, ``agent_reply``, ``resolved``, ``delivered``, ...
        status: statuses. It happens when a status out of the list follows one that is not in it.
    """

    step: Names = ()
    status: Names = ()


class PauseWhile(SettingsModel):
    """While what the clock of a promise stands still. ``pause_while: {explicit: false}`` never pauses.

    Attributes:
        status: while the case's status is one of these.
        reason: only explicit pauses (``paused`` ... ``resumed``) with one of these reasons count.
        ignore_reason: explicit pauses with one of these reasons do not count.
        explicit: whether ``paused`` and ``resumed`` events count at all.
    """

    status: Names = ()
    reason: Names = ()
    ignore_reason: Names = ()
    explicit: bool = True


class Where(SettingsModel):
    """Which cases a promise is made for; looked at when it would start. Every list that is given must hold the value.

    Attributes:
        priority, tier, queue, service, region, channel: values of the case.
        labels: values of the event's labels, by label.
    """

    priority: Names = ()
    tier: Names = ()
    queue: Names = ()
    service: Names = ()
    region: Names = ()
    channel: Names = ()
    labels: dict[str, Names] = Field(default_factory=dict)


class PromiseSettings(SettingsModel):
    """A promise that is made to customers, for example: a first reply within four business hours.

    The target is looked up at the start, and again when priority, tier or queue change: first ``targets_by_queue``,
    then ``targets_by_tier`` (in both, an entry is a number, or numbers by priority with ``"*"`` for the rest), then
    ``targets`` by priority, then ``target``. A case for which none of them has a number has no such promise.

    Attributes:
        name: label ``promise`` of the alerts; by default the kind.
        kind: what it measures; settles start, stop and pauses unless these are given.
        subject: what it is about: a ``case`` or an ``order``; by default what the kind is about.
        start, stop, cancel: events that begin it, keep it, and call it off.
        end_without_verdict: events after which the promise is no longer needed.
        pause_while: while what the clock stands still.
        where: which cases it is made for.
        target, targets, targets_by_tier, targets_by_queue: the amount, in ``unit``.
        priority: the priority of a case whose events name none.
        unit: ``minutes`` or ``hours`` of open time, a date unit, or ``absolute``: the instant is ``deadline`` in the
            data of the event.
        due: of date units: at the ``close`` of the due day, at its ``end_of_day``, or at the ``same_time``.
        roll_receipt: of date units: a receipt out of hours counts as received when the calendar opens next.
        deadline: of ``absolute``: one instant for everybody, where the events carry none.
        calendar, calendar_by_tier: opening hours, by name; by default always open.
        at_risk: fractions of the target at which the early warning ``SlaAtRisk`` is raised and updated.
        severity, severity_by_tier, severity_by_priority: of ``SlaBreach``; priority wins over tier.
        at_risk_severity: of ``SlaAtRisk``.
        on_target_change: ``recompute``: the new target counts from the start. ``restart``: a new instance begins.
            ``keep``: the target of the start stays.
        min_notice: with ``recompute``: at least this much time after a change before it can be broken.
        on_reopen: ``resume``: time while resolved does not count. ``new_cycle``: a new instance begins. ``first_only``:
            the first resolution stands. ``count_through``: time while resolved counts.
        confirm_after: a resolution that is taken back within this time does not count as one: the time counts through.
        valid_from, valid_to: only cases that start between these instants.
    """

    name: PromiseName = ""
    kind: Kind
    subject: Family | None = None
    start: Moment | None = None
    stop: Moment | None = None
    end_without_verdict: Moment | None = None
    cancel: Moment | None = None
    pause_while: PauseWhile | None = None
    where: Where = Where()
    target: Number | None = None
    targets: dict[str, Number] = Field(default_factory=dict)
    targets_by_tier: dict[str, Number | dict[str, Number]] = Field(default_factory=dict)
    targets_by_queue: dict[str, Number | dict[str, Number]] = Field(default_factory=dict)
    priority: str | None = None
    unit: Unit | None = None
    due: DueTime | None = None
    roll_receipt: bool = False
    deadline: datetime | None = None
    calendar: CalendarName | None = None
    calendar_by_tier: dict[str, CalendarName] = Field(default_factory=dict)
    at_risk: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.75,)
    severity: Severity = "critical"
    severity_by_tier: dict[str, Severity] = Field(default_factory=dict)
    severity_by_priority: dict[str, Severity] = Field(default_factory=dict)
    at_risk_severity: Severity = "warning"
    on_target_change: Literal["recompute", "restart", "keep"] = "recompute"
    min_notice: DurationUs = Field(default=0, ge=0)
    on_reopen: Literal["resume", "new_cycle", "first_only", "count_through"] = "resume"
    confirm_after: DurationUs | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("kind"), str):
            values = {"name": values["kind"], **values}
            has_target = any(values.get(key) for key in ("target", "targets", "targets_by_tier", "targets_by_queue"))
            if values["kind"] in {"deadline", "delivery"} and "unit" not in values and not has_target:
                values["unit"] = "absolute"
        return values

    @field_validator("unit", mode="before")
    @classmethod
    def _no_bare_days(cls, value: object) -> object:
        if isinstance(value, str) and value in {"d", "day", "days", "months", "weeks", "m"}:
            msg = f"{value!r} is ambiguous: write business_days, calendar_days, calendar_months, or hours of open time"
            raise ValueError(msg)
        return value

    @field_validator("targets", "targets_by_tier", "targets_by_queue", mode="before")
    @classmethod
    def _text_keys(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {
            str(key): {str(inner): number for inner, number in item.items()} if isinstance(item, dict) else item
            for key, item in value.items()
        }

    @field_validator("deadline", "valid_from", "valid_to")
    @classmethod
    def _with_offset(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            msg = f"{value} has no offset: write for example 2026-02-02T16:00+00:00"
            raise ValueError(msg)
        return value

    @property
    def family(self) -> Family:
        """What the promise is about."""
        return self.subject or KINDS[self.kind].family

    @property
    def all_targets(self) -> list[tuple[str, int | float]]:
        """Every target, with the field that it stands in."""
        found: list[tuple[str, int | float]] = [] if self.target is None else [("target", self.target)]
        found += [(f"targets.{key}", number) for key, number in self.targets.items()]
        for field in ("targets_by_tier", "targets_by_queue"):
            for key, item in getattr(self, field).items():
                if isinstance(item, dict):
                    found += [(f"{field}.{key}.{inner}", number) for inner, number in item.items()]
                else:
                    found.append((f"{field}.{key}", item))
        return found

    @model_validator(mode="after")
    def _unit_fits(self) -> Self:
        if self.unit is None:
            msg = "unit is missing: minutes, hours, business_days, calendar_days, calendar_months or absolute"
            raise ValueError(msg)
        targets = self.all_targets
        if self.unit == "absolute":
            if targets:
                msg = f"{targets[0][0]}: unit absolute takes the instant from the event's deadline, not from a target"
                raise ValueError(msg)
        elif not targets:
            msg = "target is missing: give target, targets (by priority), targets_by_tier or targets_by_queue"
            raise ValueError(msg)
        if self.deadline is not None and self.unit != "absolute":
            msg = f"deadline needs unit absolute, not {self.unit}"
            raise ValueError(msg)
        if self.unit in DATE_UNITS:
            if self.due is None:
                msg = f"due is missing: with {self.unit} say close, end_of_day or same_time"
                raise ValueError(msg)
            for field, number in targets:
                if not isinstance(number, int):
                    msg = f"{field}: {number} {self.unit}; only whole ones can be counted"
                    raise ValueError(msg)
        elif self.due is not None or self.roll_receipt:
            msg = f"due and roll_receipt belong to business_days, calendar_days and calendar_months, not to {self.unit}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _steps_exist(self) -> Self:
        known = CASE_STEPS if self.family == "case" else TRANSACTION_STEPS
        for field in ("start", "stop", "end_without_verdict", "cancel"):
            moment: Moment | None = getattr(self, field)
            for step in moment.step if moment is not None else ():
                if step not in known:
                    msg = f"{field}.step: {step!r} is no step of a {self.family}; there are: {', '.join(known)}"
                    raise ValueError(msg)
            if field in {"start", "stop"} and moment is not None and not moment.step and not moment.status:
                msg = f"{field}: name at least one step or status"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _policies_fit(self) -> Self:
        if self.unit not in TIME_UNITS_US and self.pause_while not in {None, PauseWhile(explicit=False)}:
            msg = f"pause_while: a promise in {self.unit} never pauses; use minutes or hours"
            raise ValueError(msg)
        if list(self.at_risk) != sorted(set(self.at_risk)):
            msg = f"at_risk: the fractions must rise, but are {list(self.at_risk)}"
            raise ValueError(msg)
        if self.min_notice and self.on_target_change != "recompute":
            msg = f"min_notice belongs to on_target_change: recompute, not to {self.on_target_change}"
            raise ValueError(msg)
        if self.valid_from is not None and self.valid_to is not None and self.valid_to <= self.valid_from:
            msg = "valid_to must lie after valid_from"
            raise ValueError(msg)
        return self
