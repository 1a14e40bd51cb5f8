"""Settings of the auditor, which finds and sends what should have been told and was not."""

from pydantic import Field

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs
from config.secret import SecretRef

_DAY_US = 86_400 * US_PER_SECOND


class AuditSettings(SettingsModel):
    """Every so often one of the notifiers compares what was told with what should have been; what is missing is sent.

    Attributes:
        every: how often.
        back: how far back; alerts that fire are looked at however old they are.
        slack: how much later than planned something may be done before it counts as overdue.
        heartbeat_url: where an address is kept that is asked for each time all is well: a dead-man's switch
            (Healthchecks, Dead Man's Snitch, Cronitor, ...) that calls somebody when it hears nothing.
        heartbeat_fail_url: the same, for each time that not all is well; none: silence says it.
        heartbeat_timeout: of such a request.
    """

    every: DurationUs = Field(default=300 * US_PER_SECOND, ge=US_PER_SECOND)
    back: DurationUs = Field(default=2 * _DAY_US, ge=60 * US_PER_SECOND, le=30 * _DAY_US)
    slack: DurationUs = Field(default=120 * US_PER_SECOND, ge=US_PER_SECOND)
    heartbeat_url: SecretRef | None = None
    heartbeat_fail_url: SecretRef | None = None
    heartbeat_timeout: DurationUs = Field(default=10 * US_PER_SECOND, ge=US_PER_SECOND // 10, le=60 * US_PER_SECOND)
