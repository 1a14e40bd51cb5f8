"""Settings of the API that is Alertmanager's."""

from pydantic import Field

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs


class AlertmanagerApiSettings(SettingsModel):
    """Alertmanager's API: what Prometheus sends alerts to, and ``amtool``, karma and Grafana ask.

    Attributes:
        resolve_timeout: how long after it was sent last an alert that names no end counts as resolved.
    """

    resolve_timeout: DurationUs = Field(default=300 * US_PER_SECOND, ge=US_PER_SECOND)
