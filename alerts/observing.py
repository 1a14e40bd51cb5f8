"""Who looks on while it is decided what is told of changes."""

from collections.abc import Sequence

from alerts.groups import Claimed, Plan, Unrouted


class Observer:
    """Is told of what has been done, after it was. This one looks away; none may raise, or take its time."""

    def routed(self, changes: Sequence[Unrouted]) -> None:
        """Changes were put into their groups."""

    def decided(self, claimed: Claimed, plan: Plan) -> None:
        """A decision about a group was written."""
