"""What every settings model has in common: strict, immutable, no unknown keys."""

from pydantic import BaseModel, ConfigDict


class SettingsModel(BaseModel):
    """A part of the settings file. Unknown keys are errors, numbers are finite, and a parsed model never changes."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=False,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
    )


class ComponentSettings(SettingsModel):
    """Settings of one component. Subclasses narrow ``type`` to a ``Literal`` of their registered name."""

    type: str
