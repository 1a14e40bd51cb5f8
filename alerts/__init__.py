"""Alerts: their life, the store, routing. Imports detectors and config only."""
