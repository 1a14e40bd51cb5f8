"""Faults: the live flow, as real processes, through what breaks around it."""
