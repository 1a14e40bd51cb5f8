"""Adapters between Bytewax and the rest. Thin: they translate engine calls, they decide nothing."""
