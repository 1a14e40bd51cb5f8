"""One audit: read, judge, mend, and say how it was."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from alerts.connection import store_errors
from alerts.dispatch import target_of
from alerts.groups import Target
from alerts.model import Account
from alerts.muting import Mute
from alerts.routing import Router
from alerts.store import AlertStore
from config.settings import Settings
from detectors.contract import AlertChange
from sinks.audit.heartbeat import Heartbeat
from sinks.audit.judging import Finding, Rules, Seen, judge
from sinks.audit.mending import Mender
from sinks.audit.reading import Open, Reader
from sinks.audit.report import AuditReport, save_report, summary
from sinks.audit.tally import Tally
from sinks.chores import Hold

_AT_ONCE = 200


class _Lost(NamedTuple):
    """A notification that is gone: an account that names it, the alerts that it was about, ids of the changes."""

    account: Account
    told: list[Seen]
    ids: list[str]


class Auditor:
    """Audits one store by one settings file.

    Args:
        store: of the alerts.
        settings: the whole file; it has a route.
        hiding: ``hiding(now)`` answers what hides an alert then.
        clock_us: None: that of Redis.
        timer_us: microseconds of a clock that nobody can set, for how long it took.
        on_missing: is told how much was missing.
    """

    def __init__(
        self,
        store: AlertStore,
        settings: Settings,
        *,
        hiding: Callable[[int], Callable[[AlertChange], Mute | None]],
        clock_us: Callable[[], int] | None = None,
        timer_us: Callable[[], int],
        on_missing: Callable[[int], None] = lambda _count: None,
    ) -> None:
        if settings.route is None:
            msg = "without a route there is nothing to audit"
            raise ValueError(msg)
        self._store = store
        self._client: Any = store.client
        self._settings = settings
        self._router = Router(settings.route)
        self._hiding = hiding
        self._clock_us = clock_us
        self._timer_us = timer_us
        self._on_missing = on_missing
        self._mender = Mender(store, settings.urgency, self._most_alerts, clock_us)
        self._heartbeat = Heartbeat(settings.audit)
        timings = [node.match.timing for _depth, node in self._router.nodes()]
        self._longest_us = max(max(timing.wait_us, timing.interval_us) for timing in timings)
        routes = msgspec.json.encode(settings.route.model_dump(mode="json"), order="deterministic")
        self._digest = blake2b(routes, digest_size=10).hexdigest()

    def run(self, now_us: int, hold: Hold = lambda: None) -> AuditReport:
        """Audit, send what is missing, keep the result and send the heartbeat.

        Args:
            now_us: microseconds UTC.
            hold: called again and again; raises to end it.

        Raises:
            StoreUnavailableError: Redis is away; what was put right is, the rest is found again.
        """
        began_us = self._timer_us()
        clock: str | int = "" if self._clock_us is None else self._clock_us() // 1000
        reader = Reader(self._store, self._targets, clock)
        prints = reader.alerts(now_us - self._settings.audit.back)
        open_ = reader.open(prints)
        rules = self._rules(now_us)
        tally = Tally()
        lost: dict[str, _Lost] = {}
        for start in range(0, len(open_), _AT_ONCE):
            hold()
            self._part(reader, open_[start : start + _AT_ONCE], rules, tally, lost)
        for entry in lost.values():
            if self._mender.restore(entry.account, entry.told, entry.ids, now_us):
                tally.missed(
                    f"the notification {entry.account.by} to {entry.account.receiver} is gone; it was sent again"
                )
        for key, line in self._beyond_repair():
            tally.missed(f"the notification {key} in line {line} is gone, and not known well enough to send it again")
        if tally.missing:
            self._on_missing(tally.missing)
        took_us = self._timer_us() - began_us
        report = tally.keep(self._store, self._settings.audit.back, now_us, took_us, (len(prints), len(open_)))
        heartbeat = self._heartbeat(well=report.well, said="\n".join((summary(report), *report.findings)))
        report = msgspec.structs.replace(report, heartbeat=heartbeat)
        save_report(self._store, report)
        return report

    def close(self) -> None:
        """Close the connections."""
        self._heartbeat.close()

    def _part(self, reader: Reader, open_: Sequence[Open], rules: Rules, tally: Tally, lost: dict[str, _Lost]) -> None:
        """Look at some alerts; notifications that are gone are put into ``lost``, because they may be about others."""
        part = {one.fingerprint: one for one in open_}
        settled: list[tuple[str, int, int]] = []
        for seen in reader.read(open_):
            one = part[seen.current.fingerprint]
            judgement = judge(seen, rules)
            tally.untold |= judgement.untold
            if judgement.settled:
                settled.append((one.fingerprint, one.changes + len(seen.history), seen.account_count))
                tally.told += seen.account_count - one.accounts
            for finding in judgement.findings:
                if finding.kind == "note" and finding.account is not None:
                    entry = lost.setdefault(finding.account.by, _Lost(finding.account, [], []))
                    entry.ids.append(finding.change.change_id)
                    if seen not in entry.told:
                        entry.told.append(seen)
                else:
                    tally.found(finding, mended=self._mend(finding, seen))
        reader.mark(settled)

    def _beyond_repair(self) -> list[tuple[str, str]]:
        """Return notifications that notifiers found to be gone and that no account names; each once."""
        lost = self._store.keys.named("lost")
        with store_errors():
            found = list(self._client.hgetall(lost).items())
            if not found:
                return []
            pipeline = self._client.pipeline(transaction=False)
            for key, _line in found:
                pipeline.exists(self._store.keys.note(key))
            there = pipeline.execute()
            self._client.hdel(lost, *[key for key, _line in found])
        return [entry for entry, exists in zip(found, there, strict=True) if not exists]

    def _mend(self, finding: Finding, seen: Seen) -> bool:
        if finding.kind == "overdue":
            return self._mender.wake(finding, seen)
        return self._mender.put_back(finding.change, finding.targets, seen.account_count)

    def _targets(self, labels: Mapping[str, str]) -> Sequence[Target]:
        return [target_of(match, labels) for match in self._router.match(labels)]

    def _most_alerts(self, receiver: str) -> int:
        settings = self._settings.receivers.get(receiver)
        return 100 if settings is None else settings.max_alerts

    def _budget_us(self, receiver: str) -> int:
        settings = self._settings.receivers.get(receiver)
        return 0 if settings is None else sum(tier.deadline for tier in settings.tiers)

    def _rules(self, now_us: int) -> Rules:
        with store_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.hgetall(self._named("routes"))
            pipeline.hgetall(self._named("untold"))
            routes, untold = pipeline.execute()
            longest_us = self._longest_us
            if routes.get("digest") != self._digest:
                longest_us = max(longest_us, int(routes.get("longest_us", 0)))
                routes = {"digest": self._digest, "since_us": now_us, "longest_us": self._longest_us}
                routes["strict_us"] = now_us + longest_us + self._settings.audit.slack
                self._client.hset(self._named("routes"), mapping=routes)
        back_us = min(self._settings.audit.back, self._store.settings.retention)
        return Rules(
            now_us=now_us,
            longest_us=self._longest_us,
            slack_us=self._settings.audit.slack,
            strict_us=int(routes["strict_us"]),
            kept_us=now_us - back_us,
            budget_us=self._budget_us,
            mute=self._hiding(now_us),
            untold_since={name: int(since) for name, since in untold.items()},
        )

    def _named(self, name: str) -> str:
        return self._store.keys.named(f"audit:{name}")
