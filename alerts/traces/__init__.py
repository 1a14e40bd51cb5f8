"""Traces: the way of each change of an alert, from its event to a person, as OpenTelemetry's spans."""
