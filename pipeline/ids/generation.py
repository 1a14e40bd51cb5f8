"""Ids that came while the watermark was in one stretch of time: recent ones whole, older ones in segments.

Sealing turns recent ids that have become many into a segment. It goes on in small steps, so that the flow never stands
still for it: block by block of the changelog (it says in which block each id stands), and the ids stay whole until the
segment is complete.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from detectors.contract import NEVER_US
from pipeline.ids.asked import Asked, Flags, Sources, Uints
from pipeline.ids.changelog import Changelog, Rows, net
from pipeline.ids.recent import Recent
from pipeline.ids.rows import elements, row
from pipeline.ids.segment import Segment, Wanted, merged, slots
from pipeline.ids.sizes import Sizes

Sets = dict[str, set[str]]
"""Ids by source."""
_NONE: frozenset[str] = frozenset()


class Generation:
    """Ids of one stretch of time.

    Args:
        number: the generation's; a later one has a higher one.
        log: where its ids are kept over a restart; without one they all stay whole.
        sizes: how many are dealt with at a time.
        sources: their numbers.

    Attributes:
        newest_us: the newest event time among its ids.
        recent: ids that are held whole.
        sealing: ids that are becoming a segment.
        segments: ids that are no longer recent.
    """

    def __init__(
        self, number: int, log: Changelog | None, sizes: Sizes, sources: Sources, newest_us: int = NEVER_US
    ) -> None:
        self.number = number
        self.newest_us = newest_us
        self.log = log
        self.recent = Recent()
        self.sealing = Recent()
        self.segments: list[Segment] = []
        self._sizes = sizes
        self._sources = sources
        self._blocks: list[tuple[int, int, int]] = []
        """Blocks of the recent ids that are written: number, first and end among them."""
        # Ids that blocks have, and that were taken out again. An id that came anew after that is held whole, or was
        # sealed from a later block, and is not in here any more.
        self._gone: Sets = {}
        self._gone_unwritten: Sets = {}

    @property
    def hot(self) -> int:
        """How many ids are held whole, but for those that become a segment."""
        return self.recent.count

    @property
    def unwritten(self) -> int:
        """How many ids the changelog does not have yet."""
        return 0 if self.log is None else self.recent.count - self.recent.written

    @property
    def length(self) -> int:
        """Bytes of the changelog that hold its ids."""
        return 0 if self.log is None else self.log.length

    def remove(self, source: str, key: str) -> None:
        """Take an id out again; nothing happens where it is not known."""
        asked = self._sources.strings(source, [key])
        number = self.recent.remove(asked)
        if number >= self.recent.written:
            return  # it came and went, and nothing says that it was there
        if number < 0 and self.sealing.remove(asked) < 0:
            known = np.zeros(1, dtype=np.bool_)
            if self.segments:
                self.find(asked, Wanted(asked.hashes), known)
            if not known[0]:
                return
        if self.log is not None:
            self._gone_unwritten.setdefault(source, set()).add(key)

    def write(self) -> None:
        """Append what is new to the changelog. It outlives the process, but not the machine, before :meth:`flush`.

        An id that came and was taken out again before it was written is not written at all.
        """
        if self.log is None or not (self.unwritten or self._gone_unwritten):
            return
        frames: list[Rows] = []
        if self._gone_unwritten:
            gone = [
                row(source, len(ids), elements(sorted(ids)), was_added=False)
                for source, ids in self._gone_unwritten.items()
            ]
            frames.append((gone, sum(map(len, self._gone_unwritten.values()))))
        places = []
        for first in range(self.recent.written, self.recent.count, self._sizes.block):
            end = min(first + self._sizes.block, self.recent.count)
            rows = list(self.recent.rows(first, end, self._sources.names, self._sources.machine))
            if rows:
                places.append((len(frames), first, end))
                frames.append(([content for content, _ in rows], sum([count for _, count in rows])))
        if frames:
            blocks = self.log.append(frames)
            self._blocks += [(blocks[frame], first, end) for frame, first, end in places]
        self.recent.written = self.recent.count
        _add(self._gone, self._gone_unwritten)
        self._gone_unwritten = {}

    def flush(self) -> None:
        """Append what is new to the changelog, durably."""
        self.write()
        if self.log is not None:
            self.log.sync()

    def find(self, asked: Asked, wanted: Wanted, known: Flags) -> None:
        """Mark those of the ids that are among the sealed ones: what a hash finds, its block must prove."""
        if self.log is None:
            return
        for segment in self.segments:
            places, blocks = segment.find(wanted)
            suspects: defaultdict[tuple[int, str], list[tuple[str, int]]] = defaultdict(list)
            for place, block in zip(places, blocks, strict=True):
                source = self._sources.names[asked.sources[place]]
                suspects[block, source].append((asked.key(place), place))
            for (block, source), those in suspects.items():
                there = self.log.ids(block).get(source, _NONE)
                gone = self._gone.get(source, _NONE), self._gone_unwritten.get(source, _NONE)
                for key, place in those:
                    if key in there and key not in gone[0] and key not in gone[1]:
                        known[place] = True

    def seal(self) -> Iterator[int]:
        """Turn the recent ids into a segment, and merge segments where there are many.

        Yields the cost of each step: in the same time, so many ids can be made slots.
        """
        if self.log is None:
            return
        self.write()
        self.log.close_block()
        yield from self._seal()

    def _seal(self) -> Iterator[int]:
        self.sealing, self.recent = self.recent, self.recent.another()
        blocks, self._blocks = self._blocks, []
        parts = []
        for block, first, end in blocks:
            parts.append(self._slots(block, first, end))
            yield len(parts[-1])
        yield from self._collect(parts)
        for source, keys in self._gone.items():
            those = list(keys)
            anew = np.zeros(len(those), dtype=np.bool_)
            self.sealing.find(self._sources.strings(source, those), anew)
            keys.difference_update([those[place] for place in np.flatnonzero(anew).tolist()])
        self.sealing = Recent()
        yield from self._merge()

    def _slots(self, block: int, first: int, end: int) -> Uints:
        """Return the slots of ids of a block, in order."""
        made = slots(self.sealing.hashes.take(self.sealing.alive(first, end)), block)
        made.sort()
        return made

    def _collect(self, parts: list[Uints]) -> Iterator[int]:
        """Make slots, each part of them in order, a segment; yield the cost of each step."""
        if sum(map(len, parts)):
            self.segments.append((yield from merged(parts, self._sizes.step)))

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
        for block, entries in self.log.load(length):
            added, removed = net(entries)
            for source, ids in removed.items():
                for key in ids:
                    self.recent.remove(self._sources.strings(source, [key]))
            _add(self._gone, removed)
            first = self.recent.count
            for source, ids in added.items():
                self.recent.add(self._sources.strings(source, ids), np.arange(len(ids)))
            self._blocks.append((block, first, self.recent.count))
            self.recent.written = self.recent.count
            if self.recent.count >= self._sizes.hot:
                for _ in self._seal():
                    pass
        self.log.close_block()


def _add(sets: Sets, by_source: Mapping[str, Sequence[str] | set[str]]) -> None:
    for source, ids in by_source.items():
        sets.setdefault(source, set()).update(ids)
