"""Drops repeats: events of the same ``source``, ``id`` and ``rev`` within a horizon of event time.

Answers are exact: no false repeats, and none forgotten. Ids are kept in generations, and a generation is forgotten once
the watermark is more than ``horizon`` past the newest event in it: what could still repeat it is then older than the
horizon, and the caller turns that away unseen.

Snapshots would grow with every id ever seen; so ids are appended to a changelog file a generation, and a snapshot is
only the lengths of those files. Restoring reads the files up to the snapshot's length and cuts off what came after it.

In memory, the last 250,000 ids are held whole; older ones take 12 bytes each, and are proved against the changelog
(ADR 0008).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from detectors.contract import NEVER_US
from detectors.events import Event
from pipeline.columns.events import EventColumns
from pipeline.ids.asked import Hash, Sources, key_of
from pipeline.ids.changelog import Changelog, ChangelogDamagedError
from pipeline.ids.generation import Generation
from pipeline.ids.segment import Wanted
from pipeline.ids.sizes import Sizes

__all__ = ["ChangelogDamagedError", "Deduplicator", "Sizes"]

_State = tuple[int, list[tuple[int, int, int]]]
_SNAPSHOTS_KEPT = 2
"""The engine resumes from its last committed epoch, which may be the one before the last snapshot."""
_WORK_AN_ID = 4
"""What may be done for each event. To seal an id costs less than 2 in all, merging included: work catches up."""
_GENERATIONS = 4
"""In a horizon: ids are held for up to a horizon and a quarter, and not for two."""
_DEFAULT_SIZES = Sizes()


class Deduplicator:
    """Remembers which events have come.

    Args:
        horizon_us: how far behind the watermark a repeat is still recognised.
        folder: where the changelog lives; None keeps nothing over a restart, and all ids whole in memory.
        sizes: how many ids are dealt with at a time.
        hash_of: of strings; never stored, and answers do not depend on it.
    """

    def __init__(
        self, horizon_us: int, folder: Path | None = None, *, sizes: Sizes = _DEFAULT_SIZES, hash_of: Hash = hash
    ) -> None:
        self.horizon_us = horizon_us
        self._folder = folder
        self._sizes = sizes
        self._sources = Sources(hash_of)
        self._current = self._generation(0)
        self._older: list[Generation] = []
        self._rotate_at_us = NEVER_US
        # Changelogs of forgotten generations: since the last snapshot, between it and the one before, ...
        self._forgotten: list[list[Path]] = [[] for _ in range(_SNAPSHOTS_KEPT + 1)]
        self._work: tuple[Generation, Iterator[int]] | None = None
        self._seen = 0
        """Events since work on the memory was last done."""
        self._look()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def fresh(self, events: Sequence[Event], newest_us: int) -> Sequence[Event]:
        """Return the events that have not come before, in their order, and remember them.

        Args:
            events: of one micro-batch.
            newest_us: the largest event time among them, or anything later.

        Raises:
            ChangelogDamagedError: when the changelog is needed to tell, and was changed from outside.
        """
        self._seen += len(events)
        self._current.newest_us = max(self._current.newest_us, newest_us)
        if not events:
            return events
        asked = self._sources.spans(events.ids()) if isinstance(events, EventColumns) else self._sources.events(events)
        known = np.zeros(len(events), dtype=np.bool_)
        if self._with_segments:
            wanted = Wanted(asked.hashes)
            for generation in self._with_segments:
                generation.find(asked, wanted, known)
        for recent in self._others:
            recent.find(asked, known)
        self._current.recent.take(asked, known)
        if not known.any():
            return events
        new = np.flatnonzero(~known)
        return events.at(new) if isinstance(events, EventColumns) else [events[place] for place in new.tolist()]

    def forget(self, event: Event) -> None:
        """Take an event out again that :meth:`fresh` has just remembered: it was turned away, and may be sent anew."""
        self._current.remove(event.source, key_of(event))

    def advance(self, watermark_us: int) -> None:
        """Let time pass: ids whose repeats would be turned away unseen are forgotten. Call it once after each batch.

        Raises:
            OSError: when ids cannot be written to the changelog.
            ChangelogDamagedError: when what was written there is not there any more.
        """
        if watermark_us != NEVER_US:
            self._pass_time(watermark_us)
        if self._folder is not None:
            self._tidy()

    def _pass_time(self, watermark_us: int) -> None:
        rotate_at_us = watermark_us + max(1, self.horizon_us // _GENERATIONS)
        if self._rotate_at_us == NEVER_US:
            self._rotate_at_us = rotate_at_us
        elif watermark_us >= self._rotate_at_us:
            self._rotate_at_us = rotate_at_us
            self._current.flush()
            self._older.append(self._current)
            self._current = self._generation(self._current.number + 1)
            kept = [gen for gen in self._older if watermark_us <= gen.newest_us + self.horizon_us]
            dropped = [gen for gen in self._older if gen not in kept]
            self._forgotten[0] += [gen.log.path for gen in dropped if gen.log is not None]
            self._older = kept
            if self._work is not None and self._work[0] in dropped:
                self._work = None
            self._look()
            self._sources.renumber([recent.used_sources for recent in self._others])

    def _tidy(self) -> None:
        """Write what waits to be written, and seal ids where there are many: a little of it, in measure with events."""
        budget = max(self._sizes.step, _WORK_AN_ID * self._seen)
        self._seen = 0
        if self._current.unwritten >= self._sizes.spill:
            self._current.write()
        if self._work is None:
            generations = [*self._older, self._current]
            if sum([generation.hot for generation in generations]) <= self._sizes.hot:
                return
            oldest = next(generation for generation in generations if generation.hot)
            self._work = oldest, oldest.seal()
        _, steps = self._work
        for done in steps:
            budget -= done
            if budget <= 0:
                break
        else:
            self._work = None
        self._look()

    def _look(self) -> None:
        """Gather where ids are looked for."""
        generations = (self._current, *self._older)
        recents = [recent for gen in generations for recent in (gen.recent, gen.sealing)]
        self._others = [recent for recent in recents if recent.count and recent is not self._current.recent]
        self._with_segments = [gen for gen in generations if gen.segments]

    def _generation(self, number: int, newest_us: int = NEVER_US) -> Generation:
        log = None
        if self._folder is not None:
            log = Changelog(self._folder / f"seen-{number:08d}.log", self._sizes.block, self._sizes.cached)
        return Generation(number, log, self._sizes, self._sources, newest_us)

    def snapshot(self) -> _State:
        """Make the changelog durable and return its lengths: plain data for :meth:`restore`."""
        generations = [*self._older, self._current]
        for generation in generations:
            generation.flush()
        for path in self._forgotten.pop():
            path.unlink(missing_ok=True)
        self._forgotten.insert(0, [])
        return self._rotate_at_us, [(gen.number, gen.length, gen.newest_us) for gen in generations]

    def restore(self, state: object) -> None:
        """Take over what :meth:`snapshot` returned. Files of a run that was not committed are removed.

        Raises:
            ChangelogDamagedError: when the changelog does not reach as far as the snapshot says.
        """
        self._rotate_at_us, rows = msgspec.convert(state, type=_State)
        generations = []
        for number, length, newest_us in rows:
            generations.append(self._generation(number, newest_us))
            generations[-1].load(length)
        *self._older, self._current = generations
        self._work = None
        self._look()
        if self._folder is not None:
            ours = {generation.log.path for generation in generations if generation.log is not None}
            for path in set(self._folder.glob("seen-*.log")) - ours:
                path.unlink()
