"""The flow's part of traces: from an event's feed to the store."""
