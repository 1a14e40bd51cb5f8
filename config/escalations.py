"""Settings of escalation policies: whom to tell, in which order, until somebody acknowledges."""

from typing import Self

from pydantic import Field, model_validator

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs
from config.references import PersonName, ReceiverName, ScheduleName


class EscalationTargetSettings(SettingsModel):
    """Whom a step tells; exactly one of the keys.

    Attributes:
        receiver: name of an entry in ``receivers:``.
        schedule: name of an entry in ``schedules:``: who is on duty when the step is told.
        person: name of an entry in ``people:``.
    """

    receiver: ReceiverName | None = None
    schedule: ScheduleName | None = None
    person: PersonName | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in ("receiver", "schedule", "person") if getattr(self, name) is not None]
        if len(given) != 1:
            found = "none is given" if not given else f"{' and '.join(given)} are given"
            msg = f"exactly one of receiver, schedule, person; {found}. Each is an entry of the list of its own"
            raise ValueError(msg)
        return self


class EscalationStepSettings(SettingsModel):
    """One step of an escalation.

    Attributes:
        notify: whom to tell, all of them at once.
        wait: for an acknowledgement, before the next step.
    """

    notify: tuple[EscalationTargetSettings, ...] = Field(min_length=1)
    wait: DurationUs = Field(default=300 * US_PER_SECOND, ge=US_PER_SECOND)


class EscalationSettings(SettingsModel):
    """Steps that are taken one after the other until somebody acknowledges, or everything has resolved.

    Attributes:
        steps: the first is taken when a group first fires.
        repeat: how many times more all steps are taken after the first time.
        then: name of an entry in ``receivers:``: is told when the last step was taken and its wait is over, and in
            place of a step that reaches nobody, because nobody is on duty.
    """

    steps: tuple[EscalationStepSettings, ...] = Field(min_length=1)
    repeat: int = Field(default=0, ge=0, le=20)
    then: ReceiverName
