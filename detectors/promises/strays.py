"""The first facts of cases that begin no promise, while nothing else is known of their case.

A shard hears of cases that it has not seen begin: they began before there was a shard, or another source tells of
their beginning, later or never. A reply to such a case, or its end, begins no promise; nothing can come of it before
another fact of the case comes. So it takes a place in a dict, and no case: not in the heap, not built when a promise
might have been at risk. With the second fact the case is a sleeper like any other
(:mod:`detectors.promises.sleeper`), which had slept since the first.

Strays are forgotten by spans of event time. A snapshot has of each what it has of a sleeper.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from detectors.promises.codec import AsleepImage, CaseImage, decode_case, sleeper_of
from detectors.promises.facts import fact_of
from detectors.promises.plan import Plan
from detectors.promises.sleeper import Sleeper, SleepRules

SPAN_US = 3_600_000_000
"""A key is remembered for so much longer at most than it must be: no answer depends on it."""
_ENCODER = msgspec.msgpack.Encoder()


def asleep_of(image: CaseImage) -> AsleepImage:
    """Return what the image of a stray knows besides its fact."""
    if image.asleep is None:
        msg = f"{image.key} is no stray: it does not sleep"
        raise ValueError(msg)
    return image.asleep


def is_stray(asleep: AsleepImage, plan: Plan) -> bool:
    """Say whether a case that sleeps by these promises is no more than one fact that begins none of them."""
    return asleep.plan == plan.fingerprint and asleep.facts == 1 and asleep.begun == 0


class Strays:
    """The strays of one family.

    Args:
        family: of subjects.
        plan: of the shard.
        rules: of sleep for the family.

    Attributes:
        held: by key, an event until the next snapshot, its image after it. To be looked into, and no more.
    """

    def __init__(self, family: str, plan: Plan, rules: SleepRules) -> None:
        self._family = family
        self._plan = plan
        self._rules = rules
        self._keep_us = plan.keep_us[1]  # nothing was begun that could be over
        self.held: dict[str, Any] = {}
        self._spans: defaultdict[int, dict[str, None]] = defaultdict(dict)  # a key may come to one again
        self._fresh: list[str] = []
        self._until: int | None = None

    def __len__(self) -> int:
        return len(self.held)

    # -- events and time ----------------------------------------------------------------------------------------------

    def hold(self, key: str, event: Any) -> None:
        """Keep an event of a key that nothing is known of. It must begin nothing: :meth:`SleepRules.begins_nothing`."""
        self.held[key] = event
        self._fresh.append(key)
        self._spans[event.time_us // SPAN_US][key] = None

    def take(self, key: str, watermark_us: int) -> Sleeper | None:
        """Return the case of a stray, which is none any more; None: it was to be forgotten already."""
        held = self.held.pop(key)
        if isinstance(held, bytes):
            image = decode_case(held)
            sleeper = sleeper_of(image, asleep_of(image), self._rules, self._plan)
        else:
            sleeper = Sleeper(key, held.time_us + self._rules.earliest_us)
            sleeper.add(fact_of(held, self._plan.infos[held.__class__]), self._rules, self._plan.retention_us)
        return None if sleeper.last_us + self._keep_us < watermark_us else sleeper

    def pass_time(self, watermark_us: int) -> list[str]:
        """Forget what is kept for long enough; return the keys."""
        until = (watermark_us - self._keep_us) // SPAN_US  # every event of an earlier span is older
        if until == self._until:
            return []
        self._until = until
        gone: list[str] = []
        for span in [span for span in self._spans if span < until]:
            gone += [key for key in self._spans.pop(span) if self._is_of(key, span)]
        for key in gone:
            del self.held[key]
        return gone

    def _is_of(self, key: str, span: int) -> bool:
        """Say whether what is held of a key is of a span: it may have come again since."""
        held = self.held.get(key)
        if held is None:
            return False
        at_us: int = asleep_of(decode_case(held)).last_us if isinstance(held, bytes) else held.time_us
        return at_us // SPAN_US == span

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def condense(self, prefix: str = "") -> list[tuple[str, bytes]]:
        """Return the images of what came since the last call, by ``prefix`` and key, and keep no events of them."""
        held, fresh = self.held, self._fresh
        self._fresh = []
        infos, rules, plan = self._plan.infos, self._rules, self._plan.fingerprint
        family, earliest_us, encode = self._family, self._rules.earliest_us, _ENCODER.encode
        images: list[tuple[str, bytes]] = []
        for key in fresh:  # in one loop: calls cost
            event = held.get(key)
            if event is None or isinstance(event, bytes):
                continue
            fact = fact_of(event, infos[event.__class__])
            at_us, ended, settled = fact.at_us, rules.plain[fact.step][1], False
            if fact.status is not None:
                by_status = rules.ends_by_status(fact.status)
                ended, settled = ended | by_status, by_status != 0
            safe_until_us = at_us + earliest_us
            asleep = (plan, 1, at_us, safe_until_us, 0, 0, ended, settled, False)
            image = held[key] = encode((family, key, safe_until_us, (fact,), (), asleep))
            images.append((prefix + key, image))
        return images

    def images(self) -> Iterator[bytes]:
        """Yield the images of all."""
        self.condense()
        yield from self.held.values()

    def image(self, key: str) -> bytes | None:
        """Return the image of a stray that a snapshot has had already; None: there is none."""
        held = self.held.get(key)
        return held if isinstance(held, bytes) else None

    def restore(self, key: str, at_us: int, image: bytes) -> None:
        """Take over a stray."""
        self.held[key] = image
        self._spans[at_us // SPAN_US][key] = None
