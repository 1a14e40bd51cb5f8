"""Ids that came while the watermark was in one stretch of time: recent ones in sets, older ones in segments.

Sealing turns a set that has grown large into a segment. It goes on in small steps, so that the flow never stands still
for it: block by block of the changelog (it says in which block each id stands), and the set is used until the segment
is complete, and then emptied bit by bit too.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat, starmap

import numpy as np

from detectors.contract import NEVER_US
from pipeline.ids.changelog import Changelog, Entry, net
from pipeline.ids.segment import Asked, Hash, Segment, Uints, hashes, merged, slots
from pipeline.ids.sizes import Sizes

Sets = dict[str, set[str]]
"""Ids by source."""
_FREED_FOR_ONE = 4
"""As many ids are taken out of a set in the time in which one is read back and made a slot."""
_NONE: frozenset[str] = frozenset()
_Block = tuple[int, dict[str, list[str]], dict[str, list[str]]]
"""Number, ids that it added, ids that it took out of earlier ones."""


class Generation:
    """Ids of one stretch of time.

    Args:
        number: the generation's; a later one has a higher one.
        log: where its ids are kept over a restart; without one they all stay in sets.

    Attributes:
        newest_us: the newest event time among its ids.
        ids: recent ones.
        sealing: ids that are becoming a segment.
        segments: ids that are no longer recent.
        hot: how many are in ``ids``.
    """

    def __init__(
        self, number: int, log: Changelog | None, sizes: Sizes, hash_of: Hash, newest_us: int = NEVER_US
    ) -> None:
        self.number = number
        self.newest_us = newest_us
        self.log = log
        self.ids: Sets = {}
        self.sealing: Sets = {}
        self.segments: list[Segment] = []
        self.hot = 0
        self._sizes = sizes
        self._hash_of = hash_of
        self._unwritten: list[Entry] = []
        self._unwritten_ids = 0
        self._sealed_blocks = 0
        self._hot_blocks: dict[int, list[Entry]] = {}
        """Entries of blocks that are not sealed yet: their strings are in the sets anyway, and have been hashed."""
        # Ids that blocks have, and that were taken out again. An id that came anew after that is in a set, or was
        # sealed from a later block, and is not in here any more.
        self._gone: Sets = {}
        self._gone_unwritten: Sets = {}

    @property
    def unwritten(self) -> int:
        """How many ids the changelog does not have yet."""
        return self._unwritten_ids

    @property
    def length(self) -> int:
        """Bytes of the changelog that hold its ids."""
        return 0 if self.log is None else self.log.length

    def add(self, source: str, ids: list[str]) -> bool:
        """Add ids of which none is known; return whether none of them stands among the others twice."""
        known = self.ids.setdefault(source, set())
        before = len(known)
        known.update(ids)
        added = len(known) - before
        self.hot += added
        distinct = added == len(ids)
        if self.log is not None:
            self._unwritten.append((source, ids if distinct else list(dict.fromkeys(ids)), True))
            self._unwritten_ids += added
        return distinct

    def remove(self, source: str, key: str) -> None:
        """Take an id out again; nothing happens where it is not known."""
        if key in self.ids.get(source, ()):
            self.ids[source].remove(key)
            self.hot -= 1
        elif key in self.sealing.get(source, ()):
            self.sealing[source].remove(key)
        elif not self._has_sealed(source, key):
            return
        if self.log is not None:
            self._unwritten.append((source, [key], False))
            self._gone_unwritten.setdefault(source, set()).add(key)

    def write(self) -> None:
        """Append what is new to the changelog. It outlives the process, but not the machine, before :meth:`flush`.

        An id that came and was taken out again before it was written is not written at all.
        """
        if self.log is None or not self._unwritten:
            return
        entries = self._unwritten
        removed: Mapping[str, list[str]] = {}
        if self._gone_unwritten:
            added, removed = net(entries)
            entries = [(source, ids, False) for source, ids in removed.items()]
            entries += [(source, ids, True) for source, ids in added.items()]
        if entries:
            for block, part in self.log.append(entries):
                self._hot_blocks.setdefault(block, []).extend(part)
        self._unwritten, self._unwritten_ids = [], 0
        self._gone_unwritten = {}
        _add(self._gone, removed)

    def flush(self) -> None:
        """Append what is new to the changelog, durably."""
        self.write()
        if self.log is not None:
            self.log.sync()

    def find(self, wanted: Asked, found: Sets) -> None:
        """Add to ``found`` those of the ids that are among the sealed ones: what a hash finds, its block must prove."""
        if self.log is None:
            return
        for segment in self.segments:
            places, blocks = segment.find(wanted)
            suspects: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
            for place, block in zip(places, blocks, strict=True):
                source, key = wanted.at(place)
                suspects[block, source].append(key)
            for (block, source), ids in suspects.items():
                proven = self.log.ids(block).get(source, _NONE).intersection(ids)
                proven -= self._gone.get(source, _NONE)
                proven -= self._gone_unwritten.get(source, _NONE)
                if proven:
                    found.setdefault(source, set()).update(proven)

    def _has_sealed(self, source: str, key: str) -> bool:
        found: Sets = {}
        if self.segments:
            self.find(Asked({source: [key]}, self._hash_of), found)
        return bool(found)

    def seal(self) -> Iterator[int]:
        """Turn the recent ids into a segment, and merge segments where there are many.

        Yields the cost of each step: in the same time, so many ids can be read back and made slots.
        """
        if self.log is None:
            return
        self.write()
        self.log.close_block()
        self.sealing, self.ids, self.hot = self.ids, {}, 0
        first, self._sealed_blocks = self._sealed_blocks, self.log.blocks
        parts = []
        for block in range(first, self._sealed_blocks):
            entries = self._hot_blocks.pop(block, None)  # none of blocks from before a restart
            added, _ = net(self.log.block(block) if entries is None else entries)
            if self._gone or self._gone_unwritten:
                added = {source: self._still_there(source, ids) for source, ids in added.items()}
            parts.append(self._slots(block, added))
            yield len(parts[-1])
        yield from self._collect(parts)
        old, self.sealing = self.sealing, {}
        for known in old.values():
            while known:
                step = min(len(known), self._sizes.step)
                deque(starmap(known.pop, repeat((), step)), maxlen=0)  # a loop without a step of Python's own
                yield step // _FREED_FOR_ONE
        yield from self._merge()

    def _still_there(self, source: str, ids: Iterable[str]) -> list[str]:
        return list(self.sealing.get(source, _NONE).intersection(ids))

    def _slots(self, block: int, added: Mapping[str, Sequence[str]]) -> Uints:
        """Return the slots of ids of a block, in order."""
        parts = []
        for source, ids in added.items():
            if source in self._gone:
                self._gone[source].difference_update(ids)
            parts.append(slots(hashes(source, ids, self._hash_of), block))
        if not parts:
            return np.empty(0, dtype=np.uint64)
        whole = np.concatenate(parts)
        whole.sort()
        return whole

    def _collect(self, parts: list[Uints]) -> Iterator[int]:
        """Make slots, each part of them in order, a segment; yield the cost of each step."""
        segment = yield from merged(parts, self._sizes.step)
        if len(segment):
            self.segments.append(segment)

    def _merge(self) -> Iterator[int]:
        """Make one segment of many of about one size, and so on upwards; yield the cost of each step."""
        while many := self._many_of_a_size():
            whole = yield from merged([segment.slots for segment in many], self._sizes.step)
            self.segments = [*(segment for segment in self.segments if segment not in many), whole]

    def _many_of_a_size(self) -> list[Segment]:
        sizes = self._sizes
        least, most = 0, sizes.hot * sizes.fan_in
        while least < sizes.largest:
            alike = [segment for segment in self.segments if least <= len(segment) < min(most, sizes.largest)]
            if len(alike) >= sizes.fan_in:
                return alike
            least, most = most, most * sizes.fan_in
        return []

    def load(self, length: int) -> None:
        """Read the changelog up to ``length`` bytes. What comes after them is overwritten.

        Raises:
            ChangelogDamagedError: when it is shorter, or was changed.
        """
        if self.log is None:
            return
        waiting: list[_Block] = []
        count = 0
        for block, entries in self.log.load(length):
            added, removed = net(entries)
            waiting.append((block, added, removed))
            count += sum(map(len, added.values()))
            if count >= self._sizes.hot:
                self._seal_loaded(waiting)
                waiting, count = [], 0
        self.log.close_block()
        self._sealed_blocks = waiting[0][0] if waiting else self.log.blocks
        for _, added, removed in waiting:
            for source, ids in removed.items():
                self.ids.setdefault(source, set()).difference_update(ids)
            _add(self._gone, removed)
            _add(self.ids, added)
        self.hot = sum(map(len, self.ids.values()))

    def _seal_loaded(self, blocks: Sequence[_Block]) -> None:
        parts = []
        for block, added, removed in blocks:
            _add(self._gone, removed)
            parts.append(self._slots(block, added))
        for _ in self._collect(parts):
            pass
        for _ in self._merge():
            pass


def _add(sets: Sets, by_source: Mapping[str, Sequence[str]]) -> None:
    for source, ids in by_source.items():
        sets.setdefault(source, set()).update(ids)
