"""River's running statistics that take any number, never go below what they can be, and have a state."""

from collections import deque
from importlib.metadata import version
from typing import TypeVar

import msgspec
from river import stats

from detectors.models.river_safe.base import number, untyped
from detectors.models.river_safe.envelope import StateError

_FORMAT = 1
_PartsT = TypeVar("_PartsT")


class SafeEWMean:
    """``stats.EWMean``: an exponentially weighted mean. Values that are not finite numbers are counted in ``ignored``.

    River's own is NaN for good after one NaN.

    Args:
        fading_factor: weight of the newest value, in (0, 1].

    >>> mean = SafeEWMean(0.5)
    >>> for value in (1.0, 3.0, float("nan")):
    ...     mean.update(value)
    >>> mean.get(), mean.ignored
    (2.0, 1)
    """

    def __init__(self, fading_factor: float = 0.5) -> None:
        self.fading_factor = fading_factor
        self.ignored = 0
        self.count = 0
        self._mean = stats.EWMean(fading_factor)

    def update(self, x: object) -> None:
        """Learn a value."""
        value = number(x)
        if value is None:
            self.ignored += 1
            return
        self.count += 1
        self._mean.update(value)

    def get(self) -> float:
        """Return the mean; 0.0 before the first value."""
        return self._mean.get() if self.count else 0.0

    def state(self) -> bytes:
        """Return all that was learned."""
        return _plain(self.count, self.ignored, self.get())

    def restore(self, state: bytes) -> None:
        """Take over a state of one with the same fading factor."""
        self.count, self.ignored, mean = _read(state, tuple[int, int, float])
        self._mean = _ewmean(self.fading_factor, mean, self.count)


class SafeEWVar:
    """``stats.EWVar``: an exponentially weighted variance, never negative.

    River's own is the mean of squares minus the square of the mean: at a level of 100,000,000 with a spread of 1 it
    goes down to -10. This one is Finch's recurrence, which is an ``EWMean`` of squared distances.

    Args:
        fading_factor: weight of the newest value, in (0, 1].
    """

    def __init__(self, fading_factor: float = 0.5) -> None:
        self.fading_factor = fading_factor
        self.ignored = 0
        self.count = 0
        self._mean = stats.EWMean(fading_factor)
        self._variance = stats.EWMean(fading_factor)

    def update(self, x: object) -> None:
        """Learn a value."""
        value = number(x)
        if value is None:
            self.ignored += 1
            return
        distance = value - self._mean.get() if self.count else 0.0
        self._mean.update(value)
        self._variance.update((1.0 - self.fading_factor) * distance * distance)
        self.count += 1

    def get(self) -> float:
        """Return the variance; 0.0 before the second value."""
        return self._variance.get() if self.count else 0.0

    def state(self) -> bytes:
        """Return all that was learned."""
        mean = self._mean.get() if self.count else 0.0
        return _plain(self.count, self.ignored, mean, self.get())

    def restore(self, state: bytes) -> None:
        """Take over a state of one with the same fading factor."""
        self.count, self.ignored, mean, variance = _read(state, tuple[int, int, float, float])
        self._mean = _ewmean(self.fading_factor, mean, self.count)
        self._variance = _ewmean(self.fading_factor, variance, self.count)


class SafeQuantile:
    """``stats.Quantile``: a quantile of all values by the P-square estimate.

    River's own is NaN for good after one NaN, and None before the first value. Its state is River's own bytes, which
    another version of River may not read.

    Args:
        q: the quantile, in (0, 1).
    """

    def __init__(self, q: float = 0.5) -> None:
        self.q = q
        self.ignored = 0
        self.count = 0
        self._quantile = stats.Quantile(q)

    def update(self, x: object) -> None:
        """Learn a value."""
        value = number(x)
        if value is None:
            self.ignored += 1
            return
        self.count += 1
        self._quantile.update(value)

    def get(self) -> float:
        """Return the quantile; 0.0 before the first value."""
        found = self._quantile.get()
        return 0.0 if found is None else found

    def state(self) -> bytes:
        """Return all that was learned."""
        inner = untyped(self._quantile)._quantile.__getstate__()
        return _plain(self.count, self.ignored, version("river"), inner)

    def restore(self, state: bytes) -> None:
        """Take over a state of one with the same quantile.

        Raises:
            StateError: when another version of River wrote it.
        """
        count, ignored, written_by, inner = _read(state, tuple[int, int, str, bytes])
        if written_by != version("river"):
            msg = f"the state is of River {written_by}, this is {version('river')}; let the quantile learn anew"
            raise StateError(msg)
        self.count, self.ignored = count, ignored
        self._quantile = stats.Quantile(self.q)
        if count:
            self._quantile._is_updated = True
            untyped(self._quantile)._quantile.__setstate__(inner)


class SafeRollingQuantile:
    """``stats.RollingQuantile``: a quantile of the recent values. River's own ends the process on a NaN (a Rust panic).

    Args:
        q: the quantile, in [0, 1].
        window_size: recent values.
    """

    def __init__(self, q: float, window_size: int) -> None:
        self.q = q
        self.window_size = window_size
        self.ignored = 0
        self._window: deque[float] = deque(maxlen=window_size)
        self._quantile = stats.RollingQuantile(q, window_size)

    @property
    def count(self) -> int:
        """Values that are looked at."""
        return len(self._window)

    def update(self, x: object) -> None:
        """Learn a value."""
        value = number(x)
        if value is None:
            self.ignored += 1
            return
        self._window.append(value)
        self._quantile.update(value)

    def get(self) -> float:
        """Return the quantile; 0.0 before the first value."""
        found = self._quantile.get()
        return 0.0 if found is None else found

    def state(self) -> bytes:
        """Return all that was learned."""
        return _plain(self.ignored, list(self._window))

    def restore(self, state: bytes) -> None:
        """Take over a state of one with the same quantile and window."""
        self.ignored, window = _read(state, tuple[int, list[float]])
        self._window = deque(window, maxlen=self.window_size)
        self._quantile = stats.RollingQuantile(self.q, self.window_size)
        for value in self._window:
            self._quantile.update(value)


def _ewmean(fading_factor: float, mean: float, count: int) -> stats.EWMean:
    """Return a mean that stands at ``mean``: its first value is taken as it is."""
    made = stats.EWMean(fading_factor)
    if count:
        made.update(mean)
    return made


def _plain(*parts: object) -> bytes:
    return msgspec.msgpack.encode((_FORMAT, parts))


def _read(state: bytes, parts: type[_PartsT]) -> _PartsT:
    try:
        form, read = msgspec.msgpack.decode(state, type=tuple[int, parts])  # type: ignore[valid-type]
    except msgspec.MsgspecError as error:
        msg = f"this is not the state of such a statistic ({error}); let it learn anew"
        raise StateError(msg) from error
    if form != _FORMAT:
        msg = f"the state has format {form}, this version reads {_FORMAT}; let the statistic learn anew"
        raise StateError(msg)
    return read
