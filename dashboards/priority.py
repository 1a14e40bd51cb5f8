"""The three priorities as screens have them: what they mean for an acknowledgement."""

from alerts.priority import Priority, priority

__all__ = ["ACKNOWLEDGED_FOR_US", "Priority", "priority"]

ACKNOWLEDGED_FOR_US: dict[Priority, int] = {1: 30 * 60_000_000, 2: 4 * 3_600_000_000, 3: 24 * 3_600_000_000}
"""How long an acknowledgement in the console holds where nobody says for how long: it always ends."""
