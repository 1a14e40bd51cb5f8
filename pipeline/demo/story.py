"""What the live demo tells: feeds flow, an incident begins, an alert fires, its channel fails, failover delivers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from alerts.connection import StoreUnavailableError
from alerts.model import AlertDetail, Try
from alerts.store import AlertStore
from pipeline.demo.incidents import Incident

Say = Callable[[str, str], None]
"""``say(style, text)``; the style is one of ``plain``, ``incident``, ``alert``, ``failed``, ``delivered``."""


@dataclass
class Story:
    """Follows the store and the flow's health, and says what is new.

    Args:
        incidents: what the simulation does, and the detectors are not told.
        break_pager: called when the first incident begins.
        say: prints a line.
        speed: simulated seconds in a second.

    Attributes:
        failed_over: a notification was delivered by a lower tier after a higher one had failed.
    """

    incidents: list[Incident]
    break_pager: Callable[[], None]
    say: Say
    speed: float
    failed_over: bool = False
    _told: set[str] = field(default_factory=set)

    def time_is(self, simulated_us: int, events: int, live: bool) -> None:
        """Say what the simulated time brings."""
        if live and self._once("live"):
            self.say(
                "plain", f"{events:,} events of history taken in; the feeds are live now, {self.speed:g} times as fast"
            )
        for incident in self.incidents:
            if simulated_us >= incident.start_us and self._once(f"incident {incident.kind}"):
                self.break_pager()
                scope = ", ".join(f"{name} {value}" for name, value in sorted(incident.scope.items()))
                self.say("incident", f"an incident begins: {incident.kind} ({scope}). Nobody tells the detectors.")

    def look(self, store: AlertStore) -> None:
        """Say which alerts and tries are new in the store."""
        try:
            found = [store.get(record.current.fingerprint) for record in store.list_alerts()]
        except StoreUnavailableError:
            return
        for detail in found:
            if detail is not None:
                self._alert(detail)

    def _alert(self, detail: AlertDetail) -> None:
        labels = detail.current.labels
        for note in detail.notifications:
            tries = [one for one in note.tries if note.receiver == "on-call"]
            if tries and self._once(f"alert {detail.current.fingerprint}"):
                self.say("alert", f"{labels['alertname']} fires: {detail.current.annotations['summary']}")
            for number, one in enumerate(tries):
                if self._once(f"try {note.key} {number}"):
                    self._try(one, tries[:number])

    def _try(self, one: Try, before: list[Try]) -> None:
        if one.outcome == "failed":
            self.say("failed", f"tier {one.tier}, {one.channel}: failed ({one.reason}: {one.detail})")
            return
        causes = [f"{failed.channel} {failed.reason}" for failed in before if failed.outcome == "failed"]
        if one.tier > 1 and causes:
            self.failed_over = True
            self.say("delivered", f"tier {one.tier}, {one.channel}: delivered by failover, because of {causes[-1]}")
        else:
            self.say("delivered", f"tier {one.tier}, {one.channel}: delivered")

    def _once(self, what: str) -> bool:
        if what in self._told:
            return False
        self._told.add(what)
        return True


def counted(health: Mapping[str, object]) -> int:
    """Return the number of events in a health report."""
    events = health.get("events", 0)
    return events if isinstance(events, int) else 0
