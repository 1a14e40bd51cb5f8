"""The lives of one shard, those that wait to begin, and what of them a snapshot must write."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from detectors.contract import NEVER_US, Delta
from detectors.events import Event
from detectors.lives.alive import Alive, Asleep, life_of
from detectors.lives.codec import VERSION, Head, Image, decode_head, decode_image, decode_life, encode
from detectors.lives.life import FAR_US, Life
from detectors.lives.strays import Strays, image_key, image_name, is_chunk


class Kept:
    """What a shard keeps.

    Args:
        life: what the detector knows.
        key_of: what an event is about.

    Attributes:
        lives: by key. strays: events about keys that have no life.
        changed: keys of lives that have changed since the last :meth:`delta`.
        watermark_us: how far time has come.
        counts: what was put aside, by reason.
    """

    def __init__(self, life: Life[Any], key_of: Callable[[Event], str | None]) -> None:
        self._life = life
        self._key_of = key_of
        self.lives: dict[str, Alive | Asleep] = {}
        self.strays = Strays(life.read, key_of)
        self.changed: set[str] = set()
        self.watermark_us = NEVER_US
        self.counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.lives) + len(self.strays)

    def names(self) -> list[str]:
        """Return the names of all images."""
        return [*map(image_name, self.lives), *self.strays.names()]

    def wakes(self) -> list[tuple[int, str]]:
        """Return when which life must be looked at."""
        return [(life.wake_us, life.key) for life in self.lives.values() if life.wake_us < FAR_US]

    def snapshot(self) -> bytes:
        """Return the whole state."""
        lives = [msgspec.Raw(life.image()) for life in self.lives.values()]
        return encode(Image(VERSION, self.watermark_us, self.counts, lives, self.strays.all()))

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
        lives = self.lives
        for key in wanted:
            life = lives.get(key)
            if life is None:
                gone.append(image_name(key))
            else:
                images.append((image_name(key), life.image()))
        return Delta(encode(Head(VERSION, self.watermark_us, self.counts)), images, gone)

    def restore(self, state: bytes) -> None:
        """Take over a state that ``snapshot`` returned.

        Raises:
            SnapshotVersionError: when this code cannot read it.
        """
        found = decode_image(state)
        self._begin(found.watermark_us, found.counts, map(bytes, found.lives))
        self.strays.restore(found.strays)

    def rebuild(self, head: bytes, images: Iterable[bytes]) -> None:
        """Take over the newest head and images of all deltas.

        Raises:
            SnapshotVersionError: when this code cannot read them.
        """
        found = decode_head(head)
        self._begin(found.watermark_us, found.counts, images)

    def _begin(self, watermark_us: int, counts: dict[str, int], images: Iterable[bytes]) -> None:
        self.watermark_us, self.counts = watermark_us, dict(counts)
        self.lives, self.changed, self.strays = {}, set(), Strays(self._life.read, self._key_of)
        for image in images:
            if is_chunk(image):
                self.strays.restore_chunk(image)
            else:
                life = life_of(decode_life(image), self._life.state_type)
                self.lives[life.key] = life
