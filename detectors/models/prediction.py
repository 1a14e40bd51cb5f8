"""What a window should show, and *excess*: how much windows differ beyond the noise of counting."""

import msgspec

from detectors.models.means import Row
from detectors.models.rhythm import EXCESS

_SIBLING_WINDOWS = 8.0
"""How many windows of its own a group needs before its own excess counts as much as that of its siblings."""
_PRIOR_WINDOWS = 4.0
"""How many windows the prior excess counts as."""
_CERTAIN_DEGREES = 1e9
_PLACE = 2 * EXCESS


class Prediction(msgspec.Struct, array_like=True, frozen=True):
    """What a window should show if nothing is wrong.

    Attributes:
        value: expected value.
        doubt: variance of ``value`` itself (what the baseline does not know).
        correlation: excess variance between windows, in units of the spread of single events; not negative.
        degrees: degrees of freedom behind ``correlation``.
    """

    value: float
    doubt: float
    correlation: float
    degrees: float


def siblings_excess(prior: float, shared: Row | None, shared_worth: float) -> tuple[float, float]:
    """Return the excess of all groups, on ``prior``, and how many windows of a group's own it counts as."""
    if shared is None:
        return prior, _PRIOR_WINDOWS
    learned = shared[_PLACE + 1] * shared_worth
    weight = learned + _PRIOR_WINDOWS
    return (learned * shared[_PLACE] + _PRIOR_WINDOWS * prior) / weight, weight


def own_excess(siblings: tuple[float, float], own: Row, worth: float) -> tuple[float, float]:
    """Return the excess of a group, on that of its siblings, and the windows behind it."""
    value, weight = siblings
    learned = own[_PLACE + 1] * worth
    known = weight if weight < _SIBLING_WINDOWS else _SIBLING_WINDOWS
    weight = learned + known
    return (learned * own[_PLACE] + known * value) / weight, weight


def excess_of(prediction: Prediction, spread: float) -> float:
    """Return the variance of a window's value beyond the noise of counting."""
    return prediction.correlation * spread + prediction.doubt


def degrees_of(prediction: Prediction, excess: float, noise: float) -> float:
    """Return the degrees of freedom of the whole variance, of which only the excess was estimated (Satterthwaite)."""
    if excess <= 0.0:
        return _CERTAIN_DEGREES
    return min(_CERTAIN_DEGREES, prediction.degrees * ((excess + noise) / excess) ** 2)
