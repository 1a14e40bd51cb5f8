"""What should be in a Grafana, by the settings."""

from typing import Any, NamedTuple

from config.grafana import GrafanaAlertmanagerSettings, GrafanaPrometheusSettings, GrafanaSettings
from dashboards.grafana.catalogue import models

Plain = dict[str, Any]


class Source(NamedTuple):
    """A data source.

    Attributes:
        plain: what can be read back.
        secrets: what cannot.
    """

    plain: Plain
    secrets: dict[str, str]


def sources(settings: GrafanaSettings) -> list[Source]:
    """Return the data sources that there should be.

    Raises:
        SecretMissingError: when a token is not where the settings say.
    """
    found = []
    if settings.prometheus is not None:
        found.append(_prometheus(settings.prometheus))
    if settings.alertmanager is not None:
        found.append(_alertmanager(settings.alertmanager))
    return found


def dashboards(settings: GrafanaSettings) -> list[Plain]:
    """Return the dashboards that there should be: they ask the settings' Prometheus, and link to the console."""
    return [_adapted(model, settings) for model in models()]


def _prometheus(settings: GrafanaPrometheusSettings) -> Source:
    plain = _source(settings.uid, settings.name, "prometheus", settings.url)
    return Source({**plain, "jsonData": {"httpMethod": "POST"}}, {})


def _alertmanager(settings: GrafanaAlertmanagerSettings) -> Source:
    plain = _source(settings.uid, settings.name, "alertmanager", settings.url)
    data: Plain = {"implementation": "prometheus"}
    if settings.token is None:
        return Source({**plain, "jsonData": data}, {})
    token = settings.token.resolve().get_secret_value()
    data["httpHeaderName1"] = "Authorization"
    return Source({**plain, "jsonData": data}, {"httpHeaderValue1": f"Bearer {token}"})


def _source(uid: str, name: str, kind: str, url: str) -> Plain:
    return {"uid": uid, "name": name, "type": kind, "access": "proxy", "url": url, "isDefault": False}


def _adapted(model: Plain, settings: GrafanaSettings) -> Plain:
    ours: dict[str, Plain] = {"console": {"query": settings.console_url.rstrip("/")}}
    if settings.prometheus is not None:
        chosen = {"selected": True, "text": settings.prometheus.name, "value": settings.prometheus.uid}
        ours["ds"] = {"current": chosen}
    variables = [{**variable, **ours.get(variable["name"], {})} for variable in model["templating"]["list"]]
    return {**model, "templating": {**model["templating"], "list": variables}}
