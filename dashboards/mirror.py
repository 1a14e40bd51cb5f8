"""What is open now, kept in this process, so that a screen costs no question to the store.

The mirror is changed and read on the event loop's thread alone: between two ``await`` it does not change.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from alerts.changelog import START, Seq
from alerts.inhibition import Firing, Inhibitor
from alerts.maintenance import Maintenance
from alerts.muting import Mute
from alerts.push_model import Pushed
from alerts.response_model import Acknowledgement, Assignment
from alerts.routing import RouteMatch, Router
from alerts.silencing import Silence
from alerts.silencing import mute as silenced
from alerts.statuses import Status
from alerts.urgency import Urgency, urgency
from config.settings import Settings
from dashboards.silence_index import SilenceIndex
from detectors.contract import AlertChange

State = Literal["open", "acknowledged", "suppressed"]
_HOUR_US = 3_600_000_000


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as the store has it.

    Attributes:
        change: its newest change; None: it does not fire (any more).
        since: which entry of the log it fires since.
        changes: how many there were.
        seq: of the log, up to which it was read at least.
        pushed: of one that others send to us: what they said last, when its change was read.
    """

    fingerprint: str
    change: AlertChange | None
    seq: Seq
    pushed: Pushed | None = None
    since: Seq = START
    changes: int = 0
    acknowledgement: Acknowledgement | None = None
    assignment: Assignment | None = None
    incident: int | None = None


class Place(msgspec.Struct, frozen=True):
    """A group that an alert is in.

    Attributes:
        match: the route.
        group: key of the group, as Alertmanager writes it.
    """

    match: RouteMatch
    group: str


class OpenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that fires.

    Attributes:
        since: which entry of the log it fires since: who looks at the list as of an earlier one has not seen it.
        seq: of its last change of any kind. ``seq.ms`` is when that was, by the clock of Redis.
        urgency: how urgent it is by itself.
        places: its groups; empty without a route.
        pushed: of one that others send to us: what they said when it changed last.
    """

    change: AlertChange
    since: Seq
    seq: Seq
    changes: int
    acknowledgement: Acknowledgement | None
    assignment: Assignment | None
    incident: int | None
    urgency: Urgency
    places: tuple[Place, ...]
    pushed: Pushed | None = None

    @property
    def fingerprint(self) -> str:
        """Of the alert."""
        return self.change.fingerprint

    @property
    def labels(self) -> dict[str, str]:
        """Of the alert."""
        return self.change.labels

    @property
    def receivers(self) -> tuple[str, ...]:
        """Who is told, each once, in the order of the routes."""
        return tuple(dict.fromkeys(place.match.receiver for place in self.places))

    def acknowledged(self, now_us: int) -> bool:
        """Return whether somebody has it in hand."""
        return self.acknowledgement is not None and self.acknowledgement.holds(self.change, now_us)


class Mirror:
    """What is open now, and what hides it.

    Attributes:
        alerts: those that fire, by fingerprint.
        silences: all that are kept, ended ones too.
        statuses: what processes said of themselves last.
        seq: place in the log up to which everything is in it.
        version: grows with every change of anything.
        complete: whether everything was read once.
        heard_us: when the store answered last; 0: never.
        away: why the store cannot be read; empty while it can.
    """

    def __init__(self, settings: Settings) -> None:
        self._router = None if settings.route is None else Router(settings.route)
        self._urgency = settings.urgency
        self._inhibitor = Inhibitor(settings.inhibit_rules)
        self._firing: Firing = self._inhibitor.firing()
        self.maintenance = Maintenance(settings.maintenance_windows)
        self.alerts: dict[str, OpenAlert] = {}
        self.silences: tuple[Silence, ...] = ()
        self.statuses: tuple[Status, ...] = ()
        self.seq = START
        self.version = 0
        self.complete = False
        self.heard_us = 0
        self.away = ""
        self._waiting: set[asyncio.Future[None]] = set()
        self._mutes: dict[str, tuple[Mute, ...]] = {}
        self._mutes_until_us = 0
        self._mutes_version = 0
        self._silenced = SilenceIndex()

    def take(self, read: Iterable[Read], seq: Seq, now_us: int, *, all_: bool = False) -> None:
        """Take what was read of alerts.

        Args:
            read: alerts.
            seq: everything up to there is in it, with what was taken before.
            now_us: when it was read.
            all_: these are all that fire.
        """
        fresh = list(read)
        changed = False
        if all_:
            there = {one.fingerprint for one in fresh if one.change is not None}
            for gone in self.alerts.keys() - there:
                self._remove(gone)
                changed = True
        for one in fresh:
            changed |= self._take(one)
        self.seq = seq if all_ else max(self.seq, seq)
        self.complete |= all_
        self.heard(now_us, changed=changed or all_)

    def take_silences(self, silences: Sequence[Silence], now_us: int) -> None:
        """Take all silences that are kept."""
        found = tuple(silences)
        changed = found != self.silences
        if changed:
            self.silences = found
            # What an hour ago was over stays so, even if the clock is set back a little.
            for print_ in self._silenced.take(found, now_us - _HOUR_US):
                self._mutes.pop(print_, None)
            self._mutes_until_us = min(self._mutes_until_us, self._next_edge_us(now_us))
            self._mutes_version += 1
        self.heard(now_us, changed=changed)

    def take_statuses(self, statuses: Sequence[Status], now_us: int) -> None:
        """Take what processes said of themselves last."""
        self.statuses = tuple(statuses)
        self.heard(now_us, changed=False)

    def heard(self, now_us: int, *, changed: bool = False) -> None:
        """Note that the store answered."""
        self.heard_us = max(self.heard_us, now_us)
        if self.away:
            self.away, changed = "", True
        if changed:
            self._change()

    def lost(self, why: str) -> None:
        """Note that the store does not answer. What is known stays, and grows old."""
        if why != self.away:
            self.away = why
            self._change()

    async def wait(self, version: int, timeout_s: float) -> int:
        """Wait until something has changed since ``version``, or the time is over; return the version now."""
        if self.version != version:
            return self.version
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(future)
        return self.version

    def mutes_version(self, now_us: int) -> int:
        """Return what grows whenever :meth:`mutes` may answer otherwise of an alert that has not changed itself."""
        if now_us >= self._mutes_until_us:
            self._forget_mutes()
            self._mutes_until_us = self._next_edge_us(now_us)
        return self._mutes_version

    def mutes(self, fingerprint: str, now_us: int) -> tuple[Mute, ...]:
        """Return everything that hides an open alert now: inhibition, maintenance windows, each silence."""
        self.mutes_version(now_us)
        found = self._mutes.get(fingerprint)
        if found is None:
            labels = self.alerts[fingerprint].labels
            found = self._mutes[fingerprint] = tuple(self._ask(fingerprint, labels, now_us))
        return found

    def state(self, alert: OpenAlert, now_us: int) -> State:
        """Return what an open alert is for those who look at a list: hidden before acknowledged before open."""
        if self.mutes(alert.fingerprint, now_us):
            return "suppressed"
        return "acknowledged" if alert.acknowledged(now_us) else "open"

    def groups(self) -> dict[tuple[str, str], list[OpenAlert]]:
        """Return the groups, by receiver and key, with their alerts."""
        found: dict[tuple[str, str], list[OpenAlert]] = {}
        for alert in self.alerts.values():
            for place in alert.places:
                found.setdefault((place.match.receiver, place.group), []).append(alert)
        return found

    def places(self, labels: Mapping[str, str]) -> tuple[Place, ...]:
        """Return the groups that an alert with ``labels`` belongs to."""
        if self._router is None:
            return ()
        return tuple(Place(match, match.group_key(labels)) for match in self._router.match(labels))

    def _take(self, one: Read) -> bool:
        known = self.alerts.get(one.fingerprint)
        if one.change is None or one.change.status != "firing":
            if known is not None:
                self._remove(one.fingerprint)
            return known is not None
        if known is not None and known.change == one.change:
            alert = msgspec.structs.replace(
                known,
                since=one.since,
                seq=max(known.seq, one.seq),
                changes=one.changes,
                acknowledgement=one.acknowledgement,
                assignment=one.assignment,
                incident=one.incident,
                pushed=one.pushed,
            )
        else:
            alert = OpenAlert(
                change=one.change,
                since=one.since,
                seq=one.seq,
                changes=one.changes,
                acknowledgement=one.acknowledgement,
                assignment=one.assignment,
                incident=one.incident,
                pushed=one.pushed,
                urgency=urgency(one.change, self._urgency),
                places=self.places(one.change.labels) if known is None else known.places,
            )
        if alert == known:
            return False
        self.alerts[one.fingerprint] = alert
        if known is None:
            self._silenced.add(one.fingerprint, alert.labels)
        if known is None and self._inhibitor:
            self._firing.add(one.fingerprint, alert.labels)
            if one.fingerprint in self._firing:
                self._forget_mutes()
        return True

    def _remove(self, fingerprint: str) -> None:
        del self.alerts[fingerprint]
        self._silenced.remove(fingerprint)
        self._mutes.pop(fingerprint, None)
        if fingerprint in self._firing:
            self._firing.remove(fingerprint)
            self._forget_mutes()

    def _change(self) -> None:
        self.version += 1
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def _forget_mutes(self) -> None:
        self._mutes.clear()
        self._mutes_until_us = 0
        self._mutes_version += 1

    def _ask(self, fingerprint: str, labels: Mapping[str, str], now_us: int) -> Iterator[Mute]:
        if self._inhibitor:
            yield from self._firing.mutes(labels)
        window = self.maintenance.mute(labels, now_us)
        if window is not None:
            yield window
        for silence in self._silenced.of(fingerprint):
            found = silenced(labels, (silence,), now_us)
            if found is not None:
                yield found

    def _next_edge_us(self, now_us: int) -> int:
        edges = [edge for one in self.silences for edge in (one.starts_us, one.ends_us) if edge > now_us]
        window = self.maintenance.next_change(now_us)
        far = now_us + _HOUR_US
        return min(edges + [far] + ([] if window is None else [window]))
