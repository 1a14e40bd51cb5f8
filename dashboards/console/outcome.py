"""What became of an act, in words; and what undoing it needs."""

from typing import Literal

import msgspec

from config.durations import US_PER_SECOND

Act = Literal["acknowledge", "unacknowledge", "assign", "comment", "resolve", "noise"]
UNDO_US = 10 * US_PER_SECOND
_DONE = {
    "acknowledge": "Acknowledged",
    "unacknowledge": "Took back the acknowledgement of",
    "assign": "Assigned",
    "comment": "Noted on",
    "resolve": "Resolved",
    "noise": "Marked as noise:",
}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be undone about one alert.

    Attributes:
        until_us: when the acknowledgement that was taken back would have ended.
        to: to whom it was assigned before; empty: to nobody.
    """

    fingerprint: str
    episode_us: int
    until_us: int | None = None
    to: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an act.

    Attributes:
        act: what was done. by: who did it, and may undo it.
        done: how many alerts. skipped: how many were not touched, by the reason in words. failed: why; empty: nothing
            has failed.
        changes: what undoing needs.
    """

    id: str
    act: Act
    by: str
    at_us: int
    done: int
    skipped: dict[str, int]
    failed: str
    changes: tuple[Change, ...]
    to: str = ""
    undone: bool = False

    @property
    def words(self) -> str:
        """What happened, in a sentence."""
        count = "1 alert" if self.done == 1 else f"{self.done:,} alerts"
        what = f"{_DONE[self.act]} {count}" if self.done or not self.failed else "Nothing was changed"
        if self.act == "assign" and self.done:
            what += f" to {self.to}"
        skipped = [f"{number:,} {why}" for why, number in self.skipped.items()]
        return f"{'; '.join([what, *skipped])}." + (f" {self.failed}" if self.failed else "")

    def undoable(self, now_us: int, grace_us: int = 0) -> bool:
        """Return whether it can still be taken back."""
        possible = self.act in {"acknowledge", "unacknowledge"} or (
            self.act == "assign" and bool(self.changes) and all(change.to for change in self.changes)
        )
        return possible and bool(self.changes) and not self.undone and 0 <= now_us - self.at_us < UNDO_US + grace_us


def skipped_words(later: int, gone: int) -> dict[str, int]:
    """Return what is said of alerts that came after the list was seen, and of those that match no more.

    >>> skipped_words(1, 0)
    {'came later and stays open': 1}
    """
    found = {}
    if later:
        found["came later and stay open" if later > 1 else "came later and stays open"] = later
    if gone:
        found["match no longer"] = gone
    return found
