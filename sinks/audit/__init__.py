"""The auditor: compares what was told with what should have been told, and sends what is missing."""
