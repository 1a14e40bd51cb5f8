"""Settings of drills: when receivers are tried with their primary broken, without anybody asking for it."""

from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs
from config.localtimes import LocalTime
from config.maintenance import local_rule
from config.references import ReceiverName
from config.values import Zone

FaultName = Literal["intact", "refused", "timed_out", "server_error", "rate_limited", "black_hole"]


class DrillSettings(SettingsModel):
    """When drills take place. Without ``every`` and without ``rrule`` there are none but those of ``makegood drill``.

    Attributes:
        every: so often; the first so long after the first notifier started.
        rrule: or by a rule of RFC 5545, like ``FREQ=MONTHLY;BYDAY=1TU``, from ``start`` on.
        start: local time of the first.
        zone: of ``start``.
        receivers: who is tried; none: all.
        faults: in which ways the primary is broken; each is a message. By default those that take no long time.
    """

    every: DurationUs | None = Field(default=None, ge=60 * US_PER_SECOND)
    rrule: str | None = None
    start: LocalTime | None = None
    zone: Zone = "UTC"
    receivers: tuple[ReceiverName, ...] = ()
    faults: tuple[FaultName, ...] = Field(default=("refused",), min_length=1)

    @model_validator(mode="after")
    def _one_plan(self) -> Self:
        if self.rrule is None:
            if self.start is not None:
                msg = "`start` is about `rrule`; give both, or leave it out"
                raise ValueError(msg)
            return self
        if self.every is not None:
            msg = "give `every` or `rrule`, not both"
            raise ValueError(msg)
        if self.start is None:
            msg = "`rrule` needs the local time of the first drill under `start`, like 2026-01-06T10:00"
            raise ValueError(msg)
        local_rule(self.rrule, self.start, ZoneInfo(self.zone))
        return self
