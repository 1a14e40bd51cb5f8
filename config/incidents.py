"""Settings of incidents: which alerts belong together."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs

_Label = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=64)]
_Feed = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


class IncidentSettings(SettingsModel):
    """Alerts that share a customer, a service or a region within a window belong to one incident.

    Attributes:
        window: how far apart in event time two alerts may be and still belong together.
        quiet: how long nothing of an incident must have fired before it counts as ended; None: as long as the window.
        by: labels that bring alerts together, most specific first. ``customer`` is special: alerts that are each about
            another customer do not become one incident by the others alone.
        feeds: what the evidence of a detector is called, by its ``type`` or the name of its entry: ``{mood: social}``.
            Where nothing is said it follows from the events that the detector reads.
    """

    window: DurationUs = Field(default=1800 * US_PER_SECOND, ge=US_PER_SECOND)
    quiet: DurationUs | None = Field(default=None, ge=US_PER_SECOND)
    by: tuple[_Label, ...] = Field(default=("customer", "service", "region"), min_length=1, max_length=8)
    feeds: Mapping[str, _Feed] = Field(default={})

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        twice = sorted({name for name in self.by if self.by.count(name) > 1})
        if twice:
            msg = f"a label can be in `by` only once; twice: {', '.join(twice)}"
            raise ValueError(msg)
        if self.quiet is not None and self.quiet > self.window:
            msg = (
                "quiet is longer than the window: an incident would be open, and what belongs to it would open another"
            )
            raise ValueError(msg)
        return self

    @property
    def quiet_us(self) -> int:
        """How long nothing must have fired, microseconds."""
        return self.window if self.quiet is None else self.quiet
