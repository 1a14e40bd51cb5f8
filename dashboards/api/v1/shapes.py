"""What all answers of the API have in common."""

from alerts.model import rfc3339


def time_text(time_us: int | None) -> str | None:
    """Return a time as it is written in answers."""
    return None if time_us is None else rfc3339(time_us)
