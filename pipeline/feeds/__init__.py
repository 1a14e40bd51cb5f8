"""Feeds: one file a connector."""
