"""Incidents in the store: which alerts belong together, with the evidence of each feed, and what cannot be seen.

How alerts are brought together is told in ``docs/explanation/incidents.md``; ``incident_assign.lua`` does it, in one
step, so that several notifiers can work at once.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from alerts.connection import Scripts, store_errors
from alerts.incident_model import BlindFeed, FeedEvidence, Incident, IncidentDetail, IncidentStatus, Member
from alerts.incident_reading import MOST_LINKED, MOST_NAMED, about, blind_feeds, in_short, read_incident
from alerts.incident_scope import UNDONE, feed_of, is_silence, scope_of
from alerts.model import CLOSED, IncidentNote, episode_key, order_key
from alerts.store import AlertStore
from config.incidents import IncidentSettings
from detectors.contract import AlertChange

__all__ = ["BlindFeed", "FeedEvidence", "Incident", "IncidentDetail", "Incidents", "Member"]

_json = msgspec.json.Encoder(order="deterministic")
_to_member = msgspec.json.Decoder(Member)
_AT_ONCE = 500


class Incidents:
    """The incidents of a store. May be used by several threads and processes.

    Args:
        store: of the alerts.
        settings: what brings alerts together.
        feeds: what the evidence of detectors is called: :func:`alerts.incident_scope.feeds_by_detector`.

    Every method raises :class:`StoreUnavailableError` while Redis is away.
    """

    def __init__(self, store: AlertStore, settings: IncidentSettings, feeds: Mapping[str, str] | None = None) -> None:
        self._client: Any = store.client
        self._keys = store.keys
        self._settings = settings
        self._feeds = settings.feeds if feeds is None else feeds
        self._retention_ms = store.settings.retention // 1000
        self._scripts = Scripts(store.client, Path(__file__).parent)

    def assign(self, change: AlertChange, now_us: int) -> Incident:
        """Put the alert's episode into its incident, or a new one; take note of the change; return the incident.

        The same change again changes nothing; an older one than what is known does not either. An episode stays in the
        incident that it was put into first.
        """
        (number,) = self.assign_many([change])
        found = self._read([number], now_us)
        return found[0]

    def assign_many(self, changes: Sequence[AlertChange]) -> list[int]:
        """Do the same with several changes in one round trip, in their order; return the numbers of the incidents."""
        answers: list[Any] = self._scripts.run_many("incident_assign", self.writing(changes)[1])
        return [int(answer) for answer in answers]

    def writing(self, changes: Sequence[AlertChange]) -> tuple[str, list[tuple[str | int, ...]]]:
        """Return the script that does it, and its arguments for each change, to be run together with other writes."""
        return self._scripts.text("incident_assign"), [(self._keys.prefix, *self._plan(change)) for change in changes]

    def get(self, number: int, now_us: int, *, most: int = 1000) -> IncidentDetail | None:
        """Return an incident with at most ``most`` of its alerts; None when there is none, or it has expired."""
        found = self._read([number], now_us)
        if not found:
            return None
        with store_errors():  # piece by piece: however many there are, nobody else has to wait for it
            texts = dict(self._client.hscan_iter(self._key(number, "alerts"), count=_AT_ONCE)).values()
        members = [_to_member.decode(text.partition("\n")[2]) for text in texts]
        members.sort(key=lambda one: (one.change.status != "firing", one.change.starts_at_us, one.change.fingerprint))
        return IncidentDetail(incident=found[0], members=tuple(members[:most]))

    def list_incidents(self, now_us: int, *, status: IncidentStatus | None = None, most: int = 100) -> list[Incident]:
        """Return at most ``most`` incidents, those that fire first, then by their last change, the newest first."""
        kept: list[Incident] = []
        start, step = 0, max(most, 50)
        while len(kept) < most:
            with store_errors():
                page = self._client.zrevrange(self._keys.named("incidents"), start, start + step - 1)
            found = self._read([int(number) for number in page], now_us)
            kept += [one for one in found if status in {None, one.status}]
            gone = {int(number) for number in page} - {one.number for one in found}
            if gone:
                with store_errors():
                    self._client.zrem(self._keys.named("incidents"), *gone)
            if len(page) < step:
                break
            start += step - len(gone)
        return kept[:most]

    def of(self, fingerprint: str, starts_at_us: int | None = None) -> int | None:
        """Return the number of the incident of an alert's episode (None: of its latest); None when it is in none."""
        with store_errors():
            homes: dict[str, str] = self._client.hgetall(self._keys.named(f"incident_of:{fingerprint}"))
        if not homes:
            return None
        if starts_at_us is None:
            return int(homes[max(homes)])
        found = next((number for episode, number in homes.items() if episode == _episode(starts_at_us)), None)
        return None if found is None else int(found)

    def notes(self, fingerprints: Sequence[str], now_us: int) -> dict[str, IncidentNote]:
        """Return what messages say of incidents; of an alert that is alone nothing, unless a feed is silent."""
        answer: Any = self._scripts.run("incident_homes", self._keys.prefix, *fingerprints)
        silent = int(answer.pop())
        numbers = {
            print_: int(number)
            for print_, (number, alerts) in zip(fingerprints, answer, strict=True)
            if number and (silent or alerts > 1)
        }
        if not numbers:
            return {}
        read = {one.number: one for one in self._read(sorted(set(numbers.values())), now_us)}
        return {
            print_: IncidentNote(
                id=read[number].name,
                title=read[number].title,
                alerts=read[number].alerts,
                customers=read[number].customers,
                evidence=in_short(read[number].evidence_lines),
                blind=in_short(read[number].blind_lines),
            )
            for print_, number in numbers.items()
            if number in read
        }

    def firing(self, number: int) -> list[str] | None:
        """Return the fingerprints of the alerts of an incident that fire; None when there is no such incident."""
        detail = self.get(number, 0, most=1_000_000)
        if detail is None:
            return None
        return list(dict.fromkeys(m.change.fingerprint for m in detail.members if m.change.status == "firing"))

    def _plan(self, change: AlertChange) -> tuple[str, str]:
        scope = scope_of(change, self._settings.by)
        feed, silence = feed_of(change, self._feeds), is_silence(change)
        undone = change.step.partition(":")[0] in UNDONE
        ends_us = change.ends_at_us if change.status == "resolved" else None
        if change.status == "resolved" and ends_us is None:
            ends_us = change.at_us
        member = Member(change=change, feed=feed, silence=silence, undone=undone)
        plan = {
            "fp": change.fingerprint,
            "episode": episode_key(change),
            "order": order_key(change),
            "status": CLOSED if change.step == CLOSED else change.status,
            "undone": undone,
            "from": change.starts_at_us // 1000,
            "at": change.at_us // 1000,
            "to": False if ends_us is None else ends_us // 1000,
            "one": scope.one,
            "wide": scope.wide,
            "customer": scope.customer,
            "about": _json.encode(about(scope)).decode(),
            "feed": feed,
            "silence": silence,
            "severity": change.labels.get("severity", "info"),
            "name": change.labels.get("alertname", ""),
            "says": change.annotations.get("summary", ""),
            "window": self._settings.window // 1000,
            "retention": self._retention_ms,
        }
        return _json.encode(plan).decode(), _json.encode(member).decode()

    def _key(self, number: int, part: str = "") -> str:
        return self._keys.named(f"incident:{number}" + (f":{part}" if part else ""))

    def _read(self, numbers: Sequence[int], now_us: int) -> list[Incident]:
        """Return those of the incidents that there are."""
        with store_errors():
            pipeline = self._client.pipeline(transaction=True)
            for number in numbers:
                pipeline.hgetall(self._key(number))
                pipeline.hgetall(self._key(number, "tally"))
                pipeline.hgetall(self._key(number, "says"))
                pipeline.hlen(self._key(number, "customers"))
                pipeline.hrandfield(self._key(number, "customers"), MOST_NAMED)
                pipeline.srandmember(self._key(number, "linked"), MOST_LINKED)
            answers = pipeline.execute() if numbers else []
        parts = [answers[place : place + 6] for place in range(0, len(answers), 6)]
        found = [
            read_incident(number, part, now_us, self._settings.quiet_us)
            for number, part in zip(numbers, parts, strict=True)
            if part[0]
        ]
        if not found:
            return []
        silences = self._silences(min(one.first_us for one in found) - self._settings.window)
        return [msgspec.structs.replace(one, blind=blind_feeds(one, silences, self._settings.window)) for one in found]

    def _silences(self, from_us: int) -> list[Member]:
        with store_errors():
            names = self._client.zrangebyscore(self._keys.named("incidents:silent:until"), from_us // 1000, math.inf)
            texts = self._client.hmget(self._keys.named("incidents:silent"), names) if names else []
        return [_to_member.decode(text) for text in texts if text is not None]


def _episode(starts_at_us: int) -> str:
    return f"{starts_at_us + 2**62:020d}"
