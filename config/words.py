"""Settings of what people read."""

from pydantic import Field

from config.base import SettingsModel
from config.values import Zone


class WordsSettings(SettingsModel):
    """What all messages have in common. Templates are settings of the channels.

    Attributes:
        zone: in which times are written.
        max_alerts: how many alerts the standard text describes; the rest is counted.
    """

    zone: Zone = "UTC"
    max_alerts: int = Field(default=20, ge=1, le=500)
