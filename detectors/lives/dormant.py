"""Beginnings of which nothing comes as long as nothing else is heard: kept as they came, outside of lives.

A case that was closed begins something: a bad answer that follows says that the customer is still unhappy. Most are
followed by nothing, and the most that a customer has is several of them. So what was heard is put into a log, and that
is all. Which of it is about whom is found out when something else is heard of somebody (:meth:`Dormant.index`): then a
life takes what there is of a key, and lives as if it had begun with the first of it. A snapshot writes the log in
chunks, by spans of event time; what nobody has asked for yet is kept as these bytes only.

A life would be over at some time if nothing else came, and begin anew with the next event. So that all the same is
told, it is over here at the same time: :meth:`Dormant.look` is asked when something of a key ceases to count.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import msgspec

from detectors.contract import NEVER_US
from detectors.events import Event
from detectors.lives.alive import MOST_ASLEEP
from detectors.lives.blocks import Block, Held, Ref, fact_of, read_block
from detectors.lives.chunks import SPAN_US, Piece
from detectors.lives.facts import Fact, place_of, plain_steps
from detectors.lives.life import FAR_US
from detectors.lives.shelf import Shelf

OVER = 1
"""What :meth:`Dormant.look` returns of a key of which all is over: no time that anybody looks at."""
_MOST_LOGGED = 2 * 64
_DAY_US = 86_400_000_000


class Chain(msgspec.Struct, gc=False):
    """What is kept of a key.

    Attributes:
        look_us: when the first of it that counts ceases to count, or all of it is over. last_us: time of the last.
    """

    look_us: int
    last_us: int
    held: list[Held]


class Dormant:
    """Beginnings by key, until something else is heard of the key or they count no longer.

    Args:
        read: what is kept of an event.
        count_us: for how long one counts.
        retention_us: for how long what is over may be needed for something late.
        by_case: a second one about the same case changes nothing while the first one counts.

    Attributes:
        log: what came last, in turns the key and the event, or the time of the last event of a key of which nothing
            is kept any more.
        crowded: keys of which there is more than is kept here.
    """

    def __init__(self, read: Callable[[Event], Fact | str], count_us: int, retention_us: int, *, by_case: bool) -> None:
        self._read = read
        self._by_case = by_case
        self._count_us = count_us
        self._retention_us = retention_us
        self.log: list[Any] = []
        self.crowded: list[str] = []
        self._chains: dict[str, Chain] = {}
        self._indexed = 0
        self._has_left = False
        self._over_us = NEVER_US
        self._shelf = Shelf()
        self._until_us = NEVER_US
        self._first_us: int | None = FAR_US

    def __len__(self) -> int:
        """Return how many chunks there are, those that are yet to be written among them."""
        return len(self._shelf) + bool(self.log)

    def names(self) -> list[str]:
        """Return the names of all chunks."""
        return self._shelf.names()

    # -- events by key ------------------------------------------------------------------------------------------------

    def index(self) -> dict[str, Chain]:
        """Return what is kept, by key."""
        if self._indexed < len(self.log) or self._shelf.is_unread:
            self._read_on()
        return self._chains

    def _read_on(self) -> None:
        """Find out about whom is what came since the last time."""
        for piece in self._shelf.unread():
            self._put_piece(piece)
        come = islice(self.log, self._indexed, None)
        for key, event in zip(come, come, strict=True):
            self._put(key, event, event.time_us)
        self._indexed = len(self.log)

    def hold_block(self, block: Block) -> None:
        """Keep events that are packed."""
        if self.log and self._has_left:
            self._write_down()  # what is said there of keys must stand before
        if self._first_us is not None:
            self._first_us = min(self._first_us, int(block.rows.times.min()))
        asked = self._shelf.was_read  # whoever asks will ask again
        for span, some in block.by_span():
            self._shelf.put_block(span, some, is_unread=not asked)
            if asked:
                self._put_block(some)

    def _put_piece(self, piece: Piece) -> None:
        for key, fact in piece.facts():
            self._put(key, fact, fact.at_us)
        if piece.block:
            self._put_block(read_block(piece.block))

    def _put_block(self, block: Block) -> None:
        for (key, ref), at_us in zip(block.refs(), block.rows.times.tolist(), strict=True):
            self._put(key, ref, at_us)

    def _put(self, key: str, one: Held, at_us: int) -> None:
        chain = self._chains.get(key)
        if chain is None:
            self._chains[key] = Chain(at_us + self._count_us, at_us, [one])
            return
        chain.held.append(one)
        chain.look_us = min(chain.look_us, at_us + self._count_us)
        chain.last_us = max(chain.last_us, at_us)
        if len(chain.held) == MOST_ASLEEP:
            self.crowded.append(key)

    def take(self, key: str) -> list[Fact]:
        """Return what is kept of a key, in its order; nothing of it is kept any more."""
        chain = self.index().pop(key, None)
        if chain is None:
            return []
        if chain.last_us >= self._over_us:
            self.log += (key, chain.last_us)
            self._indexed = len(self.log)
            self._has_left = True
        return self._facts(chain)

    def _facts(self, chain: Chain) -> list[Fact]:
        facts = [fact_of(one, self._read) for one in chain.held]
        return sorted((fact for fact in facts if fact is not None), key=place_of)

    def all(self) -> list[tuple[str, list[Fact]]]:
        """Return everything that is kept."""
        return [(key, self._facts(chain)) for key, chain in self.index().items()]

    # -- time ---------------------------------------------------------------------------------------------------------

    def due(self, watermark_us: int) -> list[tuple[int, str]]:
        """Return when to look at which keys: those of which it was not said before and whose time comes soon."""
        if watermark_us <= self._until_us or not len(self):
            return []
        if self._until_us == NEVER_US and self._first_us is not None:
            came_us = (one.time_us for one in self.log[1::2] if not isinstance(one, int))
            self._until_us = min(*came_us, self._first_us, watermark_us) + self._count_us
            if watermark_us <= self._until_us:
                return []
        since_us, soon_us = self._until_us, watermark_us + min(self._count_us, _DAY_US)
        looks = [(chain.look_us, key) for key, chain in self.index().items() if chain.look_us >= since_us]
        # What comes from now on is not older than the watermark.
        later_us = (look_us for look_us, _ in looks if look_us >= soon_us)
        self._until_us = min([watermark_us + self._count_us, *later_us])
        return [look for look in looks if look[0] < soon_us]

    def look(self, key: str, at_us: int, watermark_us: int) -> int | None:
        """Forget what of a key is over.

        Args:
            key: of which something is kept, or not.
            at_us: when it was to be looked at.
            watermark_us: how far time has come.

        Returns:
            When to look again; :data:`~detectors.contract.NEVER_US`: never for this reason; :data:`OVER`: all of it is
            over; None: of two events about one case the second counts only as long as the first does, which only a
            life can follow.
        """
        chain = self.index().get(key)
        if chain is None or chain.look_us != at_us:
            return NEVER_US
        if self._by_case and len({_case_of(one) for one in chain.held}) < len(chain.held):
            return None
        if chain.last_us + max(self._count_us, self._retention_us) < watermark_us:
            self.take(key)
            return OVER
        # So old that nothing that might still come, however late, comes while it counts.
        over_us = watermark_us - self._count_us - self._retention_us
        chain.held = [one for one in chain.held if _time_of(one) >= over_us]
        counting = [until_us for one in chain.held if (until_us := _time_of(one) + self._count_us) >= watermark_us]
        chain.look_us = min(counting, default=chain.last_us + self._retention_us)
        return chain.look_us if chain.look_us < self._until_us else NEVER_US

    def pass_time(self, watermark_us: int) -> None:
        """Write down what came last, and forget what is over whatever may come."""
        # Whole spans, as they are forgotten.
        over_us = (watermark_us - self._count_us - self._retention_us) // SPAN_US * SPAN_US
        self._over_us = over_us
        if len(self.log) > _MOST_LOGGED or (self.log and _time_of(self.log[1]) < over_us):
            self._write_down()
        self._shelf.pass_time(over_us)

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def _write_down(self) -> None:
        """Put what is in the log on the shelf."""
        if self._until_us == NEVER_US:
            self._first_us = None  # when the first of what is written ceases to count is found out with the index
        is_indexed = self._indexed > 0
        if is_indexed:
            self.index()  # whoever asks will ask again, and what was written takes longer to read
        log, keys, events = self.log, self.log[::2], self.log[1::2]
        if not self._has_left:
            times_us = [event.time_us for event in events]
            span = min(times_us) // SPAN_US
            if max(times_us) // SPAN_US == span:
                self._put_down(span, keys, events, is_indexed=is_indexed)
                keys.clear()
        runs: dict[int, tuple[list[str], list[Event]]] = {}
        for key, one in zip(keys, events, strict=False):
            span = (one if isinstance(one, int) else one.time_us) // SPAN_US
            if isinstance(one, int):
                self._put_down(span, *runs.pop(span, ((), ())), is_indexed=True)
                self._shelf.leave(span, key)
            else:
                run = runs.setdefault(span, ([], []))
                run[0].append(key)
                run[1].append(one)
        for span, run in runs.items():
            self._put_down(span, *run, is_indexed=is_indexed)
        log.clear()
        self._indexed, self._has_left = 0, False

    def _put_down(self, span: int, keys: Sequence[str], events: Sequence[Event], *, is_indexed: bool) -> None:
        if keys:
            plain, others = plain_steps(keys, events)
            facts = [(key, fact) for key, event in others if isinstance(fact := self._read(event), Fact)]
            self._shelf.put(span, plain, facts, is_unread=not is_indexed)

    def delta(self, also: Iterable[str] = ()) -> tuple[list[tuple[str, bytes]], list[str]]:
        """Return chunks of what came since the last call, and those in ``also``; and names of those that have gone."""
        if self.log:
            self._write_down()
        if self._shelf.was_read:
            self.index()
        return self._shelf.delta(also)

    def restore(self, images: Iterable[bytes]) -> None:
        """Take over all chunks.

        Raises:
            SnapshotVersionError: when this code cannot read them.
        """
        for chunk in self._shelf.restore(images):
            self._first_us = None  # when the first of it ceases to count may have been said, and may not
            for piece in chunk.pieces:
                if isinstance(piece, str):
                    self._chains.pop(piece, None)
                else:
                    self._put_piece(piece)


def _time_of(one: Held | int) -> int:
    if isinstance(one, Ref):
        return int(one.rows.times[one.place])
    return one if isinstance(one, int) else one.at_us if isinstance(one, Fact) else one.time_us


def _case_of(one: Held) -> str:
    if isinstance(one, Ref):
        return one.rows.case_id(one.place)
    return one.case_id if isinstance(one, Fact) else getattr(one.data, "case_id", "")
