"""What is used of Grafana's SDK.

It calls the dashboards that every Grafana since version 5 reads deprecated, for others that only the newest ones read.
It says so when it is imported: here, once, where nobody has to hear it.
"""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Prefer using dashboardv2", category=DeprecationWarning)
    from grafana_foundation_sdk.builders import (
        bargauge,
        common,
        dashboard,
        prometheus,
        stat,
        statetimeline,
        timeseries,
    )
    from grafana_foundation_sdk.models import common as common_models
    from grafana_foundation_sdk.models import dashboard as models

__all__ = [
    "bargauge",
    "common",
    "common_models",
    "dashboard",
    "models",
    "prometheus",
    "stat",
    "statetimeline",
    "timeseries",
]
