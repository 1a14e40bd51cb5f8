"""What comes back from far sides and people over HTTP: receipts, text messages, digits pressed in calls, links."""
