"""The knobs of a decision: how many false alarms are accepted, and what else must hold before an alert opens."""

import re
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from config.base import SettingsModel
from config.durations import DurationUs

Probability = Annotated[float, Field(gt=0.0, lt=1.0)]
_PERIODS_US = {"hour": 3_600_000_000, "day": 86_400_000_000, "week": 7 * 86_400_000_000, "month": 30 * 86_400_000_000}
_BUDGET = re.compile(r"(\d+(?:\.\d+)?) per (hour|day|week|month)")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")
_OF = re.compile(r"(\d+) of (\d+)")
_MOST_WINDOWS = 60


class AlertBudget(SettingsModel):
    """How many false alarms are accepted.

    Attributes:
        number: of false alarms.
        period_us: in so many microseconds.
    """

    number: float = Field(gt=0.0)
    period_us: int = Field(gt=0)

    def per(self, span_us: int) -> float:
        """Return how many are accepted in ``span_us`` microseconds."""
        return self.number * span_us / self.period_us


def _read_budget(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _BUDGET.fullmatch(value.strip())
    if match is None or float(match[1]) <= 0.0:
        msg = f"{value!r} is not a budget: write how many false alarms you accept, like 2 per week or 0.5 per day"
        raise ValueError(msg)
    return {"number": float(match[1]), "period_us": _PERIODS_US[match[2]]}


def _write_budget(budget: AlertBudget) -> str:
    name = next((name for name, us in _PERIODS_US.items() if us == budget.period_us), None)
    if name is None:
        return f"{_plain(budget.per(_PERIODS_US['week']))} per week"
    return f"{_plain(budget.number)} per {name}"


def _plain(number: float, times: int = 1) -> str:
    """Return a number, times another one, as a person writes it, and as it can be read again."""
    text = f"{Decimal(repr(number)) * times:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _read_percent(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _PERCENT.fullmatch(value.strip())
    if match is None:
        msg = f"{value!r} is not a share: write a percentage like 10%, or a number like 0.1"
        raise ValueError(msg)
    return float(Decimal(match[1]) / 100)


class Confirmation(SettingsModel):
    """How many of the last windows must be unusual.

    Attributes:
        needed: so many.
        of: out of the last so many.
    """

    needed: int = Field(ge=1)
    of: int = Field(ge=1, le=_MOST_WINDOWS)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.needed > self.of:
            msg = f"{self.needed} of {self.of} can never be; write at most as many as there are windows, like 2 of 3"
            raise ValueError(msg)
        return self


def _read_of(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _OF.fullmatch(value.strip())
    if match is None:
        msg = f"{value!r} is not a number of windows: write how many of the last ones must be unusual, like 2 of 3"
        raise ValueError(msg)
    return {"needed": int(match[1]), "of": int(match[2])}


Budget = Annotated[
    AlertBudget,
    BeforeValidator(_read_budget),
    PlainSerializer(_write_budget, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_BUDGET.pattern}$", "examples": ["2 per week", "0.5 per day"]}),
]
"""A settings field like ``2 per week``."""
Percent = Annotated[
    float,
    BeforeValidator(_read_percent),
    Field(gt=0.0, lt=1.0),
    PlainSerializer(lambda share: f"{_plain(share, 100)}%", return_type=str, when_used="json"),
    WithJsonSchema({"type": ["string", "number"], "examples": ["10%", 0.1]}),
]
"""A settings field like ``10%``; a number is a share."""
OutOf = Annotated[
    Confirmation,
    BeforeValidator(_read_of),
    PlainSerializer(lambda of: f"{of.needed} of {of.of}", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_OF.pattern}$", "examples": ["2 of 3"]}),
]
"""A settings field like ``2 of 3``."""


class PValueSettings(SettingsModel):
    """Which p-values make and end an alert.

    Attributes:
        fire: an alert begins at or below it, whatever the budget: for those who want a threshold. It is the share of
            windows that would be at or below it if nothing was ever wrong.
        resolve: an alert ends above it.
        overwhelming: at or below it an alert begins even while the baseline warms up or the group cools down.
    """

    fire: Probability | None = None
    resolve: Probability = 0.05
    overwhelming: Probability = 1e-9

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        fire = self.resolve if self.fire is None else self.fire
        if not self.overwhelming <= fire <= self.resolve or self.fire == self.resolve:
            msg = (
                f"expected overwhelming <= fire < resolve, got {self.overwhelming:g}, {fire:g}, {self.resolve:g}: "
                "an alert that ends where it begins would flap"
            )
            raise ValueError(msg)
        return self


class Decision(SettingsModel):
    """When an alert opens and ends. The part of a detector's settings that can be changed while it runs.

    Attributes:
        alert_budget: false alarms that are accepted of this detector, over all its groups: ``2 per week``. It is kept
            by adapting the p-value at which alerts open to how many windows are judged, and how they cluster. The
            default, where neither of the other two is set.
        false_discovery_rate: instead, the share of the alerts that may be false: ``10%``.
        p_value: thresholds. ``p_value.fire`` instead of a budget is a fixed threshold.
        confirm: how many of the last windows of a group must be unusual before its alert opens.
        min_duration: and for how long the group must have been unusual without a break.
        cool_down: after an alert has resolved, the group is left alone for this long.
        resolve_without_data: an alert is resolved when no window of its group could be scored for this long.
    """

    alert_budget: Budget | None = None
    false_discovery_rate: Percent | None = None
    p_value: PValueSettings = PValueSettings()
    confirm: OutOf = Confirmation(needed=1, of=1)
    min_duration: DurationUs = 0
    cool_down: DurationUs = 2 * 3_600_000_000
    resolve_without_data: Annotated[DurationUs, Field(gt=0)] = 86_400_000_000

    @model_validator(mode="after")
    def _one_knob(self) -> Self:
        given = [
            name
            for name, value in (
                ("alert_budget", self.alert_budget),
                ("false_discovery_rate", self.false_discovery_rate),
                ("p_value.fire", self.p_value.fire),
            )
            if value is not None
        ]
        if len(given) > 1:
            msg = f"{' and '.join(given)} say the same thing in different ways; write one of them"
            raise ValueError(msg)
        return self

    def budget(self) -> AlertBudget | None:
        """Return the budget that holds, None where something else is set."""
        if self.alert_budget is not None:
            return self.alert_budget
        if self.false_discovery_rate is None and self.p_value.fire is None:
            return DEFAULT_BUDGET
        return None

    def as_json(self) -> str:
        """Return the knobs as settings files have them, with the budget that holds."""
        whole = self.model_copy(update={"alert_budget": self.budget()})
        return whole.model_dump_json(include=set(_FIELDS), exclude_none=True)


_FIELDS = frozenset(Decision.model_fields)
DEFAULT_BUDGET = AlertBudget(number=2.0, period_us=_PERIODS_US["week"])
"""What holds where nothing is set."""
