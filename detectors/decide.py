"""From p-values to alerts: hysteresis, cool-down and episodes.

An episode begins with a window whose p-value is at or below ``fire`` and lasts until one is above ``resolve``:
between the two nothing changes, so that an alert does not flap around one threshold. After it has resolved, the group
is quiet for the cool-down. Neither warm-up nor cool-down holds back ``overwhelming`` evidence.
"""

from typing import Annotated, Literal, NamedTuple, Self

import msgspec
from pydantic import Field, model_validator

from config.base import SettingsModel
from detectors.panes import Group

Probability = Annotated[float, Field(gt=0.0, lt=1.0)]
Verdict = Literal["fires", "still_firing", "resolves", "quiet", "too_few", "warming_up", "cooling_down"]


class PValueSettings(SettingsModel):
    """Which p-values make and end an alert.

    Attributes:
        fire: an alert begins at or below it. It is the share of windows that would alert if nothing was ever wrong:
            with 0.001 and one window an hour, one false alarm per group in six weeks at most (fewer, as alerts last).
        resolve: an alert ends above it.
        overwhelming: at or below it an alert begins even while the baseline warms up or the group cools down.
    """

    fire: Probability = 1e-3
    resolve: Probability = 0.05
    overwhelming: Probability = 1e-9

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.overwhelming <= self.fire < self.resolve:
            msg = (
                f"expected overwhelming <= fire < resolve, got {self.overwhelming:g}, {self.fire:g}, {self.resolve:g}: "
                "an alert that ends where it begins would flap"
            )
            raise ValueError(msg)
        return self


class Judgement(NamedTuple):
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
    """Where a group stands. Times in microseconds; ``None``: never, or not now."""

    starts_at_us: int | None = None
    last_scored_us: int | None = None
    resolved_at_us: int | None = None


class Decider:
    """Keeps the episodes of all groups of one detector.

    Args:
        p_values: thresholds.
        cool_down_us: how long after an episode the next may not begin.
        resolve_without_data_us: an alert whose group had no window that could be scored for this long is resolved.
    """

    def __init__(self, p_values: PValueSettings, *, cool_down_us: int, resolve_without_data_us: int) -> None:
        self.p_values = p_values
        self.cool_down_us = cool_down_us
        self.resolve_without_data_us = resolve_without_data_us
        self._episodes: dict[Group, GroupEpisode] = {}

    def is_firing(self, group: Group) -> bool:
        """Return whether an alert of ``group`` is open."""
        episode = self._episodes.get(group)
        return episode is not None and episode.starts_at_us is not None

    def judge(self, group: Group, end_us: int, p_value: float | None, *, ready: bool) -> Judgement:
        """Take the next window of ``group`` and return what it changes.

        Args:
            group: whose window.
            end_us: its end; later than that of the group's window before.
            p_value: of the window; None when it holds too little to be scored.
            ready: whether the baseline has warmed up.
        """
        episode = self._episodes.setdefault(group, GroupEpisode())
        if p_value is not None:
            episode.last_scored_us = end_us
        if episode.starts_at_us is None:
            return self._judge_quiet(episode, end_us, p_value, ready=ready)
        return self._judge_firing(episode, episode.starts_at_us, end_us, p_value)

    def _judge_quiet(self, episode: GroupEpisode, end_us: int, p_value: float | None, *, ready: bool) -> Judgement:
        if p_value is None:
            return Judgement("too_few")
        if p_value > self.p_values.fire:
            return Judgement("quiet" if ready else "warming_up")
        if p_value > self.p_values.overwhelming:
            if not ready:
                return Judgement("warming_up")
            if episode.resolved_at_us is not None and end_us - episode.resolved_at_us < self.cool_down_us:
                return Judgement("cooling_down")
        episode.starts_at_us = end_us
        return Judgement("fires", "firing", end_us)

    def _judge_firing(self, episode: GroupEpisode, starts_at_us: int, end_us: int, p_value: float | None) -> Judgement:
        if p_value is not None and p_value <= self.p_values.resolve:
            return Judgement("still_firing", None, starts_at_us)
        without_data = p_value is None
        if without_data and end_us - (episode.last_scored_us or starts_at_us) < self.resolve_without_data_us:
            return Judgement("still_firing", None, starts_at_us)
        episode.starts_at_us = None
        episode.resolved_at_us = end_us
        return Judgement("resolves", "resolved", starts_at_us, without_data)

    def forget(self, group: Group) -> None:
        """Drop what is known of ``group``."""
        self._episodes.pop(group, None)

    def state(self) -> list[tuple[Group, GroupEpisode]]:
        """Return the state as plain data, sorted."""
        return sorted(self._episodes.items(), key=lambda item: item[0])

    def restore(self, state: list[tuple[Group, GroupEpisode]]) -> None:
        """Take over what :meth:`state` returned."""
        self._episodes = dict(state)
