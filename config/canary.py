"""Settings of canaries: tries of channels by the clock, so that a broken one is known before it is needed."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs
from config.references import ChannelName


class CanaryChannelSettings(SettingsModel):
    """How often a channel is tried, and how. A bare duration (``mail: 15m``) is short for ``{every: 15m}``.

    Attributes:
        every: how often.
        via: ``check`` asks the far side whether it would take a message, and sends none; ``message`` sends one that is
            marked as a test, to all recipients.
        receipt_within: with ``via: message``: how long a provider that reports later may take to say that a message
            was delivered.
    """

    every: DurationUs = Field(ge=10 * US_PER_SECOND)
    via: Literal["check", "message"] = "check"
    receipt_within: DurationUs = Field(default=120 * US_PER_SECOND, ge=0, le=1800 * US_PER_SECOND)

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        return {"every": value} if isinstance(value, str | int) else value


class CanarySettings(SettingsModel):
    """Which channels are tried by the clock. One that fails is raised like one that failed to send an alert.

    Attributes:
        channels: by name.
        timeout: of a check; a message has the timeout of its channel.
    """

    channels: Mapping[ChannelName, CanaryChannelSettings] = Field(default={})
    timeout: DurationUs = Field(default=15 * US_PER_SECOND, ge=US_PER_SECOND // 10, le=120 * US_PER_SECOND)
