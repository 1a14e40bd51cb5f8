"""Settings of what people answer to alerts."""

from pydantic import Field

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs


class ResponseSettings(SettingsModel):
    """What people answer to alerts: acknowledge, resolve, comment, reassign.

    Attributes:
        acknowledged_for: how long an acknowledgement holds where nobody says for how long: then the alert counts as
            unacknowledged again, and its escalation goes on. None: until the alert fires anew.
    """

    acknowledged_for: DurationUs | None = Field(default=None, ge=60 * US_PER_SECOND)
