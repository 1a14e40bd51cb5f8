"""Grafana dashboards as code: built to JSON that is kept in ``json/``, and pushed to a Grafana."""
