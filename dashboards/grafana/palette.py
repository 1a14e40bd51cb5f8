"""Colours, the same as on the console and the wall. Severity hues are for severity alone; calm is grey, not green."""

P1 = "#FF6A3D"
P2 = "#FBED35"
P3 = "#3995F0"
QUIET = "#737E97"
NO_DATA = "#ECB1E4"
VALUE = "#009E73"
LIMIT = "#A7B0BE"
ALL = frozenset({P1, P2, P3, QUIET, NO_DATA, VALUE, LIMIT})
"""A dashboard uses these and no others. They can be told apart by people who are colour-blind, not in greyscale: so
what they say is said in words as well."""
NO_DATA_TEXT = "NO DATA"
