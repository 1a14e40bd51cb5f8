"""Promises to customers: opening hours, clocks, verdicts and the alerts that follow from them."""
