"""Metrics of the web application."""

from config.metrics.model import Label, Metric

ALERTMANAGER = Metric(
    name="alertmanager_build_info",
    kind="gauge",
    part="console",
    unit="bool",
    help="Which release of Alertmanager the API is like, and which of Makegood this is; always 1",
    labels=tuple(
        Label(name=name, most=1, told="of this program") for name in ("branch", "goversion", "revision", "version")
    ),
)
"""Under Alertmanager's name, because its clients (karma) decide by it what to ask for."""

ALL = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
