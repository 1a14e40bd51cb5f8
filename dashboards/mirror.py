"""What is open now, kept in this process, so that a screen costs no question to the store.

The mirror is changed and read on the event loop's thread alone: between two ``await`` it does not change.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from alerts.changelog import START, Seq
from alerts.maintenance import Maintenance
from alerts.muting import Mute
from alerts.routing import Router
from alerts.silencing import Silence
from alerts.statuses import Status
from alerts.urgency import urgency
from config.settings import Settings
from dashboards.hiding import Hiding
from dashboards.open_alerts import OpenAlert, Place, Read

__all__ = ["Mirror", "OpenAlert", "Place", "Read", "State"]

State = Literal["open", "acknowledged", "suppressed"]


class Mirror:
    """What is open now, and what hides it.

    Attributes:
        alerts: those that fire, by fingerprint.
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
        self._hiding = Hiding(settings)
        self.alerts: dict[str, OpenAlert] = {}
        self.statuses: tuple[Status, ...] = ()
        self.seq = START
        self.version = 0
        self.complete = False
        self.heard_us = 0
        self.away = ""
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def silences(self) -> tuple[Silence, ...]:
        """All silences that are kept, ended ones too."""
        return self._hiding.silences

    @property
    def maintenance(self) -> Maintenance:
        """The maintenance windows of the settings."""
        return self._hiding.maintenance

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
        self.heard(now_us, changed=self._hiding.take_silences(silences, now_us))

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
        return self._hiding.version(now_us)

    def mutes(self, fingerprint: str, now_us: int) -> tuple[Mute, ...]:
        """Return everything that hides an open alert now: inhibition, maintenance windows, each silence."""
        return self._hiding.mutes(fingerprint, self.alerts[fingerprint].labels, now_us)

    def about(self, silence: Silence) -> list[OpenAlert]:
        """Return the open alerts that a silence is about, whether it is active now or not."""
        known = self._hiding.about(silence)
        if known is None:  # it is so new, or over for so long, that nothing is known of it
            return [alert for alert in self.alerts.values() if silence.matches(alert.labels)]
        return [self.alerts[print_] for print_ in known]

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
            self._hiding.add(one.fingerprint, alert.labels)
        return True

    def _remove(self, fingerprint: str) -> None:
        del self.alerts[fingerprint]
        self._hiding.remove(fingerprint)

    def _change(self) -> None:
        self.version += 1
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
