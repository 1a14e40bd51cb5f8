"""The cases of one shard, when each must be looked at, and what of them a snapshot has."""

from collections.abc import Iterable, Sequence, Set
from typing import Any

import msgspec

from detectors.contract import NEVER_US, Delta
from detectors.events import Event
from detectors.promises.block_images import Written, is_name_of_blocks, is_of_blocks, read_blocks
from detectors.promises.blocks import Block
from detectors.promises.clock import FAR_US
from detectors.promises.codec import (
    decode_case,
    decode_head,
    decode_shard,
    encode_case,
    encode_head,
    encode_shard,
    encode_sleeper,
    encode_stray,
    image_of,
    is_stray,
    sleeper_of,
)
from detectors.promises.facts import fact_of
from detectors.promises.parked import Parked
from detectors.promises.plan import Plan, ShardCase
from detectors.promises.sleeper import Sleeper
from detectors.promises.strays import Strays
from detectors.promises.timetable import Timetable
from detectors.quiet import Quiet

AnyCase = ShardCase | Sleeper | Parked
_CASE = "case"
"""The family that packed events are about."""


class KeptCases:
    """What a shard keeps.

    Attributes:
        counts: what was put aside: ``quarantined`` (recorded before they happened), ``dropped`` (too late for a case
            that is no longer kept), ``late``, and ``closed`` (cases that are no longer kept).
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._cases: dict[str, dict[str, AnyCase]] = {family: {} for family in plan.specs}
        self._changed: dict[str, set[str]] = {family: set() for family in plan.specs}
        self._begin_strays()
        self._wakes = Timetable(self._cases)
        self._held: list[tuple[int, str, str]] = []
        self._watermark_us = self._clock_us = self._known_us = NEVER_US
        self.counts = {"quarantined": 0, "dropped": 0, "late": 0, "closed": 0}

    def _begin_strays(self) -> None:
        plan = self._plan
        self._strays = {
            family: Strays(family, plan, rules) for family, rules in plan.rules.items() if rules is not None
        }
        self._gone: list[str] = []

    def _forget_strays(self) -> None:
        for strays in self._strays.values():
            self.counts["closed"] += strays.pass_time(self._watermark_us)

    def take_quiet(self, quiet: Quiet, coming: Set[str]) -> list[Event]:
        """Keep those events whose cases nothing is known of; return the others: they are to be given to ``update``."""
        strays, rows = self._strays.get(_CASE), quiet.rows
        others: Sequence[int] = range(len(rows))
        if strays is not None:
            others = strays.hold_many(quiet.keys, rows, (self._cases[_CASE].keys(), coming), self._watermark_us)
        return rows.events(others)

    def __len__(self) -> int:
        """Return how many images there are: of a case, of a block of strays, of a piece of one."""
        return sum(map(len, self._cases.values())) + sum(len(strays) for strays in self._strays.values())

    def keys(self) -> list[str]:
        """Return the names of all images: of a case, its family and key."""
        cases = [f"{family}/{key}" for family, cases in self._cases.items() for key in cases]
        return cases + [name for strays in self._strays.values() for name in strays.names()]

    def snapshot(self) -> bytes:
        """Return the whole state."""
        images = [self._image(family, case) for family, cases in self._cases.items() for case in cases.values()]
        images += [image for strays in self._strays.values() for image in strays.images()]
        return encode_shard(self._watermark_us, self._clock_us, self.counts, images)

    def _image(self, family: str, case: AnyCase) -> bytes:
        if isinstance(case, Sleeper):
            return encode_sleeper(family, case, self._plan.fingerprint)
        return case.image if isinstance(case, Parked) else encode_case(image_of(family, case))

    def delta(self, also: Iterable[str] = ()) -> Delta:
        """Return what has changed since the last call, and the images named in ``also``."""
        wanted, self._changed = self._changed, {family: set() for family in self._cases}
        images: list[tuple[str, bytes]] = []
        gone, self._gone = self._gone, []
        blocks: list[str] = []
        for name in also:
            if is_name_of_blocks(name):
                blocks.append(name)
                continue
            family, _, key = name.partition("/")
            image = self._strays[family].image(key) if family in self._strays else None
            if image is None:
                wanted.setdefault(family, set()).add(key)
            else:
                images.append((name, image))
        for strays in self._strays.values():
            images += strays.condense()
            images += strays.blocks.delta(blocks)
            gone += strays.take_gone()
        plan = self._plan.fingerprint
        for family, keys in wanted.items():
            cases = self._cases.get(family, {})
            for key in keys:  # there may be a million: calls cost
                case = cases.get(key)
                if isinstance(case, Sleeper):
                    images.append((f"{family}/{key}", encode_sleeper(family, case, plan)))
                elif case is not None:
                    images.append((f"{family}/{key}", self._image(family, case)))
                elif family not in self._strays or self._strays[family].image(key) is None:
                    gone.append(f"{family}/{key}")
        has_blocks = any(len(strays.blocks) for strays in self._strays.values())
        return Delta(encode_head(self._watermark_us, self._clock_us, self.counts, blocks=has_blocks), images, gone)

    def restore(self, state: bytes) -> None:
        """Take over a state that ``snapshot`` returned.

        Raises:
            SnapshotVersionError: when this code cannot read it.
        """
        image = decode_shard(state)
        self._begin(image.watermark_us, image.clock_us, image.counts)
        for raw in image.cases:
            self._put(bytes(raw))

    def rebuild(self, head: bytes, images: Iterable[bytes]) -> None:
        """Take over the newest head and images of all deltas.

        Raises:
            SnapshotVersionError: when this code cannot read them.
        """
        found = decode_head(head)
        self._begin(found.watermark_us, found.clock_us, found.counts)
        blocks: list[bytes] = []
        for raw in images:
            if is_of_blocks(raw):
                blocks.append(raw)
            else:
                self._put(raw)
        for block in read_blocks(blocks):
            self._put_block(block)

    def _begin(self, watermark_us: int, clock_us: int, counts: dict[str, int]) -> None:
        self._watermark_us, self._clock_us = watermark_us, clock_us
        self.counts = {**self.counts, **counts}
        self._cases = {family: {} for family in self._plan.specs}
        self._changed = {family: set() for family in self._plan.specs}
        self._begin_strays()
        self._wakes, self._held = Timetable(self._cases), []

    def _put(self, raw: bytes) -> None:
        """Take over a case."""
        image = decode_case(raw)
        if image.family not in self._plan.specs:
            return  # promises about such subjects are no longer in the settings
        rules = self._plan.rules.get(image.family)
        asleep = image.asleep
        if rules is not None and asleep is not None and is_stray(asleep, self._plan):
            self._strays[image.family].restore(image.key, asleep.last_us, raw)
            return
        case: AnyCase
        if asleep is not None and rules is not None:
            case = sleeper_of(image, asleep, rules, self._plan)
        elif asleep is not None:
            # It slept by promises that are no longer in the settings.
            case = Parked(encode_case(image._replace(asleep=None)), image.wake_us)
        else:
            case = Parked(raw, image.wake_us)
        self._cases[image.family][image.key] = case
        if case.wake_us < FAR_US:
            self._wakes.add(case.wake_us, image.family, image.key)

    def _put_block(self, block: Written) -> None:
        """Take over strays that came many at a time."""
        family, terms, plan = block.terms.family, block.terms, self._plan
        strays = self._strays.get(family)
        if strays is not None and terms.plan == plan.fingerprint:
            strays.blocks.restore(block, self._watermark_us)
        elif family in plan.specs:  # other promises may have begun with these
            for place in Block.of(block, self._watermark_us).places().tolist():
                event: Any = block.rows.event(place)
                info = msgspec.structs.replace(plan.infos[event.__class__], keeps_about=False)
                key = event.data.case_id
                self._put(encode_stray(terms, key, fact_of(event, info)))
                self._changed[family].add(key)
            self._gone += block.names
