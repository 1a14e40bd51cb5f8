"""When the alert of a group opens and ends, given the p-values of its windows and the level at which they are unusual.

An episode begins with a window whose p-value is at or below the level, when as many of the last windows were as must
be, for as long as must be; and lasts until one is above ``resolve``: between the two nothing changes, so that an alert
does not flap around one threshold. After it has resolved, the group is left alone for the cool-down. Neither warm-up,
confirmation nor cool-down holds back ``overwhelming`` evidence.
"""

from typing import Literal, NamedTuple

import msgspec

from detectors.deciding import Decision
from detectors.panes import Group

Verdict = Literal["fires", "still_firing", "resolves", "quiet", "too_few", "warming_up", "cooling_down", "unconfirmed"]


class Step(NamedTuple):
    """What a window means for its group's alert.

    Attributes:
        verdict: see :class:`detectors.contract.Finding`.
        step: the change of the alert, if it changes.
        starts_at_us: of the episode that changes or goes on; 0 without one.
        without_data: the alert resolves because nothing could be scored for long, not because it got better.
    """

    verdict: Verdict
    step: Literal["firing", "resolved"] | None = None
    starts_at_us: int = 0
    without_data: bool = False


class GroupEpisode(msgspec.Struct, array_like=True):
    """Where a group stands. Times in microseconds; ``None``: never, or not now.

    Attributes:
        unusual: the last windows that could be scored, a bit each, the newest lowest: whether they were unusual.
        unusual_since_us: end of the first of the unusual windows in a row up to now.
    """

    starts_at_us: int | None = None
    last_scored_us: int | None = None
    resolved_at_us: int | None = None
    unusual: int = 0
    unusual_since_us: int | None = None


_NOWHERE = GroupEpisode()


class Openings:
    """The episodes of all groups at one level.

    Args:
        decision: what must hold besides the level.
    """

    def __init__(self, decision: Decision) -> None:
        self.change(decision)
        self._episodes: dict[Group, GroupEpisode] = {}

    def change(self, decision: Decision) -> None:
        """Go by other settings from the next window on."""
        self._resolve = decision.p_value.resolve
        self._overwhelming = decision.p_value.overwhelming
        self._needed = decision.confirm.needed
        self._mask = (1 << decision.confirm.of) - 1
        self._min_duration_us = decision.min_duration
        self._cool_down_us = decision.cool_down
        self._patience_us = decision.resolve_without_data

    def is_firing(self, group: Group) -> bool:
        """Return whether an alert of ``group`` is open."""
        episode = self._episodes.get(group)
        return episode is not None and episode.starts_at_us is not None

    def episode(self, group: Group) -> GroupEpisode:
        """Return where a group stands, as a copy."""
        return msgspec.structs.replace(self.look(group))

    def look(self, group: Group) -> GroupEpisode:
        """Return where a group stands; not to be changed."""
        return self._episodes.get(group) or _NOWHERE

    def step(self, group: Group, end_us: int, p_value: float | None, level: float, *, ready: bool) -> Step:
        """Take the next window of ``group`` and return what it changes.

        Args:
            group: whose window.
            end_us: its end; later than that of the group's window before.
            p_value: of the window; None when it holds too little to be scored.
            level: the window is unusual at or below it.
            ready: whether the baseline has warmed up.
        """
        episode = self._episodes.get(group)
        if episode is None:
            episode = self._episodes[group] = GroupEpisode()
        if p_value is not None:
            episode.last_scored_us = end_us
            if p_value <= level:
                episode.unusual = (episode.unusual << 1 | 1) & self._mask
                if episode.unusual_since_us is None:
                    episode.unusual_since_us = end_us
            elif episode.unusual or episode.unusual_since_us is not None:
                episode.unusual = episode.unusual << 1 & self._mask
                episode.unusual_since_us = None
        if episode.starts_at_us is None:
            return self._quiet(episode, end_us, p_value, level, ready=ready)
        return self._firing(episode, episode.starts_at_us, end_us, p_value)

    def _quiet(self, episode: GroupEpisode, end_us: int, p_value: float | None, level: float, *, ready: bool) -> Step:
        if p_value is None:
            return Step("too_few")
        if p_value > level:
            return Step("quiet" if ready else "warming_up")
        if p_value > self._overwhelming:
            if not ready:
                return Step("warming_up")
            if episode.resolved_at_us is not None and end_us - episode.resolved_at_us < self._cool_down_us:
                return Step("cooling_down")
            since_us = end_us if episode.unusual_since_us is None else episode.unusual_since_us
            if episode.unusual.bit_count() < self._needed or end_us - since_us < self._min_duration_us:
                return Step("unconfirmed")
        episode.starts_at_us = end_us
        return Step("fires", "firing", end_us)

    def _firing(self, episode: GroupEpisode, starts_at_us: int, end_us: int, p_value: float | None) -> Step:
        if p_value is not None and p_value <= self._resolve:
            return Step("still_firing", None, starts_at_us)
        without_data = p_value is None
        if without_data and end_us - (episode.last_scored_us or starts_at_us) < self._patience_us:
            return Step("still_firing", None, starts_at_us)
        episode.starts_at_us = None
        episode.resolved_at_us = end_us
        return Step("resolves", "resolved", starts_at_us, without_data)

    def forget(self, group: Group) -> None:
        """Drop what is known of ``group``."""
        self._episodes.pop(group, None)

    def end_all(self) -> None:
        """Take all episodes for ended, without a cool-down: what lasts begins a new one with its next window."""
        for episode in self._episodes.values():
            episode.starts_at_us = None

    def state(self) -> list[tuple[Group, GroupEpisode]]:
        """Return the state as plain data, sorted."""
        return sorted(self._episodes.items(), key=lambda item: item[0])

    def restore(self, state: list[tuple[Group, GroupEpisode]]) -> None:
        """Take over what :meth:`state` returned."""
        self._episodes = dict(state)
