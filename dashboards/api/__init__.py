"""The HTTP interfaces for programs."""
