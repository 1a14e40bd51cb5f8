"""What an audit counts while it goes on, and what is left of it."""

from typing import Any

import msgspec

from alerts.connection import store_errors
from alerts.store import AlertStore
from sinks.audit.judging import Finding
from sinks.audit.report import MOST_FINDINGS, AuditReport

_HOUR_US = 3_600_000_000
_WORDS = {
    "lost": "nothing was known of what became of it",
    "untold": "it fires, nothing hides it, and it was not told",
    "overdue": "it is on its way for too long",
}


class Tally(msgspec.Struct):
    """Of one audit.

    Attributes:
        told: accounts that were found to be right. missing, overdue: what was found.
        lines: of the first findings, for people.
        untold: alerts that were seen untold in a group, and since when.
    """

    told: int = 0
    missing: int = 0
    overdue: int = 0
    lines: list[str] = []
    untold: dict[str, int] = {}

    def found(self, finding: Finding, *, mended: bool) -> None:
        """Count a finding; one that needed no mending after all is none, unless it is overdue."""
        change = finding.change
        what = f"{change.labels.get('alertname', '')} {change.fingerprint} {change.step}: {_WORDS[finding.kind]}"
        if mended:
            self.missed(f"{what}; it was put back")
        elif finding.kind == "overdue":
            self.overdue += 1
            self._say(what)

    def missed(self, line: str) -> None:
        """Count something that was missing."""
        self.missing += 1
        self._say(line)

    def keep(self, store: AlertStore, back_us: int, now_us: int, took_us: int, looked: tuple[int, int]) -> AuditReport:
        """Add this audit to those before, and return the result.

        Args:
            store: keeps it.
            back_us: how far back audits look.
            now_us: when this one began.
            took_us: how long it took.
            looked: how many alerts there are, and how many of them were read.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        client: Any = store.client
        told, missing, untold = (store.keys.named(f"audit:{name}") for name in ("told", "missing", "untold"))
        hour = now_us // _HOUR_US
        oldest = hour - back_us // _HOUR_US
        with store_errors():
            pipeline = client.pipeline(transaction=True)
            pipeline.delete(untold)
            if self.untold:
                pipeline.hset(untold, mapping=self.untold)
            pipeline.hincrby(told, str(hour), self.told)
            pipeline.hincrby(missing, str(hour), self.missing)
            pipeline.hgetall(told)
            pipeline.hgetall(missing)
            pipeline.zcard(store.keys.named("undelivered"))
            *_, all_told, all_missing, undelivered = pipeline.execute()
            gone = [name for name in all_told if int(name) < oldest]
            if gone:
                pipeline.hdel(told, *gone)
                pipeline.hdel(missing, *gone)
                pipeline.execute()
        told_back, missing_back = (
            sum(int(count) for name, count in counts.items() if int(name) >= oldest)
            for counts in (all_told, all_missing)
        )
        checked = told_back + missing_back
        return AuditReport(
            at_us=now_us,
            took_us=took_us,
            alerts=looked[0],
            looked=looked[1],
            missing=self.missing,
            overdue=self.overdue,
            undelivered=undelivered,
            told_back=told_back,
            missing_back=missing_back,
            ratio=1.0 if checked == 0 else told_back / checked,
            well=not (self.missing or self.overdue or undelivered),
            findings=tuple(self.lines),
        )

    def _say(self, line: str) -> None:
        if len(self.lines) < MOST_FINDINGS:
            self.lines.append(line)
