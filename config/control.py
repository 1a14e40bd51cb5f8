"""Settings of the control feed."""

from pydantic import Field

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs


class ControlSettings(SettingsModel):
    """How changes of thresholds reach a running flow.

    Attributes:
        poll: a flow looks for changes this often.
        delay: a change takes effect this long after it was written: for windows that end later. All flow processes must
            have read it by then, or it holds from the next window on, and the log says so.
    """

    poll: DurationUs = Field(default=US_PER_SECOND, ge=US_PER_SECOND // 20)
    delay: DurationUs = Field(default=5 * US_PER_SECOND, ge=0)
