"""What the live demo tells: feeds flow, an incident begins, an alert fires, its channel fails, failover delivers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from alerts.connection import StoreUnavailableError
from alerts.model import AlertDetail, AlertRecord, Try
from alerts.store import AlertStore
from config.durations import US_PER_SECOND
from pipeline.demo.incidents import Incident

Say = Callable[[str, str], None]
"""``say(kind, text)``; the kind is one of :data:`KINDS`."""
KINDS = ("company", "feeds", "live", "incident", "promises", "alert", "failed", "delivered", "stopping", "done")
_PROMISES = {"SlaBreach": "broken", "SlaAtRisk": "at risk"}
"""Alerts that are counted and not told one by one: there are many, and they go to the archive."""


@dataclass
class Story:
    """Follows the store and the flow's counts, and says what is new.

    Args:
        incidents: what the simulation does, and the detectors are not told.
        break_pager: called when the first incident begins.
        say: prints a line.
        speed: simulated seconds in a second.
        receiver: whose notifications are told.

    Attributes:
        failed_over: a notification was delivered by a lower tier after a higher one had failed.
        told_of: the fingerprint of the alert that was; empty before.
        after_us: simulated time from the beginning of the incident until it was seen to be delivered.
    """

    incidents: list[Incident]
    break_pager: Callable[[], None]
    say: Say
    speed: float
    receiver: str = "on-call"
    failed_over: bool = False
    told_of: str = ""
    after_us: int = 0
    _now_us: int = 0
    _live: bool = False
    _counts: dict[str, int] = field(default_factory=dict)
    _promises: dict[str, int] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    def time_is(self, simulated_us: int, live: bool) -> None:
        """Say what the simulated time brings."""
        self._now_us = simulated_us
        if live and self._once("live"):
            self._live = True
            self.say("live", f"normal is known; now the feeds are live, {self.speed:g} times as fast as life")
        for incident in self.incidents:
            if simulated_us >= incident.start_us and self._once(f"incident {incident.kind}"):
                self.break_pager()
                scope = ", ".join(f"{name} {value}" for name, value in sorted(incident.scope.items()))
                what = incident.kind.replace("_", " ")
                self.say("incident", f"{what}: {scope} (Makegood is not told); the pager is down, too")

    def flows(self, counts: Mapping[str, int]) -> None:
        """Say how many events each feed has given, or since the last time once they are live; nothing for none.

        Args:
            counts: events so far, by feed.
        """
        if dict(counts) == self._counts:
            return
        before = self._counts if self._live else {}
        new = {name: count - before.get(name, 0) for name, count in sorted(counts.items())}
        self._counts = dict(counts)
        total = f"+{sum(new.values()):,} events" if self._live else f"{sum(new.values()):,} so far"
        self.say("feeds", f"{total}: " + ", ".join(f"{name} {count:,}" for name, count in new.items()))

    def look(self, store: AlertStore) -> None:
        """Say which alerts and tries are new in the store."""
        try:
            records = store.list_alerts()
            found = [
                store.get(record.current.fingerprint)
                for record in records
                if record.current.labels["alertname"] not in _PROMISES
            ]
        except StoreUnavailableError:
            return
        self._promises = promises_of(records)
        for detail in found:
            if detail is not None:
                self.alert(detail)

    def promises(self) -> None:
        """Say how the service promises stand, in one line, when that has changed."""
        standing = ", ".join(f"{count} {word}" for word, count in self._promises.items())
        if any(self._promises.values()) and self._once(f"promises {standing}"):
            self.say("promises", f"of a first reply: {standing}")

    def alert(self, detail: AlertDetail) -> None:
        """Say what is new about an alert: that it fires, and each try to tell the receiver."""
        current = detail.current
        for note in detail.notifications:
            tries = note.tries if note.receiver == self.receiver else []
            if tries and self._once(f"alert {current.fingerprint}"):
                self.say("alert", f"{current.labels['alertname']}: {current.annotations['summary']}")
            for number, one in enumerate(tries):
                if self._once(f"try {note.key} {number}"):
                    self._try(one, tries[:number], current.fingerprint)

    def _try(self, one: Try, before: list[Try], fingerprint: str) -> None:
        failed = [earlier for earlier in before if earlier.outcome == "failed"]
        if one.outcome == "failed":
            number = 1 + sum(earlier.tier == one.tier for earlier in failed)
            self.say("failed", f"tier {one.tier}, {one.channel}, try {number}: {why(one)}")
            return
        higher = [earlier for earlier in failed if earlier.tier < one.tier]
        if not higher:
            self.say("delivered", f"by tier {one.tier}, {one.channel}")
            return
        cause = higher[-1]
        self.failed_over = True
        self.told_of = self.told_of or fingerprint
        begun_us = [incident.start_us for incident in self.incidents if incident.start_us <= self._now_us]
        self.after_us = self.after_us or (self._now_us - min(begun_us) if begun_us else 0)
        self.say("delivered", f"by failover to tier {one.tier}, {one.channel}: {cause.channel} failed ({why(cause)})")

    def moral(self) -> str:
        """Return the story in a sentence, once it has ended well."""
        seconds = self.after_us / self.speed / US_PER_SECOND
        return (
            f"told {seconds:.0f} s after the incident began ({self.after_us / US_PER_SECOND / 60:.0f} minutes of the"
            " company's time), though the first channel was down"
        )

    def _once(self, what: str) -> bool:
        if what in self._told:
            return False
        self._told.add(what)
        return True


def why(one: Try) -> str:
    """Return why a try failed."""
    return one.detail or one.reason


def promises_of(records: list[AlertRecord]) -> dict[str, int]:
    """Return how many promises are broken and at risk now."""
    counted = dict.fromkeys(_PROMISES.values(), 0)
    for record in records:
        word = _PROMISES.get(record.current.labels["alertname"])
        if word is not None and record.current.status == "firing":
            counted[word] += 1
    return counted


def counts_of(health: Mapping[str, object], feed: str) -> dict[str, int]:
    """Return the events by partition of a feed in a health report; empty while the flow is starting.

    >>> counts_of({"feeds": {"demo/crm": {"events": 3}, "other/0": {"events": 1}}}, "demo")
    {'crm': 3}
    """
    feeds = health.get("feeds")
    found: dict[str, int] = {}
    if isinstance(feeds, dict):
        for name, told in feeds.items():
            of, _, partition = str(name).rpartition("/")
            if of == feed and isinstance(told, dict):
                found[partition] = int(told.get("events", 0))
    return found
