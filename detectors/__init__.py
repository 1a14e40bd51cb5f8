"""Detectors: one file each, plain Python. No engine, no clock, no I/O."""
