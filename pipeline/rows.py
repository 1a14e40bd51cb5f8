"""What window detectors read of events that are objects: each event is looked at once for all of them.

A post that three detectors judge is not read three times: what any of them wants of an event is noted when it comes by,
and becomes columns when everything is handed out. Events need not be kept until then.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar, get_type_hints

import numpy as np
import numpy.typing as npt

from detectors.columns import Floats, Ints
from detectors.combine import PaneCombiner
from detectors.events import ALL_CLASSES, Event
from pipeline.columns.fields import TEXTUAL, data_kinds

MOST_TEXTS = 100_000
"""Of all fields together, whose codes are kept from one time to the next."""
_FIRST_GENERATION = -2
"""Those of events that never were objects are 0 and more, and -1 is nobody's."""
_NAMES_OF_SOURCE = frozenset({"source", "feed"})
_Scalar = TypeVar("_Scalar", bound=np.generic)
_source_of = attrgetter("source")


class _Codes(dict[str | None, int]):
    """The codes of the texts of a field: a new text gets the next number, none at all has -1."""

    def __init__(self) -> None:
        super().__init__()
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.clear()
        self.update({None: -1, "": -1})
        self.texts: list[str] = []

    def __missing__(self, text: str) -> int:
        code = self[text] = len(self.texts)
        self.texts.append(text)
        return code


class _Noted:
    """What is noted of the events of one class.

    Args:
        kind: the class.
        combiners: that want its events; there must be one.
        codes: of the fields that are texts.

    Attributes:
        times_us: of the events.
    """

    def __init__(self, kind: Any, combiners: Sequence[PaneCombiner], codes: Mapping[str, _Codes]) -> None:
        self.combiners = combiners
        fields = frozenset[str]().union(*[combiner.fields or () for combiner in combiners])
        there = fields & set(get_type_hints(kind)["data"].__struct_fields__)
        self._names = fields | _NAMES_OF_SOURCE
        self._types = codes.get("type")
        self._type: str = kind.type
        self._code_of_source = codes["source"].__getitem__ if "source" in fields else None
        self._texts = [(name, attrgetter(name), codes[name].__getitem__) for name in sorted(there & codes.keys())]
        self._figures = [(name, attrgetter(name)) for name in sorted(there - codes.keys())]
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.times_us: list[int] = []
        self._type_code = -1
        self._sources: list[int] = []
        self._noted_codes: dict[str, list[int]] = {name: [] for name, _, _ in self._texts}
        self._noted_figures: dict[str, list[float | None]] = {name: [] for name, _ in self._figures}
        self._columns: dict[str, Any] = {}

    def add(self, events: Sequence[Event]) -> Sequence[Event]:
        """Note events; return those that were not noted: labels of theirs may stand for what a detector groups by."""
        datas = [event.data for event in events]
        names = self._names
        left: Sequence[Event] = ()
        # A list is faster here.
        if any([data.labels and not names.isdisjoint(data.labels) for data in datas]):  # noqa: C419
            left = [event for event in events if not names.isdisjoint(event.data.labels)]
            events = [event for event in events if names.isdisjoint(event.data.labels)]
            datas = [event.data for event in events]
        self.times_us += [event.time_us for event in events]
        if self._types is not None:
            self._type_code = self._types[self._type]
        if self._code_of_source is not None:
            self._sources += map(self._code_of_source, map(_source_of, events))
        for name, text_of, code_of in self._texts:
            self._noted_codes[name] += map(code_of, map(text_of, datas))
        for name, figure_of in self._figures:
            self._noted_figures[name] += map(figure_of, datas)
        return left

    def times(self) -> Ints:
        """Return the times of the events."""
        found = self._columns.get("time")
        if found is None:
            found = self._columns["time"] = np.array(self.times_us, dtype=np.int64)
        return found

    def codes(self, field: str) -> Ints:
        """Return the codes of a field."""
        found = self._columns.get(field)
        if found is None:
            if field == "type":
                found = np.full(len(self.times_us), self._type_code, dtype=np.int64)
            else:
                noted = self._sources if field == "source" else self._noted_codes.get(field)
                found = np.array([-1] * len(self.times_us) if noted is None else noted, dtype=np.int64)
            self._columns[field] = found
        return found

    def numbers(self, field: str) -> Floats:
        """Return a field that is a number."""
        found = self._columns.get(field)
        if found is None:
            noted = self._noted_figures.get(field)
            # Not a number where there is none.
            found = np.array([None] * len(self.times_us) if noted is None else noted, dtype=np.float64)
            self._columns[field] = found
        return found


class RowColumns:
    """Noted events as :class:`detectors.columns.Columns`, class by class, each in their order."""

    def __init__(self, noted: Sequence[_Noted], codes: Mapping[str, _Codes], generation: int) -> None:
        self.generation = generation
        self._noted = noted
        self._codes = codes

    def __len__(self) -> int:
        return sum([len(one.times_us) for one in self._noted])

    def times(self) -> Ints:
        """Return the event times in microseconds."""
        return _joined([one.times() for one in self._noted])

    def numbers(self, field: str) -> Floats:
        """Return a field that is a number: not a number where an event has none."""
        return _joined([one.numbers(field) for one in self._noted])

    def codes(self, field: str) -> Ints:
        """Return a field that is text as codes: -1 where it is empty or missing."""
        return _joined([one.codes(field) for one in self._noted])

    def texts(self, field: str) -> Sequence[str]:
        """Return the texts of a field by their codes."""
        return self._codes[field].texts


def by_class(events: Sequence[Event]) -> dict[type, list[Event]]:
    """Return events by their class, each in their order."""
    found: defaultdict[type, list[Event]] = defaultdict(list)
    for event in events:
        found[event.__class__].append(event)
    return found


class Rows:
    """Notes events for combiners.

    Args:
        wanted: combiners that read columns, and the types of the events that each of them wants.
    """

    def __init__(self, wanted: Sequence[tuple[frozenset[str], PaneCombiner]]) -> None:
        kinds = data_kinds()
        fields = frozenset[str]().union(*[combiner.fields or () for _, combiner in wanted])
        texts = [name for name in fields if name in ("source", "type") or kinds[name] in TEXTUAL]
        self._codes = {name: _Codes() for name in texts}
        self._generation = _FIRST_GENERATION
        self._noted: dict[type, _Noted] = {}
        for name, kind in ALL_CLASSES.items():
            combiners = [combiner for types, combiner in wanted if name in types]
            if combiners:
                self._noted[kind] = _Noted(kind, combiners, self._codes)
        self._combiners = [combiner for _, combiner in wanted]

    def add(self, kind: type, events: Sequence[Event]) -> None:
        """Note events of one class for those combiners that want it."""
        noted = self._noted.get(kind)
        if noted is not None:
            left = noted.add(events)
            if left:
                for combiner in noted.combiners:
                    combiner.add(left)

    def give(self) -> None:
        """Give what was noted to the combiners, and forget it."""
        there = [one for one in self._noted.values() if one.times_us]
        if not there:
            return
        for combiner in self._combiners:
            wanted = [one for one in there if combiner in one.combiners]
            if wanted:
                combiner.add_columns(RowColumns(wanted, self._codes, self._generation))
        for one in there:
            one.clear()
        if sum(map(len, self._codes.values())) > MOST_TEXTS:
            self._generation -= 1
            for codes in self._codes.values():
                codes.forget()


def _joined(parts: list[npt.NDArray[_Scalar]]) -> npt.NDArray[_Scalar]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
