"""Columns: batches of plain events that need no object each. What is not plain goes by rows, with the same results."""
