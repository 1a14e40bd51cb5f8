"""The memory of ids answers as a plain model does, whatever is sealed, merged, restarted and forgotten meanwhile."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from detectors.events import Event
from pipeline.dedup import Deduplicator, Sizes
from tests.pipeline.ids.model import Model, Numbers
from tests.support.events import HOUR_US, START_US, make_event

TINY = Sizes(hot=20, block=4, fan_in=3, largest=150, step=3, spill=6, cached=8)
SMALL = Sizes(hot=50, block=16, fan_in=4, largest=100, step=8, spill=16, cached=100)
HASHES: dict[str, Callable[[str], int]] = {
    "python": hash,
    "all_the_same": lambda _: 7,
    "few": lambda text: (sum(text.encode()) % 5) << 60,
    "many_blocks": lambda text: -(sum(text.encode()) % 50) << 24,
}


def post(number: int, source: str = "x", rev: int = 0) -> Event:
    return make_event("social.post", f"{number}", START_US, {"sentiment": 0.5}, source=source, rev=rev)


class Run:
    """A memory and its model, driven by chance."""

    def __init__(self, folder: Path, seed: int, sizes: Sizes, hash_of: Callable[[str], int]) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        self.sizes = sizes
        self.hash_of = hash_of
        self.dedup = self.anew()
        self.model = Model(HOUR_US)
        self.kept = [(self.dedup.snapshot(), self.model.copy(), START_US)] * 2
        self.now_us = START_US
        self.numbers = Numbers(self.rng)
        self.dropped = 0

    def anew(self) -> Deduplicator:
        return Deduplicator(HOUR_US, self.folder, sizes=self.sizes, hash_of=self.hash_of)

    def batch(self) -> list[Event]:
        """New ids, repeats of old ones and of this batch, two sources, now and then a revision."""
        events = []
        for number in self.numbers.batch():
            rev = self.rng.choice([1, 2]) if self.rng.random() < 0.02 else 0
            events.append(post(number, self.rng.choice("xxxy"), rev))
        if self.rng.random() < 0.1:
            events.append(events[0])
        return events

    def step(self) -> None:
        chance = self.rng.random()
        if chance < 0.05:
            state = self.dedup.snapshot()
            self.kept = [self.kept[1], (state, self.model.copy(), self.now_us)]
        elif chance < 0.07:
            state, model, self.now_us = self.kept[self.rng.randrange(2)]
            self.dedup = self.anew()
            self.dedup.restore(state)
            self.model = model.copy()
            self.kept = [(state, model, self.now_us)] * 2
        elif chance < 0.09:
            self.redeliver()
        else:
            self.take(self.batch())

    def redeliver(self) -> None:
        """Send what there was once more, in its order."""
        first = self.rng.randrange(self.numbers.next + 1)
        for start in range(first, min(first + 60, self.numbers.next), 10):
            self.take([post(number) for number in range(start, min(start + 10, self.numbers.next))])

    def take(self, events: list[Event]) -> None:
        fresh = list(self.dedup.fresh(events, self.now_us))
        assert fresh == self.model.fresh(events, self.now_us)
        self.dropped += len(events) - len(fresh)
        for event in fresh:
            if self.rng.random() < 0.05:
                self.dedup.forget(event)
                self.model.forget(event)
        if self.rng.random() < 0.05:
            old = post(self.rng.randrange(self.numbers.next or 1))
            self.dedup.forget(old)
            self.model.forget(old)
        self.now_us += self.rng.choice([0, 0, 0, 1, 60]) * HOUR_US // 600
        self.dedup.advance(self.now_us)
        self.model.advance(self.now_us)


@pytest.mark.parametrize("sizes", [TINY, SMALL], ids=["tiny", "small"])
@pytest.mark.parametrize("hash_of", HASHES.values(), ids=HASHES)
@pytest.mark.parametrize("seed", range(3))
def test_answers_are_those_of_the_model(tmp_path: Path, seed: int, sizes: Sizes, hash_of: Callable[[str], int]) -> None:
    run = Run(tmp_path, seed, sizes, hash_of)
    for _ in range(300):
        run.step()
    assert run.dropped > 50
