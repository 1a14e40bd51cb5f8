"""Whether the audit log is what was written: its chain of hashes, its end, and ends that were noted earlier."""

from collections.abc import Iterable

import msgspec

from alerts.trail import TRIMMED, Trail
from alerts.trail_model import Head, decode, digest_of

_MOST_PROBLEMS = 20
_TRIES = 3


class Problem(msgspec.Struct, frozen=True):
    """Something that is not as it was written.

    Attributes:
        seq: number of the entry.
        what: in words.
    """

    seq: int
    what: str


class Checked(msgspec.Struct, frozen=True):
    """What a look at the log has found.

    Attributes:
        entries: how many were looked at.
        first: number of the first one there is; 0: there is none.
        head: the end of the chain, as the entries have it.
        problems: the first 20.
    """

    entries: int
    first: int
    head: Head
    problems: tuple[Problem, ...]

    @property
    def well(self) -> bool:
        """Whether all is as it was written."""
        return not self.problems


def verify(trail: Trail, noted: Iterable[Head] = (), *, since: Head | None = None) -> Checked:
    """Read the log and prove each entry by the one before it.

    Args:
        trail: the log.
        noted: ends that were noted earlier, elsewhere: proof that nothing before them was changed or cut off.
        since: begin behind this entry, which was proved before.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    for _ in range(_TRIES):
        floor = trail.floor()
        found = _verify(trail, floor, list(noted), since)
        if found.well or trail.floor() == floor:
            break  # else: the oldest entries were deleted meanwhile
    return found


def _verify(trail: Trail, floor: Head, noted: list[Head], since: Head | None) -> Checked:
    stated = trail.head()  # before the entries: what comes meanwhile is behind it
    wanted: dict[int, set[str]] = {}
    for head in noted:
        wanted.setdefault(head.seq, set()).add(head.hash)
    at = floor if since is None else since
    entries, first, vouched = 0, 0, floor.seq == 0 or since is not None
    problems: list[Problem] = []
    for number, text, digest in trail.texts(0 if since is None else since.seq):
        entries += 1
        seq = int(number.partition("-")[0])
        first = first or seq
        problems += _problems(number, text, digest, at)
        if wanted.pop(seq, {digest}) != {digest}:
            problems.append(Problem(seq, "is not the entry that was noted: the log was written anew"))
        vouched = vouched or (TRIMMED in text and _vouches(text, floor))
        at = Head(seq, digest)
        if seq == stated.seq and digest != stated.hash:
            problems.append(Problem(seq, "is not the end that the log itself states"))
    if at.seq < stated.seq:
        problems.append(Problem(at.seq, f"is the last entry, but there were {stated.seq}: the end was cut off"))
    elif trail.head().seq < at.seq:
        problems.append(Problem(at.seq, "stands behind the end that the log itself states"))
    for seq in sorted(seq for seq in wanted if seq > max(floor.seq, at.seq)):
        why = f"was noted, and is not there: the end of the log was cut off after number {at.seq}"
        problems.append(Problem(seq, why))
    if not vouched:
        problems.append(Problem(floor.seq, "entries up to here are gone, and no entry says that they were deleted"))
    return Checked(entries, first, at, tuple(problems[:_MOST_PROBLEMS]))


def _problems(number: str, text: str, digest: str, before: Head) -> list[Problem]:
    seq = int(number.partition("-")[0])
    found: list[str] = []
    if digest_of(text) != digest:
        found.append("was changed: its hash is another")
    if number != f"{before.seq + 1}-0":
        found.append(f"comes after number {before.seq}: what was between them is gone")
    try:
        entry = decode(text)
    except msgspec.DecodeError:
        found.append("cannot be read")
    else:
        if entry.seq != seq:
            found.append(f"says that it is number {entry.seq}")
        if entry.prev != before.hash:
            found.append("does not follow the entry before it: that one, or this one, was exchanged")
    return [Problem(seq, what) for what in found]


def _vouches(text: str, floor: Head) -> bool:
    try:
        entry = decode(text)
    except msgspec.DecodeError:
        return False
    return entry.action == TRIMMED and entry.after == {"up_to": floor.seq, "hash": floor.hash}
