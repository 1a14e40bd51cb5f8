"""What the memory of ids must answer, as plainly as it can be said: sets of keys by generation, copied whole."""

import copy
import random
from collections.abc import Iterator, Sequence

from detectors.contract import NEVER_US
from detectors.events import Event

Key = tuple[str, str, int]


class Model:
    """Does what :class:`pipeline.dedup.Deduplicator` does, in a few lines and without a thought for memory."""

    def __init__(self, horizon_us: int) -> None:
        self.horizon_us = horizon_us
        self.generations: list[tuple[set[Key], list[int]]] = [(set(), [NEVER_US])]
        self.rotate_at_us = NEVER_US

    def fresh(self, events: Sequence[Event], newest_us: int) -> list[Event]:
        current, newest = self.generations[-1]
        newest[0] = max(newest[0], newest_us)
        kept = []
        for event in events:
            key = _key(event)
            if not any(key in keys for keys, _ in self.generations):
                current.add(key)
                kept.append(event)
        return kept

    def forget(self, event: Event) -> None:
        self.generations[-1][0].discard(_key(event))

    def advance(self, watermark_us: int) -> None:
        if self.rotate_at_us == NEVER_US:
            self.rotate_at_us = watermark_us + self.horizon_us // 4
        elif watermark_us >= self.rotate_at_us:
            self.rotate_at_us = watermark_us + self.horizon_us // 4
            kept = [one for one in self.generations if watermark_us <= one[1][0] + self.horizon_us]
            self.generations = [*kept, (set(), [NEVER_US])]

    def copy(self) -> "Model":
        return copy.deepcopy(self)


class Numbers:
    """Numbers of ids as a feed has them: new ones, and a quarter of them repeats of old ones."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.next = 0

    def batch(self) -> Iterator[int]:
        """Yield some, one for each event of a batch."""
        for _ in range(self.rng.choice([1, 2, 5, 12])):
            if self.rng.random() < 0.25 and self.next:
                yield self.rng.randrange(self.next)
            else:
                self.next += 1
                yield self.next - 1


def _key(event: Event) -> Key:
    return event.source, event.id, event.rev
