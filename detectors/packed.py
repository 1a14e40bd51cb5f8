"""Plain steps of cases and answers, packed: columns, of which a row becomes an event when somebody asks for it.

Most of what a case detector hears it never needs: that a case was closed of which nothing is known, that somebody was
content. Such events come out of records as columns and stay so, also in snapshots: a tenth of the room that objects
take, and written at once.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from sys import intern
from typing import Any, TypeAlias

import msgspec
import numpy as np

from detectors.columns import Floats, Ints
from detectors.contract import SnapshotVersionError
from detectors.events import EVENT_CLASSES, CaseData, Event, SurveyData, SurveyEvent

_OF_CASES = ("status", "priority", "queue", "service", "region", "channel", "to", "reason")
FIELDS = (*_OF_CASES, "scale")
"""Of the data, as far as they are texts; besides them there are ``case_id`` and :data:`NUMBERS`, and no more."""
NUMBERS = ("sentiment", "score")
"""Of the data, as far as they are numbers."""
TYPES = frozenset({"survey.response", *(name for name in EVENT_CLASSES if name.startswith("crm.case."))})
"""Types of events that can be packed."""
CODES = ("type", "source", *FIELDS)
"""Fields of which a code is kept for each event."""
_EVENTS_A_TEXT = 4
"""With fewer events for each text that there might be, only those are kept that there are."""
_LINE_END = 10
_FIGURE = struct.Struct("<d")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Coded: TypeAlias = tuple[list[str], bytes]
Maker: TypeAlias = Callable[[Ints], Sequence[Event]]
"""Makes events, by their places, which rise, of what they were packed from."""


class _Shape(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How it is written: figures as bytes of little ends first, texts of which each event has its own in lines."""

    times: bytes
    ids: bytes
    cases: bytes
    subjects: bytes
    codes: dict[str, _Coded]
    numbers: dict[str, bytes]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Shape)


class Packed:
    """Some events, in their order. Immutable.

    Args:
        shape: what :meth:`of` or :meth:`read` made.

    Attributes:
        times: of the events, in microseconds.
        maker: a quicker way to make events, as long as there is one: until :meth:`forget`.
    """

    __slots__ = ("_made", "_reader", "_shape", "maker", "times")

    def __init__(self, shape: _Shape) -> None:
        self._shape = shape
        self._reader: _Reader | None = None
        self._made: dict[int, Event] = {}
        self.maker: Maker | None = None
        self.times: Ints = np.frombuffer(shape.times, dtype="<i8")

    @classmethod
    def of(
        cls,
        times: Ints,
        ids: bytes,
        cases: bytes,
        subjects: bytes,
        codes: Mapping[str, tuple[Sequence[str], Ints]],
        numbers: Mapping[str, Floats],
    ) -> "Packed":
        """Pack columns.

        Args:
            times: of the events, in microseconds. There must be some.
            ids: a line each, none at the end; so ``cases`` and ``subjects``. None of them has a line end in it.
            cases: a line each, empty where there is none.
            subjects: a line each, empty where there is none.
            codes: for each of :data:`CODES` its texts, at most 32,767, and which of them each event has, -1 for none.
            numbers: for each of :data:`NUMBERS` that of each event, not a number where there is none.
        """
        known = {name: _coded(texts, found) for name, (texts, found) in codes.items() if int(found.max()) >= 0}
        figures = {name: found.astype("<f8").tobytes() for name, found in numbers.items() if not np.isnan(found).all()}
        return cls(_Shape(times.astype("<i8").tobytes(), ids, cases, subjects, known, figures))

    @classmethod
    def read(cls, image: bytes) -> "Packed":
        """Return what was written.

        Raises:
            SnapshotVersionError: when it cannot be read.
        """
        try:
            return cls(_DECODER.decode(image))
        except msgspec.MsgspecError as error:
            msg = f"packed events cannot be read: {error}"
            raise SnapshotVersionError(msg) from error

    @property
    def image(self) -> bytes:
        """It as bytes, for :meth:`read`."""
        return _ENCODER.encode(self._shape)

    def __len__(self) -> int:
        return len(self.times)

    def events(self, places: Sequence[int]) -> list[Event]:
        """Return some of the events, by their places, which rise.

        As long as there is a :attr:`maker`, they are the same objects each time.
        """
        if self.maker is None:
            return [self.event(place) for place in places]
        made = self._made
        missing = [place for place in places if place not in made]
        if missing:
            made.update(zip(missing, self.maker(np.array(missing, dtype=np.int64)), strict=True))
        return [made[place] for place in places]

    def forget(self) -> None:
        """Keep no events that were asked for, nor the quicker way to make them."""
        self._made.clear()
        self.maker = None

    def event(self, place: int) -> Event:
        """Return one of the events. It is not kept."""
        if self._reader is None:
            self._reader = _Reader(self._shape)
        return self._reader.make(place)

    def some(self, places: Ints) -> "Packed":
        """Return some of the events; there must be some."""
        shape, chosen = self._shape, places.tolist()

        def lines(text: bytes) -> bytes:
            split = text.split(b"\n")
            return b"\n".join([split[place] for place in chosen])

        codes = {
            name: (texts, np.frombuffer(found, dtype="<i2").take(places).tobytes())
            for name, (texts, found) in shape.codes.items()
        }
        numbers = {
            name: np.frombuffer(found, dtype="<f8").take(places).tobytes() for name, found in shape.numbers.items()
        }
        own = lines(shape.ids), lines(shape.cases), lines(shape.subjects)
        return Packed(_Shape(self.times.take(places).tobytes(), *own, codes, numbers))

    def case_id(self, place: int) -> str:
        """Return the case of an event; empty where it names none."""
        if self._reader is None:
            self._reader = _Reader(self._shape)
        return self._reader.cases.line(place)

    def case_ids(self) -> list[str]:
        """Return the cases of all events."""
        return self._shape.cases.decode().split("\n")


class _Lines:
    """Lines of a text, one by one."""

    __slots__ = ("_ends", "_text")

    def __init__(self, text: bytes) -> None:
        ends = np.append(-1, np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _LINE_END))
        # Single figures are read out of a view much faster than out of an array.
        self._ends = np.append(ends, len(text)).astype(np.int32).data
        self._text = text

    def line(self, number: int) -> str:
        """Return a line."""
        ends = self._ends
        return self._text[ends[number] + 1 : ends[number + 1]].decode()


class _Reader:
    """Makes events out of a shape, one by one."""

    __slots__ = ("_answer", "_ids", "_kinds", "_numbers", "_sources", "_steps", "_subjects", "_times", "cases")

    def __init__(self, shape: _Shape) -> None:
        def coded(name: str) -> tuple[list[Any], memoryview] | None:
            texts, codes = shape.codes.get(name, ([], b""))
            # The last of them is found by -1.
            return ([*texts, None], np.frombuffer(codes, dtype="<i2").data) if codes else None

        kinds = coded("type")
        self._kinds = None if kinds is None else ([EVENT_CLASSES[name] for name in kinds[0][:-1]], kinds[1])
        self._sources = coded("source")
        self._steps = [coded(name) for name in _OF_CASES]
        self._answer = [coded(name) for name in ("scale", "service", "region", "channel")]
        self._numbers = [shape.numbers.get(name) for name in NUMBERS]
        self._ids, self.cases, self._subjects = _Lines(shape.ids), _Lines(shape.cases), _Lines(shape.subjects)
        self._times = np.frombuffer(shape.times, dtype="<i8").data

    def make(self, place: int) -> Event:
        """Return an event."""
        kind: Any = self._kinds[0][self._kinds[1][place]] if self._kinds else None
        case_id, time_us = self.cases.line(place), self._times[place]
        mood, score = [_number(figures, place) for figures in self._numbers]
        # By position: names cost a third more.
        data_of: Any
        if kind is SurveyEvent:
            scale, *where = [_text(each, place) for each in self._answer]
            data_of = SurveyData
            data = data_of(score, scale, case_id or None, *where, mood)
        else:
            data_of = CaseData
            data = data_of(case_id, *[_text(each, place) for each in self._steps], None, mood)
        made = kind(
            id=self._ids.line(place),
            source=intern(_text(self._sources, place) or ""),
            time=_EPOCH + timedelta(microseconds=time_us),
            subject=self._subjects.line(place),
            data=data,
        )
        made.time_us = time_us
        event: Event = made
        return event


def _number(figures: bytes | None, place: int) -> float | None:
    if figures is None:
        return None
    found: float = _FIGURE.unpack_from(figures, 8 * place)[0]
    return None if found != found else found  # noqa: PLR0124 - not a number


def _text(coded: tuple[list[Any], memoryview] | None, place: int) -> str | None:
    return None if coded is None else coded[0][coded[1][place]]


def _coded(texts: Sequence[str], codes: Ints) -> _Coded:
    """Return texts and codes to be kept: of many texts only those that are there."""
    if len(texts) * _EVENTS_A_TEXT > len(codes):
        there = np.zeros(len(texts) + 1, dtype=bool)
        there[codes] = True
        there[-1] = False
        kept = np.flatnonzero(there)
        numbers = np.full(len(texts) + 1, -1, dtype=np.int64)
        numbers[kept] = np.arange(len(kept))
        texts, codes = [texts[code] for code in kept.tolist()], numbers[codes]
    return list(texts), codes.astype("<i2").tobytes()
