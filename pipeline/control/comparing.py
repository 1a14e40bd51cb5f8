"""What would be different if a candidate in the shadow were live: alerts gained and lost so far."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from detectors.contract import ShadowDecision


class Episode(msgspec.Struct):
    """An alert that is open from a window on to another.

    Attributes:
        group: the labels of its group.
        starts_at_us: end of the window that opened it.
        ends_at_us: end of the window that ended it; None: it is open.
        p_value: of the window that opened it; None where that was before the candidate began.
    """

    group: dict[str, str]
    starts_at_us: int
    ends_at_us: int | None
    p_value: float | None


class Pair(NamedTuple):
    """The same alert by both: the candidate's, and the live one."""

    shadow: Episode
    live: Episode


class Comparison(msgspec.Struct):
    """Alerts of a candidate against those that were sent.

    Attributes:
        gained: that only the candidate has.
        lost: that were sent, and the candidate has not.
        both: that both have; they overlap.
    """

    gained: list[Episode]
    lost: list[Episode]
    both: list[Pair]


def compare(decisions: Sequence[ShadowDecision]) -> Comparison:
    """Put the episodes of a candidate beside the live ones.

    Live alerts that were open before the candidate began, and that it does not have, are not counted as lost: it begins
    without open alerts.

    Args:
        decisions: of one version, by the end of the window.
    """
    shadows: dict[tuple[tuple[str, str], ...], list[Episode]] = {}
    lives: dict[tuple[tuple[str, str], ...], list[Episode]] = {}
    for one in decisions:
        key = tuple(sorted(one.group.items()))
        _follow(shadows.setdefault(key, []), one, "shadow")
        _follow(lives.setdefault(key, []), one, "live")
    result = Comparison([], [], [])
    for key, own in shadows.items():
        others = lives[key]
        paired: set[int] = set()
        for episode in own:
            over = [other for other in others if _overlap(episode, other)]
            if over:
                result.both.append(Pair(episode, over[0]))
                paired |= {id(other) for other in over}
            else:
                result.gained.append(episode)
        result.lost += [other for other in others if id(other) not in paired and other.p_value is not None]
    for found in (result.gained, result.lost):
        found.sort(key=lambda one: (one.starts_at_us, sorted(one.group.items())))
    result.both.sort(key=lambda pair: (pair.shadow.starts_at_us, sorted(pair.shadow.group.items())))
    return result


def _follow(episodes: list[Episode], one: ShadowDecision, side: Literal["shadow", "live"]) -> None:
    """Carry on the episodes of one side of a group by what was decided in a window."""
    shadow = side == "shadow"
    step = one.step if shadow else one.live_step
    starts_at_us = one.starts_at_us if shadow else one.live_starts_at_us
    if not starts_at_us:
        return
    if not episodes or episodes[-1].starts_at_us != starts_at_us:
        episodes.append(Episode(one.group, starts_at_us, None, one.p_value if step == "firing" else None))
    if step == "resolved":
        episodes[-1].ends_at_us = one.end_us


def _overlap(one: Episode, other: Episode) -> bool:
    one_ends_us = one.starts_at_us if one.ends_at_us is None else one.ends_at_us
    other_ends_us = other.starts_at_us if other.ends_at_us is None else other.ends_at_us
    before = one.ends_at_us is not None and one_ends_us < other.starts_at_us
    after = other.ends_at_us is not None and other_ends_us < one.starts_at_us
    return not before and not after
