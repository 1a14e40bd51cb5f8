"""The stages of a delivery: one file each, one signature (``contract.py``). Composed in ``sinks.delivery``."""
