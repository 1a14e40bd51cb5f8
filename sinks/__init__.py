"""From a notification to a person: delivery stages and channels."""
