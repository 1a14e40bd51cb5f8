"""What a shard keeps of one life: of most, nothing but facts."""

from bisect import bisect_left, insort
from typing import Any

import msgspec

from detectors.contract import NEVER_US, SnapshotVersionError
from detectors.lives.codec import LifeImage, encode
from detectors.lives.facts import Fact, counts_before, place_of
from detectors.lives.life import FAR_US, Entry, Life, Open
from detectors.lives.telling import Told

MOST_ASLEEP = 64
"""A life with more facts than this does not sleep."""
_NOTHING: list[Any] = []


class Asleep(msgspec.Struct, gc=False):
    """A life of which nothing but facts is kept, in their order; nothing comes of them before ``wake_us``."""

    key: str
    wake_us: int
    facts: list[Fact]

    def image(self) -> bytes:
        """Return it as bytes, for :func:`life_of`."""
        return encode(LifeImage(self.key, self.wake_us, NEVER_US, b"", _NOTHING, self.facts, _NOTHING, asleep=True))

    def takes(self, life: Life[Any], fact: Fact, known_us: int) -> bool:
        """Put a fact into a life that sleeps; False: something may come of it, so that it must wake."""
        facts = self.facts
        if facts:
            last = facts[-1]
            comes_last = last.at_us < fact.at_us or place_of(last) < place_of(fact)
            quiet = comes_last and len(facts) < MOST_ASLEEP
        else:
            quiet = True
        if quiet and not fact.rev and fact.at_us >= known_us and life.keeps_quiet(facts, fact):
            facts.append(fact)
            return True
        return False

    def awake(self) -> "Alive":
        """Return the life, to be lived: its state is found out when it is first needed."""
        alive = Alive(self.key)
        alive.facts, alive.wake_us = self.facts, self.wake_us
        return alive


class Alive:
    """A life: its state at a horizon, the facts since, the state that comes of them, and what was told.

    Attributes:
        base: the state at the horizon; None: nothing was before.
        horizon_us: no fact before it is taken any more.
        begun: episodes that were open at the horizon, with how many updates they had had.
        facts: since the horizon, in their order; the first ``done`` of them are in ``tip``.
        tip: the state now, and its next deadline (where that is known); None: it was restored, and not needed yet.
        revised: one of the facts has a revision.
        wake_us: when it stands in the heap.
    """

    __slots__ = ("base", "begun", "done", "facts", "horizon_us", "key", "next_us", "revised", "tip", "told", "wake_us")

    def __init__(self, key: str) -> None:
        self.key = key
        self.base: Any = None
        self.horizon_us = NEVER_US
        self.begun: dict[Open, int] = {}
        self.facts: list[Fact] = []
        self.done = 0
        self.tip: Any = None
        self.next_us: int | None = None
        self.told: dict[Open, Told] = {}
        self.revised = False
        self.wake_us = FAR_US

    def start_again(self, life: Life[Any]) -> None:
        """Take the state back to the horizon; no fact is applied then."""
        self.tip, self.done, self.next_us = self.beginning(life), 0, None

    def beginning(self, life: Life[Any]) -> Any:
        """Return a state of its own, as it was at the horizon."""
        if self.base is None:
            return life.begin(self.key)
        return msgspec.msgpack.decode(encode(self.base), type=life.state_type)

    def put(self, fact: Fact) -> int | None:
        """Put a fact in its place, or in that of a lower revision of it; return where; None: it changes nothing."""
        facts = self.facts
        if fact.rev or self.revised:
            self.revised = True
            for index, known in enumerate(facts):
                if known.id == fact.id and known.source == fact.source:
                    if counts_before(fact, known):
                        return None
                    del facts[index]
                    insort(facts, fact, key=place_of)
                    return min(index, bisect_left(facts, place_of(fact), key=place_of))
        if not facts or place_of(facts[-1]) < place_of(fact):
            facts.append(fact)
            return len(facts) - 1
        index = bisect_left(facts, place_of(fact), key=place_of)
        facts.insert(index, fact)
        return index

    def seal(self, state: Any, count: int, horizon_us: int, entries: list[Entry]) -> None:
        """Let the first ``count`` facts go: ``state`` is what came of them, ``entries`` what was told of them."""
        self.base, self.horizon_us = state, horizon_us
        del self.facts[:count]
        self.done -= count
        for entry in entries:
            if entry.what == "fire":
                self.begun[entry.episode] = 0
            elif entry.what == "update":
                self.begun[entry.episode] += 1
            else:
                self.begun.pop(entry.episode, None)
                self.told.pop(entry.episode, None)
        for episode in [one for one, told in self.told.items() if told.is_over and one.starts_us < horizon_us]:
            if episode not in self.begun:
                del self.told[episode]

    def image(self) -> bytes:
        """Return it as bytes, for :func:`life_of`."""
        base = b"" if self.base is None else encode(self.base)
        begun, told = list(self.begun.items()), list(self.told.values())
        return encode(LifeImage(self.key, self.wake_us, self.horizon_us, base, begun, self.facts, told))


def life_of(image: LifeImage, state_type: type) -> Alive | Asleep:
    """Return a life from plain data; its state is found out when it is first needed.

    Raises:
        SnapshotVersionError: for the state of another kind of life.
    """
    if image.asleep:
        return Asleep(image.key, image.wake_us, image.facts)
    alive = Alive(image.key)
    alive.wake_us, alive.horizon_us = image.wake_us, image.horizon_us
    if image.base:
        try:
            alive.base = msgspec.msgpack.decode(image.base, type=state_type)
        except msgspec.MsgspecError as error:
            msg = f"the state of a life cannot be read: {error}"
            raise SnapshotVersionError(msg) from error
    alive.begun = dict(image.begun)
    alive.facts = image.facts
    alive.told = {told.episode: told for told in image.told}
    alive.revised = any(fact.rev for fact in image.facts)
    return alive
