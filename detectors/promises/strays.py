"""The first facts of cases that begin no promise, while nothing else is known of their case.

A shard hears of cases that it has not seen begin: they began before there was a shard, or another source tells of
their beginning, later or never. A reply to such a case, or its end, begins no promise; nothing can come of it before
another fact of the case comes. So it takes a place in a dict, and no case: it is in no timetable, and not built when a
promise might have been at risk. With the second fact the case is a sleeper like any other
(:mod:`detectors.promises.sleeper`), which had slept since the first.

Strays are forgotten by spans of event time. A snapshot has of each what it has of a sleeper. Those that come many at a
time stay together, as packed events, also in snapshots (:mod:`detectors.promises.blocks`).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from typing import Any

import numpy as np

from detectors.packed import Packed
from detectors.promises.block_images import Terms
from detectors.promises.blocks import SPAN_US, Blocks
from detectors.promises.codec import asleep_of, decode_case, encode_stray, sleeper_of
from detectors.promises.facts import fact_of
from detectors.promises.plan import Plan
from detectors.promises.positions import hashes_of
from detectors.promises.sleeper import Sleeper, SleepRules


class Strays:
    """The strays of one family.

    Args:
        family: of subjects.
        plan: of the shard.
        rules: of sleep for the family.

    Attributes:
        held: by key, an event until the next snapshot, its image after it. To be looked into, and no more.
        blocks: others that came many at a time.
    """

    def __init__(self, family: str, plan: Plan, rules: SleepRules) -> None:
        self._family = family
        self._plan = plan
        self._rules = rules
        self._keep_us = plan.keep_us[1]  # nothing was begun that could be over
        self.held: dict[str, Any] = {}
        self.blocks = Blocks(Terms(family, plan.fingerprint, rules.earliest_us, self._keep_us), self.hold)
        self._spans: defaultdict[int, dict[str, None]] = defaultdict(dict)  # a key may come to one again
        self._fresh: list[str] = []
        self._until: int | None = None
        self._gone: list[str] = []

    def __len__(self) -> int:
        """Return how many images there are of them, with those that are yet to be written."""
        return len(self.held) + len(self.blocks)

    def __contains__(self, key: str) -> bool:
        """Say whether a key is a stray."""
        return key in self.held or key in self.blocks

    def names(self) -> list[str]:
        """Return the names of all images."""
        return [f"{self._family}/{key}" for key in self.held] + self.blocks.names()

    # -- events and time ----------------------------------------------------------------------------------------------

    def hold(self, key: str, event: Any) -> None:
        """Keep an event of a key that nothing is known of. It must begin nothing: :meth:`SleepRules.begins_nothing`."""
        self.held[key] = event
        self._fresh.append(key)
        self._spans[event.time_us // SPAN_US][key] = None

    def hold_many(self, keys: Sequence[str], rows: Packed, known: Sequence[Set[str]], since_us: int) -> list[int]:
        """Keep those events of keys that nothing is known of; return the places of the others.

        Of several of a key the first is kept, and none where one of them is early. All must be such as for
        :meth:`hold`, of steps of which nothing is kept about whom the case is.

        Args:
            keys: of the events.
            rows: the events.
            known: keys of which more is known than of strays.
            since_us: what happened before is not kept.
        """
        hashes = hashes_of(keys)
        others = self.blocks.unkept(hashes)
        unkept: set[str] = set()
        for those in (self.held.keys(), *known):
            if not those.isdisjoint(keys):
                unkept |= those & set(keys)
        if int(rows.times.min()) < since_us:
            unkept.update([keys[place] for place in np.flatnonzero(rows.times < since_us).tolist()])
        if unkept:
            others.update([place for place, key in enumerate(keys) if key in unkept])
        left = sorted(others)
        self.blocks.add(keys, hashes, rows, left)
        return left

    def take(self, key: str, watermark_us: int) -> Sleeper | None:
        """Return the case of a stray, which is none any more; None: it was to be forgotten already."""
        held = self.held.pop(key, None)
        if isinstance(held, bytes):
            image = decode_case(held)
            sleeper = sleeper_of(image, asleep_of(image), self._rules, self._plan)
        else:
            event: Any = self.blocks.take(key) if held is None else held
            sleeper = Sleeper.until(event.time_us + self._rules.earliest_us, key)
            sleeper.add(fact_of(event, self._plan.infos[event.__class__]), self._rules, self._plan.retention_us)
        if held is not None:
            self._leave(sleeper.last_us // SPAN_US, key)
        return None if sleeper.last_us + self._keep_us < watermark_us else sleeper

    def _leave(self, span: int, key: str) -> None:
        """Take a key out of its span, which may be a year away."""
        keys = self._spans.get(span)
        if keys is not None:
            keys.pop(key, None)
            if not keys:
                del self._spans[span]

    def pass_time(self, watermark_us: int) -> int:
        """Forget what is kept for long enough; return how many it was."""
        until = (watermark_us - self._keep_us) // SPAN_US  # every event of an earlier span is older
        if until == self._until:
            return 0
        self._until = until
        gone: list[str] = []
        for span in [span for span in self._spans if span < until]:
            gone += [key for key in self._spans.pop(span) if self._is_of(key, span)]
        for key in gone:
            del self.held[key]
        self._gone += [f"{self._family}/{key}" for key in gone]
        return len(gone) + self.blocks.pass_time(until)

    def _is_of(self, key: str, span: int) -> bool:
        """Say whether what is held of a key is of a span: it may have come again since."""
        held = self.held.get(key)
        if held is None:
            return False
        at_us: int = asleep_of(decode_case(held)).last_us if isinstance(held, bytes) else held.time_us
        return at_us // SPAN_US == span

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def condense(self) -> list[tuple[str, bytes]]:
        """Return images of those that came one by one since the last call, with names, and keep no events of them."""
        held, fresh = self.held, self._fresh
        self._fresh = []
        images: list[tuple[str, bytes]] = []
        for key in fresh:
            event = held.get(key)
            if event is not None and not isinstance(event, bytes):
                held[key] = image = self._image(key, event)
                images.append((f"{self._family}/{key}", image))
        return images

    def _image(self, key: str, event: Any) -> bytes:
        fact = fact_of(event, self._plan.infos[event.__class__])
        ended, settled = self._rules.plain[fact.step][1], False
        if fact.status is not None:
            by_status = self._rules.ends_by_status(fact.status)
            ended, settled = ended | by_status, by_status != 0
        return encode_stray(self.blocks.terms, key, fact, ended, settled=settled)

    def images(self) -> Iterator[bytes]:
        """Yield the images of all, one for each case."""
        self.condense()
        yield from self.held.values()
        for key, event in self.blocks.events():
            yield self._image(key, event)

    def image(self, key: str) -> bytes | None:
        """Return the image of a stray that a snapshot has had already; None: there is none."""
        held = self.held.get(key)
        return held if isinstance(held, bytes) else None

    def take_gone(self) -> list[str]:
        """Return the names of images that are not needed any more, since the last call."""
        gone = self._gone + self.blocks.gone
        self._gone, self.blocks.gone = [], []
        return gone

    def restore(self, key: str, at_us: int, image: bytes) -> None:
        """Take over a stray."""
        self.held[key] = image
        self._spans[at_us // SPAN_US][key] = None
