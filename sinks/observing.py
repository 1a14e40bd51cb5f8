"""Who looks on while notifications are delivered."""

from alerts.model import Try
from alerts.observing import Observer
from sinks.claims import Claim


class DeliveryObserver(Observer):
    """Is told of what has been done, after it was. This one looks away; none may raise, or take its time."""

    def tried(self, claim: Claim, one: Try) -> None:
        """A try was recorded."""

    def delivered(self, claim: Claim, now_us: int) -> None:
        """A notification is done."""
