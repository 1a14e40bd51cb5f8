"""One p-value for a window out of several views of it, and the memory that makes it keep its word.

Each view (a share, a mean, a number) gives a p-value by its own model; the *shift* view adds up what the first view has
said lately, so that something slow is seen which is in no single window. Each of these is read off what the same view
has said of all groups lately (:mod:`detectors.models.pool`), the smallest counts, times the number of views
(Bonferroni: valid whatever the views have in common), and that is read off its own past once more, because views of
the same events say much the same and Bonferroni gives away up to half.
"""

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from statistics import NormalDist
from typing import Any

import msgspec

from detectors.assembler import ClosedWindow
from detectors.contract import Evidence
from detectors.models.pool import PooledTail, PoolState, read_off
from detectors.models.regime import KEEPS, Regimes, RegimeState
from detectors.models.tails import SMALLEST, any_of
from detectors.models.views import Lever, View, ViewScore
from detectors.panes import Group
from detectors.window_state import Score

SHIFT, JOINT = "shift", "together"
"""Views that are made of the others: of the last windows, and of all views of this one."""
SHIFT_SHARE = 0.25
"""How much of the shift is the newest window."""
_SHIFT_SD = math.sqrt(SHIFT_SHARE / (2.0 - SHIFT_SHARE))
_MOST_Z = 5.0
_LEAST_P = 1e-6
_LONG_WINDOWS = 8
"""Lengths of a window after which a group that has been unusual all the time is no longer learned from by the pools."""
_MOST_DOUBT = 5.0
"""How many times rarer the views together may be called than their past, already read once, bears out."""
_NORMAL = NormalDist()
_FORMAT = 2
_TAIL = struct.Struct("<5f")
MayFire = Callable[[ClosedWindow, dict[str, ViewScore], tuple[Any, ...]], bool]
Reading = Callable[[float], float]
"""Makes a p-value of a score, ``-log10`` of what a model said."""


class _State(msgspec.Struct, array_like=True, frozen=True):
    version: int
    names: list[str]
    views: list[bytes]
    pools: list[PoolState]
    shifts: list[tuple[Group, float]]
    unusual: list[tuple[Group, int]]
    regimes: RegimeState


_DECODER = msgspec.msgpack.Decoder(_State)


class ViewsScorer:
    """The models of one window detector, for all its groups.

    Args:
        views: the first one is what alerts tell first; its history says whether a group has warmed up.
        warm_up: how many windows' worth of data a group needs before it may alert.
        shift: whether to look for what is slow, too.
        joint: whether to add up what all views say, too: several of them a little off are more than one.
        regimes: notices that a group's normal has moved; None: nobody does.
        series: makes a view out of the first one that looks at its number as a series; None: there is none.
        may_fire: asked with the window, the views' scores and what was expected of it, in the order of the views; what
            is not bad enough to tell a person of is not an alert, however unusual. None: everything may.
        patient: whether even overwhelming evidence waits until a group has warmed up.
    """

    def __init__(
        self,
        views: Sequence[View],
        *,
        warm_up: float,
        shift: bool = True,
        joint: bool = False,
        regimes: Regimes | None = None,
        series: Callable[[View], View] | None = None,
        may_fire: MayFire | None = None,
        patient: bool = False,
    ) -> None:
        self._views = [*views, series(views[0])] if series is not None else list(views)
        self._warm_up = warm_up
        self._shift = shift
        self._joint = joint
        self._regimes = regimes
        self._may_fire = may_fire
        self._patient = patient
        self._names = [view.name for view in self._views] + [SHIFT] * shift + [JOINT] * joint
        self._keys = {name: (name, f"{name}_baseline", f"{name}_p_value") for name in self._names}
        self._pools = [PooledTail() for _ in range(len(self._names) + 1)]
        self._readings: list[Reading] = [pool.p_value for pool in self._pools]
        self._tails = b""
        self._shifts: dict[Group, float] = {}
        self._unusual: dict[Group, int] = {}
        expectations: Any = tuple[tuple(view.expectation for view in self._views)]  # type: ignore[misc]
        self._decoder = msgspec.msgpack.Decoder(tuple[expectations, list[float | None], float | None])
        self._encoder = msgspec.msgpack.Encoder()

    def begin(self, windows: Sequence[ClosedWindow]) -> None:
        """Look at all windows of one end, before they are scored one by one."""
        for view in self._views:
            view.begin(windows)
        self._tails = b"".join([_TAIL.pack(*pool.tail) for pool in self._pools])

    def score(self, window: ClosedWindow) -> Score:
        """Return how unusual the window is. Changes nothing."""
        expectations = tuple([view.expect(window) for view in self._views])
        before, history = self._shifts.get(window.group, 0.0), self._views[0].history(window.group)
        return self._score(window, expectations, self._readings, before, history)

    def score_again(self, window: ClosedWindow, evidence: Evidence, *, moved: float, history: float) -> Score:
        """Return how unusual a window would have been in place of the one that the evidence is of.

        Args:
            window: another one of the same group and time.
            evidence: of a scorer like this one.
            moved: the shift, to which the window that the evidence is of had moved it; 0 where it had not.
            history: windows' worth of data that the group had.

        Raises:
            msgspec.DecodeError, struct.error: when it is evidence of another scorer.
        """
        expectations, _, z = self._decoder.decode(evidence.expected)
        before = 0.0 if z is None else (moved - SHIFT_SHARE * z) / (1.0 - SHIFT_SHARE)
        readings = [partial(read_off, tail=tail) for tail in _TAIL.iter_unpack(evidence.tails)]
        return self._score(window, expectations, readings, before, history)

    def levers(self, window: ClosedWindow, evidence: Evidence) -> dict[str, Lever]:
        """Return, by view, which figure of a window makes it look better or worse.

        Raises:
            msgspec.DecodeError: when it is evidence of another scorer.
        """
        expectations, _, _ = self._decoder.decode(evidence.expected)
        return {
            view.name: view.lever(window, expected) for view, expected in zip(self._views, expectations, strict=True)
        }

    def _score(
        self,
        window: ClosedWindow,
        expectations: tuple[Any, ...],
        readings: Sequence[Reading],
        before: float,
        history: float,
    ) -> Score:
        told: dict[str, ViewScore] = {}
        scores: list[float | None] = [None] * len(self._pools)
        z_s: list[float] = []
        z = None
        for index, view in enumerate(self._views):
            expected = expectations[index]
            if not view.scores(window, expected):
                continue
            score = view.score(window, expected)
            p_value = score.p_value
            if index == 0:
                z = _z(p_value)
                z_s.append(z)
            elif self._joint:
                z_s.append(_z(p_value))
            told[view.name] = ViewScore(score.value, score.baseline, _read(readings, index, p_value, scores))
        if not told:
            nothing = self._encoder.encode((expectations, scores, None))
            return Score(None, None, None, ready=False, expected=nothing, tails=self._tails)
        if self._shift and z is not None:
            moved = before + SHIFT_SHARE * (z - before)
            told[SHIFT] = ViewScore(moved, 0.0, _read(readings, len(self._views), _upper(moved / _SHIFT_SD), scores))
        if self._joint and len(z_s) > 1:
            together = sum([one for one in z_s if one > 0.0]) / math.sqrt(len(z_s))
            told[JOINT] = ViewScore(together, 0.0, _read(readings, len(readings) - 2, _upper(together), scores))
        details: dict[str, float | str] = {"history": history}
        p_values = []
        for name, score in told.items():
            value_key, baseline_key, p_value_key = self._keys[name]
            details[value_key] = score.value
            details[baseline_key] = score.baseline
            details[p_value_key] = score.p_value
            p_values.append(score.p_value)
        combined = any_of(p_values)
        known = _read(readings, len(readings) - 1, combined, scores)
        # Of so many valid p-values the smallest is at or below x in at least x of all windows.
        p_value = min(_MOST_DOUBT * combined, max(combined / len(p_values), known))
        first = told.get(self._views[0].name) or next(iter(told.values()))
        ready = history >= self._warm_up
        harmless = self._may_fire is not None and not self._may_fire(window, told, expectations)
        return Score(
            p_value,
            first.value,
            first.baseline,
            ready=ready,
            details=details,
            expected=self._encoder.encode((expectations, scores, z)),
            harmless=harmless or (self._patient and not ready),
            tails=self._tails,
        )

    def learn(self, window: ClosedWindow, expected: bytes, weight: float, *, pooled: bool) -> None:
        """Learn a window.

        Args:
            window: what was observed.
            expected: from the window's :class:`~detectors.window_state.Score`.
            weight: how many windows' worth it is.
            pooled: whether it says anything of windows in which nothing is wrong.
        """
        expectations, scores, z = self._decoder.decode(expected)
        for view, expectation in zip(self._views, expectations, strict=True):
            view.learn(window, expectation, weight)
        if self._shift and z is not None:
            before = self._shifts.get(window.group, 0.0)
            self._shifts[window.group] = before + min(1.0, weight) * SHIFT_SHARE * (z - before)
        if pooled and z is not None and self._has_moved(window, z):
            self.unsettle(window.group, KEEPS)
        if pooled and not self._goes_on(window, scores[-1]):
            for pool, score in zip(self._pools, scores, strict=True):
                if score is not None:
                    pool.learn(score, window.end_us)

    def _goes_on(self, window: ClosedWindow, score: float | None) -> bool:
        """Return whether the group has been unusual without a break for so long that this is one thing, not many.

        A failure too small for an alert may last a day. Its windows are no sample of days in which nothing is wrong.
        """
        if score is None or score <= self._pools[-1].tail[0]:
            self._unusual.pop(window.group, None)
            return False
        since_us = self._unusual.setdefault(window.group, window.end_us)
        return window.end_us - since_us >= _LONG_WINDOWS * (window.end_us - window.start_us)

    def _has_moved(self, window: ClosedWindow, z: float) -> bool:
        """Tell a calm window to the drift detector of its group, if it stands alone; return what that says."""
        alone = window.end_us % (window.end_us - window.start_us) == 0
        return self._regimes is not None and alone and self._regimes.update(window.group, z)

    def unsettle(self, group: Group, keep: float) -> None:
        """Take the levels of a group for ``keep`` of what they were known for: they have moved for good."""
        self._shifts.pop(group, None)
        for view in self._views:
            view.unsettle(group, keep)

    def forget(self, group: Group) -> None:
        """Drop what was learned of a group that is gone."""
        self._shifts.pop(group, None)
        self._unusual.pop(group, None)
        if self._regimes is not None:
            self._regimes.forget(group)
        for view in self._views:
            view.forget(group)

    def state(self) -> bytes:
        """Return the models as msgpack."""
        return self._image([view.state() for view in self._views])

    def pieces(self) -> Iterator[bytes]:
        """Yield the models piece by piece: what :meth:`state` returns is large where there are many groups."""
        yield self._image([])
        for view in self._views:
            yield view.state()

    def _image(self, views: list[bytes]) -> bytes:
        return msgspec.msgpack.encode(
            _State(
                _FORMAT,
                self._names,
                views,
                [pool.state() for pool in self._pools],
                sorted(self._shifts.items()),
                sorted(self._unusual.items()),
                [] if self._regimes is None else self._regimes.state(),
            )
        )

    def restore(self, state: bytes) -> None:
        """Take over what :meth:`state` returned.

        Raises:
            msgspec.DecodeError, ValueError: when it is something else.
        """
        decoded = _DECODER.decode(state)
        self._restore(decoded, decoded.views)

    def restore_pieces(self, pieces: Iterable[bytes]) -> None:
        """Take over what :meth:`pieces` yielded.

        Raises:
            msgspec.DecodeError, ValueError: when it is something else.
        """
        views = iter(pieces)
        self._restore(_DECODER.decode(next(views, b"")), views)

    def _restore(self, decoded: _State, views: Iterable[bytes]) -> None:
        if decoded.version != _FORMAT or decoded.names != self._names:
            msg = f"it has format {decoded.version} and {decoded.names}, expected {_FORMAT} and {self._names}"
            raise ValueError(msg)
        for view, image in zip(self._views, views, strict=True):
            view.restore(image)
        for pool, scores in zip(self._pools, decoded.pools, strict=True):
            pool.restore(scores)
        self._shifts = dict(decoded.shifts)
        self._unusual = dict(decoded.unusual)
        if self._regimes is not None:
            self._regimes.restore(decoded.regimes)


def _read(readings: Sequence[Reading], index: int, p_value: float, scores: list[float | None]) -> float:
    """Return a p-value as a pool has it, and note its score for learning."""
    score = scores[index] = -math.log10(p_value if p_value > SMALLEST else SMALLEST)
    return readings[index](score)


def _z(p_value: float) -> float:
    """Return the normal quantile of a p-value, bounded on both sides."""
    if p_value < _LEAST_P:
        return _MOST_Z
    return -_NORMAL.inv_cdf(p_value if p_value < 1.0 - _LEAST_P else 1.0 - _LEAST_P)


def _upper(z: float) -> float:
    return max(SMALLEST, 0.5 * math.erfc(z / math.sqrt(2.0)))
