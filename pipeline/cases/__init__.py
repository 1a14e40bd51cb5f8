"""Data-driven cases for detectors, in YAML: events in, alert changes expected at times. ``makegood test`` runs them."""
