"""The lives of one shard, those that wait to begin, and what of them a snapshot must write."""

from collections.abc import Iterable
from heapq import heapify, heappush
from typing import Any

import msgspec

from detectors.contract import NEVER_US, Delta, SnapshotVersionError
from detectors.lives.alive import Alive, Asleep, life_of
from detectors.lives.chunks import BLOCKS, DORMANT, image_key, image_name, kind_of
from detectors.lives.codec import VERSION, Head, Image, Mark, decode_head, decode_image, decode_life, encode
from detectors.lives.dormant import OVER, Dormant
from detectors.lives.facts import Fact
from detectors.lives.life import FAR_US, Life
from detectors.lives.strays import Strays


class Kept:
    """What a shard keeps.

    Args:
        life: what the detector knows.
        mark: by what lives are lived.

    Attributes:
        lives: by key. strays, dormant: events about keys that have no life.
        changed: keys of lives that have changed since the last :meth:`delta`.
        watermark_us: how far time has come.
        counts: what was put aside, by reason.
        wakes: heap of when to look at which key. What no longer holds is recognised when its time comes.
    """

    def __init__(self, life: Life[Any], mark: Mark) -> None:
        self._life = life
        self._mark = mark
        self.lives: dict[str, Alive | Asleep] = {}
        self.strays = Strays(life.read)
        self.dormant = self._new_dormant()
        self.changed: set[str] = set()
        self.watermark_us = NEVER_US
        self.counts: dict[str, int] = {}
        self.wakes: list[tuple[int, str]] = []

    def _new_dormant(self) -> Dormant:
        life = self._life
        return Dormant(life.read, life.dormant_us, life.retention_us, by_case=life.dormant_by_case)

    def __len__(self) -> int:
        return len(self.lives) + len(self.strays) + len(self.dormant)

    def names(self) -> list[str]:
        """Return the names of all images."""
        return [*map(image_name, self.lives), *self.strays.names(), *self.dormant.names()]

    # -- what is known of a key ---------------------------------------------------------------------------------------

    def begin(self, key: str) -> Asleep:
        """Return a new life of what is dormant of a key."""
        life = self.lives[key] = self._asleep(key, self.dormant.take(key))
        if life.wake_us < FAR_US:
            heappush(self.wakes, (life.wake_us, key))
        return life

    def _asleep(self, key: str, facts: list[Fact]) -> Asleep:
        return Asleep(key, facts[0].at_us + self._life.quiet_us if facts else FAR_US, facts)

    def pass_time(self, watermark_us: int) -> None:
        """Let time come to the watermark, and say of what is dormant when to look at it."""
        self.watermark_us = watermark_us
        self.strays.pass_time(watermark_us)
        for look in self.dormant.due(watermark_us):
            heappush(self.wakes, look)
        self.dormant.pass_time(watermark_us)
        crowded, self.dormant.crowded = self.dormant.crowded, []
        for key in crowded:
            if key in self.dormant.index():
                self.begin(key)
                self.changed.add(key)

    def look(self, key: str, at_us: int) -> Asleep | None:
        """Look, at its time, at what is dormant of a key; return a life where only a life can follow it."""
        look_us = self.dormant.look(key, at_us, self.watermark_us)
        if look_us is None:
            life = self.begin(key)
            life.wake_us = at_us
            return life
        if look_us == OVER:
            self.count("closed")
        elif look_us > NEVER_US:
            heappush(self.wakes, (look_us, key))
        return None

    def count(self, what: str) -> None:
        """Count one more of what was put aside."""
        self.counts[what] = self.counts.get(what, 0) + 1

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Return the whole state."""
        lives = [msgspec.Raw(life.image()) for life in self.lives.values()]
        lives += [msgspec.Raw(self._asleep(key, facts).image()) for key, facts in self.dormant.all()]
        return encode(Image(VERSION, self.watermark_us, self.counts, lives, self.strays.all(), self._mark))

    def delta(self, also: Iterable[str] = ()) -> Delta:
        """Return what has changed since the last call, and what is named in ``also``."""
        wanted, self.changed = self.changed, set()
        chunks = []
        for name in also:
            key = image_key(name)
            if key is None:
                chunks.append(name)
            else:
                wanted.add(key)
        images, gone = self.strays.delta(chunks)
        more_images, more_gone = self.dormant.delta(chunks)
        images, gone = images + more_images, gone + more_gone
        lives = self.lives
        for key in wanted:
            life = lives.get(key)
            if life is None:
                gone.append(image_name(key))
            else:
                images.append((image_name(key), life.image()))
        return Delta(encode(Head(VERSION, self.watermark_us, self.counts, self._mark)), images, gone)

    def restore(self, state: bytes) -> None:
        """Take over a state that ``snapshot`` returned.

        Raises:
            SnapshotVersionError: when this code cannot read it.
        """
        found = decode_image(state)
        self._begin(found, map(bytes, found.lives))
        self.strays.restore(found.strays)

    def rebuild(self, head: bytes, images: Iterable[bytes]) -> None:
        """Take over the newest head and images of all deltas.

        Raises:
            SnapshotVersionError: when this code cannot read them.
        """
        found = decode_head(head)
        self._begin(found, images)

    def _begin(self, found: Head | Image, images: Iterable[bytes]) -> None:
        if found.mark.kind not in {"", self._mark.kind}:
            msg = f"a detector of type {found.mark.kind} wrote this; now it has the type {self._mark.kind}"
            raise SnapshotVersionError(msg)
        self.watermark_us, self.counts = found.watermark_us, dict(found.counts)
        self.lives, self.changed, self.strays = {}, set(), Strays(self._life.read)
        self.dormant = self._new_dormant()
        dormant = []
        for image in images:
            kind = kind_of(image)
            if kind is None:
                life = life_of(decode_life(image), self._life.state_type)
                self.lives[life.key] = life
            elif kind is DORMANT:
                dormant.append(image)
            elif kind is BLOCKS:
                self.strays.restore_blocks(image)
            else:
                self.strays.restore_chunk(image)
        self.dormant.restore(dormant)
        if found.mark != self._mark:
            for life in self.lives.values():
                life.wake_us = self._first_look_us(life)
        self.wakes = [(life.wake_us, life.key) for life in self.lives.values() if life.wake_us < FAR_US]
        heapify(self.wakes)

    def _first_look_us(self, life: Alive | Asleep) -> int:
        """Return when to look at a life that was lived by other settings: something may be due earlier now."""
        if isinstance(life, Alive):
            return NEVER_US
        return min(life.wake_us, life.facts[0].at_us + self._life.quiet_us if life.facts else FAR_US)
