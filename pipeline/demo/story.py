"""What the live demo tells: feeds flow, incidents begin, alerts fire, a channel fails, failover delivers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from alerts.connection import StoreUnavailableError
from alerts.model import AlertDetail, AlertRecord, Try
from alerts.store import AlertStore
from config.durations import US_PER_SECOND
from detectors.contract import AlertChange
from pipeline.demo.incidents import Incident

Say = Callable[[str, str], None]
"""``say(kind, text)``; the kind is one of :data:`KINDS`."""
KINDS = ("company", "feeds", "live", "incident", "people", "alert", "failed", "delivered", "pager", "stopping", "done")
_PEOPLE = {
    "SlaBreach": ("promise broken", "promises broken"),
    "SlaAtRisk": ("promise at risk", "promises at risk"),
    "RepeatContact": ("came back", "came back"),
    "CustomerChasing": ("asks in vain", "ask in vain"),
    "NegativeSurvey": ("bad answer", "bad answers"),
    "StalledRecovery": ("recovery stalled", "recoveries stalled"),
    "RecoveryClosedWithoutContact": ("recovery closed without a word", "recoveries closed without a word"),
    "ResidualDissatisfaction": ("still unhappy", "still unhappy"),
}
"""Alerts about single people, which are counted and not told one by one: there are many, and they go to the archive."""


@dataclass
class Story:
    """Follows the store and the flow's counts, and says what is new.

    Args:
        incidents: what the simulation does, and the detectors are not told.
        break_pager: called when the first incident begins.
        mend_pager: called when a notification was delivered by failover.
        say: prints a line.
        speed: simulated seconds in a second.
        receiver: whose notifications are told.

    Attributes:
        failed_over: a notification was delivered by a lower tier after a higher one had failed.
        told_of: the fingerprint of the alert that was; empty before.
        after_us: simulated time from the beginning of the first incident until it was seen to be delivered.
        found: kinds of the incidents that an alert told of, each with how long after they began people were told,
            in simulated microseconds.
    """

    incidents: list[Incident]
    break_pager: Callable[[], None]
    say: Say
    speed: float
    receiver: str = "on-call"
    mend_pager: Callable[[], None] = lambda: None
    failed_over: bool = False
    told_of: str = ""
    after_us: int = 0
    found: dict[str, int] = field(default_factory=dict)
    _now_us: int = 0
    _live: bool = False
    _counts: dict[str, int] = field(default_factory=dict)
    _people: dict[str, int] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    def time_is(self, simulated_us: int, live: bool) -> None:
        """Say what the simulated time brings."""
        self._now_us = simulated_us
        if live and self._once("live"):
            self._live = True
            self.say("live", f"normal is known; now the feeds are live, {self.speed:g} times as fast as life")
        for incident in self.incidents:
            if simulated_us >= incident.start_us and self._once(f"incident {incident.kind}"):
                scope = ", ".join(f"{name} {value}" for name, value in sorted(incident.scope.items()))
                what = incident.kind.replace("_", " ")
                first = incident is self.incidents[0]
                also = "; the pager is down, too" if first else ""
                self.say("incident", f"{what}: {scope} (Makegood is not told){also}")
                if first:
                    self.break_pager()

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
        total = f"+{sum(new.values()):,} events" if self._live else f"{sum(new.values()):,} events so far"
        self.say("feeds", f"{total}: " + ", ".join(f"{name} {count:,}" for name, count in new.items()))

    def look(self, store: AlertStore) -> None:
        """Say which alerts and tries are new in the store."""
        try:
            records = store.list_alerts()
            found = [
                store.get(record.current.fingerprint)
                for record in records
                if record.current.labels["alertname"] not in _PEOPLE
            ]
        except StoreUnavailableError:
            return
        self._people = people_of(records)
        for detail in found:
            if detail is None:
                continue
            before = f"before {detail.current.fingerprint} {detail.current.starts_at_us}"
            if not self._live:  # of the history: a detector may be wrong now and then, and nobody is there to hear it
                self._told.add(before)
            elif before not in self._told:
                self.alert(detail)

    def people(self) -> None:
        """Say in one line how many single people need somebody, once the feeds are live, when that has changed."""
        standing = ", ".join(f"{count} {_PEOPLE[name][count != 1]}" for name, count in self._people.items() if count)
        if self._live and standing and self._once(f"people {standing}"):
            self.say("people", f"to be helped one by one: {standing}")

    def alert(self, detail: AlertDetail) -> None:
        """Say what is new about an alert: that it fires, and each try to tell the receiver."""
        current = detail.current
        for note in detail.notifications:
            tries = note.tries if note.receiver == self.receiver else []
            if tries and self._once(f"alert {current.fingerprint} {current.starts_at_us}"):
                self.say("alert", f"{current.labels['alertname']}: {current.annotations['summary']}")
                self._find(current)
            for number, one in enumerate(tries):
                if self._once(f"try {note.key} {number}"):
                    self._try(one, tries[:number], current)

    def _find(self, change: AlertChange) -> None:
        """Note which incidents an alert tells of."""
        for incident in self.incidents:
            if change.labels.get("detector") in incident.expected and change.starts_at_us >= incident.start_us:
                self.found.setdefault(incident.kind, self._now_us - incident.start_us)

    def _try(self, one: Try, before: list[Try], change: AlertChange) -> None:
        name = change.labels["alertname"]
        failed = [earlier for earlier in before if earlier.outcome == "failed"]
        if one.outcome == "failed":
            number = 1 + sum(earlier.tier == one.tier for earlier in failed)
            self.say("failed", f"{name}: tier {one.tier}, {one.channel}, try {number}: {why(one)}")
            return
        higher = [earlier for earlier in failed if earlier.tier < one.tier]
        if not higher:
            self.say("delivered", f"{name}: by tier {one.tier}, {one.channel}")
            return
        cause = higher[-1]
        first = not self.failed_over
        self.failed_over = True
        self.told_of = self.told_of or change.fingerprint
        begun_us = [incident.start_us for incident in self.incidents if incident.start_us <= self._now_us]
        self.after_us = self.after_us or (self._now_us - min(begun_us) if begun_us else 0)
        self.say(
            "delivered", f"{name}: by failover to tier {one.tier}, {one.channel}: {cause.channel} failed ({why(cause)})"
        )
        if first:
            self.mend_pager()
            self.say("pager", "its provider has mended it: what comes next goes by the first tier")

    @property
    def over(self) -> bool:
        """Whether everything has been told: each incident by an alert, and one of them by failover."""
        return self.failed_over and all(incident.kind in self.found for incident in self.incidents)

    def moral(self) -> str:
        """Return the story in a sentence, once it has ended well."""
        told = ", ".join(
            f"of the {kind.replace('_', ' ')} after {_minutes(after_us)} minutes"
            for kind, after_us in self.found.items()
        )
        seconds = self.after_us / self.speed / US_PER_SECOND
        return (
            f"people were told {seconds:.0f} s ({_minutes(self.after_us)} minutes of the company's time) after the"
            f" first incident began, though the first channel was down; there was an alert {told}"
        )

    def _once(self, what: str) -> bool:
        if what in self._told:
            return False
        self._told.add(what)
        return True


def why(one: Try) -> str:
    """Return why a try failed."""
    return one.detail or one.reason


def people_of(records: list[AlertRecord]) -> dict[str, int]:
    """Return how many alerts about single people and cases are firing, by their name."""
    counted = dict.fromkeys(_PEOPLE, 0)
    for record in records:
        name = record.current.labels["alertname"]
        if name in counted and record.current.status == "firing":
            counted[name] += 1
    return counted


def _minutes(span_us: int) -> str:
    return f"{span_us / US_PER_SECOND / 60:.0f}"


def history_is_read(health: Mapping[str, object], feed: str) -> bool:
    """Return whether a feed has given everything that there is so far, in a health report.

    >>> history_is_read({"feeds": {"demo/crm": {"events": 3, "status": "caught_up"}}}, "demo")
    True
    """
    feeds = health.get("feeds")
    told = feeds.items() if isinstance(feeds, dict) else ()
    rows = [row for name, row in told if str(name).rpartition("/")[0] == feed and isinstance(row, dict)]
    return any(row.get("events") for row in rows) and all(row.get("status") == "caught_up" for row in rows)


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
