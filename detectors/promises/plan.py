"""What all shards of a detector share, and what a shard keeps of a case."""

from collections.abc import Mapping, Sequence

from detectors.promises.case import Case
from detectors.promises.clock import FAR_US
from detectors.promises.episodes import Episode, Identity, Teller
from detectors.promises.facts import StepInfo
from detectors.promises.sleeper import SleepRules, sleep_rules
from detectors.promises.spec import Spec

_ALWAYS_RELEVANT = frozenset(
    {"paused", "resumed", "reopened", "tier_changed", "calendar_changed", "priority_changed", "assigned", "merged"}
)


class Plan:
    """What all shards of a detector share. Immutable.

    Attributes:
        fingerprint: of the settings that all of this follows from.
        infos: by event class. ``kinds``: by event class too, its info, whether it always matters (or only where it
            carries a status, a priority, a queue or a deadline), and the rules of sleep for its family.
    """

    def __init__(
        self,
        *,
        specs: Mapping[str, Sequence[Spec]],
        infos: Mapping[type, StepInfo],
        teller: Teller,
        retention_us: int,
        idle_retention_us: int,
        skew_us: int,
        fingerprint: int,
    ) -> None:
        self.specs = {family: tuple(found) for family, found in specs.items()}
        self.infos = {kind: info for kind, info in infos.items() if self.specs.get(info.family)}
        self.teller = teller
        self.retention_us = retention_us
        self.keep_us = (retention_us, max(retention_us, idle_retention_us))
        self.skew_us = skew_us
        self.fingerprint = fingerprint
        self.rules = {
            family: sleep_rules(found, [info.step for info in self.infos.values() if info.family == family])
            for family, found in self.specs.items()
            if found
        }
        self.kinds: dict[type, tuple[StepInfo, bool, SleepRules | None]] = {
            kind: (
                info,
                info.keeps_about
                or info.step in _ALWAYS_RELEVANT
                or any(spec.ops.get(info.step) for spec in self.specs[info.family]),
                self.rules[info.family],
            )
            for kind, info in self.infos.items()
        }


class ShardCase(Case):
    """A case with what the shard keeps of it.

    Attributes:
        wake_us, held_us: its place in the timetable, and in the heap of what waits for the watermark.
        seen: how many of its entries have been looked at. ``pending_us``: the first of them that is not told yet.
    """

    __slots__ = ("episodes", "family", "held_us", "key", "pending_us", "seen", "wake_us")

    def __init__(self, specs: Sequence[Spec], family: str, key: str) -> None:
        super().__init__(specs)
        self.family = family
        self.key = key
        self.episodes: dict[Identity, Episode] | None = None
        self.wake_us = self.held_us = self.pending_us = FAR_US
        self.seen = 0
