"""The figures of many runs, and the table of them."""

from collections import Counter

from tests.chaos.evidence import Findings
from tests.chaos.plan import STEPS

CAUSES = {
    "kill": "its notifier was killed between the send and its record",
    "no answer": "the provider took it, and its answer came too late or not at all; sent by the same tier again",
    "restart of Redis": "Redis was away when it was to be recorded, and the lease ran out before it was",
    "lease ran out": "its notifier was slower than its lease",
    "unexplained": "unexplained",
}
_SUMS = (
    "changes", "own_changes", "notifications", "digested", "requests", "restarts", "by_tier", "hidden", "muted",
    "after_all",
)  # fmt: skip


class Tally:
    """Adds up."""

    def __init__(self) -> None:
        self.runs = 0
        self.kills: Counter[str] = Counter()
        self.duplicates: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()
        self.most_by_a_death = {1: 0, 4: 0}
        self.bad: list[str] = []

    def add(self, found: Findings) -> None:
        """Take in a run."""
        self.runs += 1
        self.kills += Counter(found.kills)
        self.duplicates += Counter(found.duplicates)
        for name in _SUMS:
            self.sums[name] += getattr(found, name)
        self.sums["lost"] += len(found.lost)
        most = self.most_by_a_death
        most[found.workers] = max(most.get(found.workers, 0), found.most_by_a_death)
        self.bad += [f"run {found.number} (seed {found.seed}): {one}" for one in (*found.lost, *found.wrong)]

    def table(self) -> str:
        """Return a table in Markdown."""
        kills = ", ".join(f"{self.kills[step]} {step}" for step in (*STEPS, "any") if self.kills[step])
        sums = self.sums
        rows = [
            ("runs", f"{self.runs:,}"),
            ("notifiers killed", f"{self.kills.total():,}: {kills.replace(' any', ' at any moment')}"),
            ("restarts of Redis", f"{sums['restarts']:,}"),
            ("changes of alerts", f"{sums['changes']:,}, and {sums['own_changes']:,} about channels that fail"),
            ("notifications", f"{sums['notifications']:,}, {sums['digested']:,} of them in digests"),
            ("silences, windows, and times in which alerts inhibited others", f"{sums['hidden']:,}"),
            ("· accounts of changes that were hidden so", f"{sums['muted']:,}"),
            ("· of what was told after all, when that had ended", f"{sums['after_all']:,}"),
            ("requests to providers", f"{sums['requests']:,}"),
            ("**lost**", f"**{sums['lost']}**"),
            ("told twice", f"{self.duplicates.total():,}"),
            *((f"· {words}", f"{self.duplicates[cause]:,}") for cause, words in CAUSES.items()),
            *(
                (f"most by one kill of a notifier with {workers} worker{'s' * (workers > 1)}", f"{count}")
                for workers, count in sorted(self.most_by_a_death.items())
            ),
            ("told by the next tier as well, with a word that it may be the second", f"{sums['by_tier']:,}"),
        ]
        return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])
