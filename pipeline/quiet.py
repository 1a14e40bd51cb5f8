"""Quiet events: what the shards of case detectors get of plain events without one of these being made.

Detectors say of many events at once what they are to somebody of whom nothing is known (:mod:`detectors.quiet`). Those
that are nothing to anybody go no further. Those with which something begins for any detector are made, and go to all.
The others are packed, once for all detectors that want the same of them by the same keys, and spread over the shards
when everything is handed out.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.columns import Floats, Ints
from detectors.contract import CaseDetector
from detectors.events import ALL_CLASSES, Event
from detectors.keys import case_key, customer_key, key_for, survey_key
from detectors.packed import CODES, NUMBERS, TYPES, Packed
from detectors.quiet import DORMANT, NO_USE, SEED, STRAY, Quiet, Quieting
from pipeline.columns.events import EventColumns
from pipeline.columns.fields import type_mask
from pipeline.columns.layout import CASE, SUBJECT

Shards = list[list[Quiet]]
_CASES, _CUSTOMERS = "cases", "customers"
_Mask = npt.NDArray[np.bool_]
_Lines = Callable[[EventColumns], bytes]
_LINES: dict[str, _Lines] = {
    "ids": EventColumns.id_lines,
    _CASES: lambda columns: columns.name_lines(CASE),
    "subjects": lambda columns: columns.name_lines(SUBJECT),
    _CUSTOMERS: EventColumns.customer_lines,
}


class _Watcher:
    """A detector that is told of quiet events, by which keys, and what each shard gets."""

    def __init__(self, name: str, detector: Quieting, keys: str, types: frozenset[str], shards: int) -> None:
        self.name = name
        self.detector = detector
        self.keys = keys
        self.wanted = type_mask(types)
        self.by_shard: Shards = [[] for _ in range(shards)]

    def uses(self, columns: EventColumns, types: Ints) -> Ints:
        """Return what events are to the detector: of no use those that it does not want."""
        wanted = self.wanted.take(types)
        if self.keys == _CASES:
            wanted &= columns.names_of(CASE)
        return self.detector.uses(columns) if wanted.all() else np.where(wanted, self.detector.uses(columns), NO_USE)


class _Part(NamedTuple):
    """Quiet events of one batch: ``uses`` by watcher."""

    columns: EventColumns
    texts: dict[str, Sequence[str]]
    times: Ints
    codes: dict[str, Ints]
    numbers: dict[str, Floats]
    lines: dict[str, bytes]
    uses: list[Ints]


def _keys_of(detector: CaseDetector, name: str) -> str | None:
    """Return by which names of a packed event the detector knows it; None: not by any."""
    key_of = key_for(detector, ALL_CLASSES[name])
    return _CASES if key_of == case_key else _CUSTOMERS if key_of in {customer_key, survey_key} else None


class QuietSpreader:
    """Packs quiet events and spreads them over shards.

    Args:
        detectors: the case detectors.
        shards: how many each of them has.
        others: types of which somebody else wants the events themselves.

    Attributes:
        types: that the detectors want, as far as they come as columns. packed: those of which some may be packed.
    """

    def __init__(self, detectors: Sequence[CaseDetector], shards: int, others: frozenset[str]) -> None:
        self.types = frozenset[str]().union(*(detector.event_types for detector in detectors)) - others
        quiet = self.types
        for detector in detectors:
            loud = detector.event_types - (detector.quiet_types if isinstance(detector, Quieting) else frozenset())
            quiet -= loud | {name for name in detector.event_types & TYPES if _keys_of(detector, name) is None}
        self.packed = quiet & TYPES
        self._loud = ~type_mask(quiet)
        self._shards = shards
        self._watchers: list[_Watcher] = []
        for detector in detectors:
            if not isinstance(detector, Quieting):
                continue
            for keys in (_CASES, _CUSTOMERS):
                own = frozenset(
                    name for name in detector.event_types & quiet if (_keys_of(detector, name) or _CUSTOMERS) == keys
                )
                if own:
                    self._watchers.append(_Watcher(detector.name, detector, keys, own, shards))
        self._lines = {"ids", _CASES, "subjects", *(watcher.keys for watcher in self._watchers)}
        self._parts: list[_Part] = []
        self._given: list[Packed] = []

    def add(self, columns: EventColumns) -> Sequence[Event]:
        """Put quiet events aside; return those plain ones of :attr:`types` with which something may begin."""
        some = columns.plain(self.types)
        if not len(some):
            return ()
        # Who names nobody is known by something else, or by nothing.
        loud = self._loud.take(some.codes("type")) | ~(some.names_of(CASE) | some.names_of(SUBJECT))
        rest = np.flatnonzero(~loud)
        if len(rest):
            loud[rest] = self._put_quiet(some if len(rest) == len(some) else some.at(rest))
        return some.at(np.flatnonzero(loud)) if loud.any() else ()

    def _put_quiet(self, some: EventColumns) -> _Mask:
        """Put those events aside that are quiet; return which are seeds to some detector."""
        types = some.codes("type")
        uses = [watcher.uses(some, types) for watcher in self._watchers]
        seeds: _Mask = np.logical_or.reduce([found == SEED for found in uses])
        quiet = np.logical_or.reduce([found != NO_USE for found in uses]) & ~seeds
        if quiet.any():
            places = np.flatnonzero(quiet)
            self._put(some if len(places) == len(some) else some.at(places), [found.take(places) for found in uses])
        return seeds

    def _put(self, columns: EventColumns, uses: list[Ints]) -> None:
        if self._parts and self._parts[-1].columns.generation != columns.generation:
            self._give()
        # Where texts are numbered anew, other lists take the place of these.
        texts = {name: columns.texts(name) for name in CODES}
        codes = {name: columns.codes(name) for name in CODES}
        lines = {name: _LINES[name](columns) for name in self._lines}
        numbers = {name: columns.numbers(name) for name in NUMBERS}
        self._parts.append(_Part(columns, texts, columns.times(), codes, numbers, lines, uses))

    def take(self) -> Mapping[str, list[Shards]]:
        """Return what was put aside, by detector."""
        for packed in self._given:
            packed.forget()
        self._given = []
        if self._parts:
            self._give()
        found: dict[str, list[Shards]] = {}
        for watcher in self._watchers:
            if any(watcher.by_shard):
                found.setdefault(watcher.name, []).append(watcher.by_shard)
                watcher.by_shard = [[] for _ in range(self._shards)]
        return found

    def _give(self) -> None:
        """Pack what was put aside, and spread it."""
        joined = _Joined(self._parts, self._shards)
        self._parts = []
        for number, watcher in enumerate(self._watchers):
            uses = joined.uses(number)
            for use in (STRAY, DORMANT):
                for shard, keys, packed in joined.packed(watcher.keys, uses == use):
                    watcher.by_shard[shard].append(Quiet(keys, packed, use))
        self._given += joined.made


class _Joined:
    """Parts with the same codes, as one.

    Attributes:
        made: everything that was packed.
    """

    def __init__(self, parts: Sequence[_Part], shards: int) -> None:
        self._parts = parts
        self._shards = shards
        self._begins = np.cumsum([0, *(len(part.times) for part in parts)])
        self._times = np.concatenate([part.times for part in parts])
        self._codes = {name: np.concatenate([part.codes[name] for part in parts]) for name in CODES}
        self._figures = {name: np.concatenate([part.numbers[name] for part in parts]) for name in NUMBERS}
        self._lines = {name: b"\n".join([part.lines[name] for part in parts]) for name in parts[0].lines}
        self._split: dict[str, list[bytes]] = {}
        self._keys: dict[str, list[str]] = {}
        self._numbers: dict[str, Ints] = {}
        self._known: list[tuple[str, _Mask, list[tuple[int, list[str], Packed]]]] = []
        self.made: list[Packed] = []

    def uses(self, number: int) -> Ints:
        """Return what the events are to a watcher."""
        return np.concatenate([part.uses[number] for part in self._parts])

    def packed(self, keys: str, mask: _Mask) -> list[tuple[int, list[str], Packed]]:
        """Return some of the events by shard: keys and events."""
        if not mask.any():
            return []
        for same_keys, same, found in self._known:
            if same_keys == keys and np.array_equal(same, mask):
                return found
        places = np.flatnonzero(mask)
        found = [(shard, *self._pack(keys, those)) for shard, those in self._by_shard(keys, places)]
        self._known.append((keys, mask, found))
        return found

    def _by_shard(self, keys: str, places: Ints) -> list[tuple[int, Ints]]:
        if self._shards == 1:
            return [(0, places)]
        if keys not in self._numbers:
            packer = self._parts[0].columns.packer
            self._numbers[keys] = packer.shards(self._lines[keys], len(self._times), self._shards)
        numbers = self._numbers[keys].take(places)
        order = np.argsort(numbers, kind="stable")
        bounds = np.searchsorted(numbers.take(order), np.arange(self._shards + 1)).tolist()
        return [(shard, places.take(order[a:b])) for shard, (a, b) in enumerate(pairwise(bounds)) if a < b]

    def _pack(self, keys: str, places: Ints) -> tuple[list[str], Packed]:
        whole = len(places) == len(self._times)
        if keys not in self._keys:
            self._keys[keys] = self._lines[keys].decode().split("\n")
        known = self._keys[keys]
        made = Packed.of(
            self._times if whole else self._times.take(places),
            self._some("ids", places, whole=whole),
            self._some(_CASES, places, whole=whole),
            self._some("subjects", places, whole=whole),
            {
                name: (self._parts[-1].texts[name], codes if whole else codes.take(places))
                for name, codes in self._codes.items()
            },
            {name: found if whole else found.take(places) for name, found in self._figures.items()},
        )
        made.maker = partial(self._make, places)
        self.made.append(made)
        return known if whole else [known[place] for place in places.tolist()], made

    def _make(self, places: Ints, chosen: Ints) -> list[Event]:
        """Make events of the records that they were packed from."""
        places = places.take(chosen)
        bounds = np.searchsorted(places, self._begins).tolist()
        made: list[Event] = []
        for part, begin, (first, last) in zip(self._parts, self._begins.tolist(), pairwise(bounds), strict=False):
            if first < last:
                made += part.columns.at(places[first:last] - begin)
        return made

    def _some(self, name: str, places: Ints, *, whole: bool) -> bytes:
        if whole:
            return self._lines[name]
        if name not in self._split:
            self._split[name] = self._lines[name].split(b"\n")
        split = self._split[name]
        return b"\n".join([split[place] for place in places.tolist()])
