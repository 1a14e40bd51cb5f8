"""Settings of the Grafana that dashboards are pushed to."""

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs
from config.matchers import MatcherTexts
from config.secret import SecretRef

ENVIRONMENT = "GRAFANA_TOKEN"
"""The variable that holds the token where the settings do not say."""
_DAY_US = 86_400 * US_PER_SECOND
Uid = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$")]


class GrafanaFolderSettings(SettingsModel):
    """The folder that the dashboards are in.

    Attributes:
        uid: of it; a folder of this uid is Makegood's.
        title: of it.
    """

    uid: Uid = "makegood"
    title: str = Field(default="Makegood", min_length=1)


class GrafanaPrometheusSettings(SettingsModel):
    """The Prometheus that scrapes Makegood, as a data source of Grafana.

    Attributes:
        uid: of the data source.
        name: of it.
        url: of Prometheus, as Grafana's server reaches it.
    """

    uid: Uid = "makegood-prometheus"
    name: str = Field(default="Makegood Prometheus", min_length=1)
    url: Url


class GrafanaAlertmanagerSettings(SettingsModel):
    """Makegood's own alerts, as a data source of type Alertmanager.

    Attributes:
        uid: of the data source.
        name: of it.
        url: of the console with `/am` behind it, as Grafana's server reaches it.
        token: of a viewer, or of a responder when silences are to be made in Grafana; without it none is sent.
    """

    uid: Uid = "makegood-alerts"
    name: str = Field(default="Makegood alerts", min_length=1)
    url: Url
    token: SecretRef | None = None


class GrafanaAnnotationSettings(SettingsModel):
    """Which alerts become annotations, so that graphs show when they fired.

    Attributes:
        matchers: labels that an alert must have; the default leaves out alerts about single customers.
        back: how far back, by the time at which alerts began.
        at_most: the newest ones.
    """

    matchers: MatcherTexts = (
        'detector!~"sla_breach|repeat_contact|negative_survey|stalled_recovery|residual_dissatisfaction"',
    )
    back: DurationUs = Field(default=30 * _DAY_US, gt=0)
    at_most: int = Field(default=500, ge=0, le=5000)


class GrafanaSettings(SettingsModel):
    """Where `makegood dashboards push` brings the dashboards.

    Attributes:
        url: of Grafana.
        token: of a service account that may write folders, data sources, dashboards and annotations (role Admin);
            without it the environment variable `GRAFANA_TOKEN` holds it.
        folder: where the dashboards are.
        prometheus: the data source that the dashboards ask; none: one that is there already.
        alertmanager: a data source for the alerts themselves; none: there is none.
        console_url: of Makegood's console, as people's browsers reach it: where links lead.
        annotations: which alerts become annotations.
        timeout: of a request.
    """

    url: Url = "http://127.0.0.1:3000"
    token: SecretRef | None = None
    folder: GrafanaFolderSettings = GrafanaFolderSettings()
    prometheus: GrafanaPrometheusSettings | None = None
    alertmanager: GrafanaAlertmanagerSettings | None = None
    console_url: Url = "http://localhost:8080"
    annotations: GrafanaAnnotationSettings = GrafanaAnnotationSettings()
    timeout: DurationUs = Field(default=10 * US_PER_SECOND, ge=US_PER_SECOND // 10, le=120 * US_PER_SECOND)

    def secret_token(self) -> SecretStr:
        """Return the token.

        Raises:
            SecretMissingError: naming where it should be.
        """
        return (SecretRef(env=ENVIRONMENT) if self.token is None else self.token).resolve()
