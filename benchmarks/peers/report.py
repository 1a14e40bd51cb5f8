"""What was measured, worked out and put into tables."""

import statistics
from collections.abc import Sequence

import msgspec

from benchmarks.peers.contestants import BY_NAME
from benchmarks.peers.process import Run

_LEAST_S = 1.0
"""A run that takes less than this longer than start-up says nothing: start-up varies by as much."""


_FREE = 1.15
"""More wall clock than this for a second of processor time, and somebody else had the core."""


class Measured(msgspec.Struct):
    """All runs of one contestant.

    Attributes:
        name: of the contestant.
        version: of its library.
        cores: how many it had.
        events: lines that were read over and above those of the runs over the beginning.
        first, full: runs over the beginning and over everything, a pair a round.
        wrong: differences from the exact answer; empty: every window was right in every round.
        error: why it could not be run; empty: it ran.
    """

    name: str
    version: str
    cores: int
    events: int
    first: list[Run] = []
    full: list[Run] = []
    wrong: list[str] = []
    error: str = ""

    @property
    def start_up_s(self) -> float:
        """What is taken off: the median of the runs over the beginning."""
        return statistics.median(run.wall_s for run in self.first)

    @property
    def rates(self) -> list[float]:
        """Events per second of the wall clock, start-up taken off, by round."""
        return [self.events / max(run.wall_s - self.start_up_s, 1e-3) for run in self.full]

    @property
    def says_something(self) -> bool:
        """Whether it ran, and long enough."""
        return not self.error and min(run.wall_s for run in self.full) - self.start_up_s >= _LEAST_S

    @property
    def ran_freely(self) -> bool:
        """Whether the wall clock of some full run was about its processor time: on one core all of them are busy."""
        return any(run.wall_s <= _FREE * run.cpu_s for run in self.full)

    @property
    def best(self) -> float:
        """The best round."""
        return max(self.rates)

    @property
    def cpu_us(self) -> float:
        """Microseconds of processor time an event, start-up taken off, in the best round."""
        start_up_s = statistics.median(run.cpu_s for run in self.first)
        return max(min(run.cpu_s for run in self.full) - start_up_s, 0.0) / self.events * 1e6

    @property
    def peak_mib(self) -> float:
        """Peak memory in MiB."""
        return max(run.peak_bytes for run in self.full) / 2**20


def table(measured: Sequence[Measured]) -> list[str]:
    """Return a Markdown table."""
    ours = next((row for row in measured if row.name == "makegood" and row.says_something), None)
    rows = [
        ["", "version", "events/s, best", "all rounds, k/s", "of Makegood", "CPU, µs/event", "peak MiB", "start-up s",
         "result", "repeats", "bad lines", "watermark", "recovery"]
    ]  # fmt: skip
    for row in sorted(measured, key=lambda row: -row.best if row.says_something else 0.0):
        contestant = BY_NAME[row.name]
        title = contestant.title + (" *" if contestant.rank == "reference" else "")
        duties = contestant.duties
        if row.error:
            rows.append([title, row.version, f"failed: {row.error.splitlines()[0][:60]}", *[""] * 10])
            continue
        rows.append(
            [
                title,
                row.version,
                f"{row.best:,.0f}" if row.says_something else "too short to say",
                " ".join(f"{rate / 1000:.0f}" for rate in row.rates) if row.says_something else "",
                f"{row.best / ours.best:.2f}" if ours is not None and row.says_something else "",
                f"{row.cpu_us:.2f}",
                f"{row.peak_mib:,.0f}",
                f"{row.start_up_s:.1f}",
                "WRONG" if row.wrong else "equal",
                duties.repeats,
                duties.bad_lines,
                duties.watermark,
                duties.recovery,
            ]
        )
    return _markdown(rows)


def _markdown(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines


def conclusions(measured: Sequence[Measured]) -> list[str]:
    """Return the ratios that matter, a line each."""
    lines = []
    good = [row for row in measured if row.says_something]
    for cores in sorted({row.cores for row in good}):
        here = {row.name: row for row in good if row.cores == cores}
        ours, bare = here.get("makegood"), here.get("bare")
        peers = [row for name, row in here.items() if BY_NAME[name].rank == "peer"]
        if ours is not None and peers:
            best = max(peers, key=lambda row: row.best)
            lines.append(
                f"{cores} core(s): Makegood {ours.best / best.best:.2f} x the best peer ({BY_NAME[best.name].title}); "
                f"by CPU time {best.cpu_us / ours.cpu_us:.2f} x"
            )
        if ours is not None and bare is not None:
            lines.append(
                f"{cores} core(s): Makegood {ours.best / bare.best:.2f} of the bare loop; "
                f"by CPU time {bare.cpu_us / ours.cpu_us:.2f}"
            )
    held_up = [f"{row.name}/{row.cores}" for row in good if row.cores == 1 and not row.ran_freely]
    if held_up:
        lines.append(
            f"held up by other work on the machine, so that only the CPU time is to be trusted: {', '.join(held_up)}"
        )
    both = {row.cores: row.best for row in good if row.name == "makegood"}
    if both.keys() >= {1, 2}:
        lines.append(f"Makegood on two cores: {both[2] / both[1]:.2f} x one core")
    return lines
