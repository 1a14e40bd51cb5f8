"""The cases of one shard, when each must be looked at, and what of them a snapshot has."""

from collections.abc import Iterable
from heapq import heapify

from detectors.contract import NEVER_US, Delta
from detectors.promises.clock import FAR_US
from detectors.promises.codec import (
    decode_case,
    decode_head,
    decode_shard,
    encode_case,
    encode_head,
    encode_shard,
    encode_sleeper,
    image_of,
    sleeper_of,
)
from detectors.promises.parked import Parked
from detectors.promises.plan import Plan, ShardCase
from detectors.promises.sleeper import Sleeper
from detectors.promises.strays import Strays, is_stray

AnyCase = ShardCase | Sleeper | Parked


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
        self._wakes: list[tuple[int, str, str]] = []
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
        for family, strays in self._strays.items():
            gone = strays.pass_time(self._watermark_us)
            self.counts["closed"] += len(gone)
            self._gone += [f"{family}/{key}" for key in gone]

    def __len__(self) -> int:
        return sum(map(len, self._cases.values())) + sum(len(strays) for strays in self._strays.values())

    def keys(self) -> list[str]:
        """Return all keys: family and key of each case."""
        cases = [f"{family}/{key}" for family, cases in self._cases.items() for key in cases]
        return cases + [f"{family}/{key}" for family, strays in self._strays.items() for key in strays.held]

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
        """Return what has changed since the last call, and the keys in ``also``."""
        wanted, self._changed = self._changed, {family: set() for family in self._cases}
        images: list[tuple[str, bytes]] = []
        gone, self._gone = self._gone, []
        for name in also:
            family, _, key = name.partition("/")
            image = self._strays[family].image(key) if family in self._strays else None
            if image is None:
                wanted.setdefault(family, set()).add(key)
            else:
                images.append((name, image))
        for family, strays in self._strays.items():
            images += strays.condense(f"{family}/")
        plan = self._plan.fingerprint
        for family, keys in wanted.items():
            cases = self._cases.get(family, {})
            for key in keys:  # there may be a million: calls cost
                case = cases.get(key)
                if isinstance(case, Sleeper):
                    images.append((f"{family}/{key}", encode_sleeper(family, case, plan)))
                elif case is not None:
                    images.append((f"{family}/{key}", self._image(family, case)))
                elif family not in self._strays or key not in self._strays[family].held:
                    gone.append(f"{family}/{key}")
        return Delta(encode_head(self._watermark_us, self._clock_us, self.counts), images, gone)

    def restore(self, state: bytes) -> None:
        """Take over a state that ``snapshot`` returned.

        Raises:
            SnapshotVersionError: when this code cannot read it.
        """
        image = decode_shard(state)
        self._begin(image.watermark_us, image.clock_us, image.counts)
        for raw in image.cases:
            self._put(bytes(raw))
        heapify(self._wakes)

    def rebuild(self, head: bytes, images: Iterable[bytes]) -> None:
        """Take over the newest head and images of all deltas.

        Raises:
            SnapshotVersionError: when this code cannot read them.
        """
        found = decode_head(head)
        self._begin(found.watermark_us, found.clock_us, found.counts)
        for raw in images:
            self._put(raw)
        heapify(self._wakes)

    def _begin(self, watermark_us: int, clock_us: int, counts: dict[str, int]) -> None:
        self._watermark_us, self._clock_us = watermark_us, clock_us
        self.counts = {**self.counts, **counts}
        self._cases = {family: {} for family in self._plan.specs}
        self._changed = {family: set() for family in self._plan.specs}
        self._begin_strays()
        self._wakes, self._held = [], []

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
            self._wakes.append((case.wake_us, image.family, image.key))
