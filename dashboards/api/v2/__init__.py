"""Alertmanager's API, version 2, with our alerts: what ``amtool``, karma, Grafana and Prometheus speak.

Read from the mirror: no answer to a GET asks the store. The API level is that of Alertmanager 0.34; what is meant to
differ is in ``docs/reference/alertmanager-api.md``.
"""

from dashboards.api.v2.installing import install

__all__ = ["install"]
