"""The tail of a distribution beyond a threshold: a generalised Pareto one, fitted so that it does not understate it.

The likelihood is profiled over shape by scale as Grimshaw did (Computing Maximum Likelihood Estimates for the
Generalized Pareto Distribution, Technometrics 1993), with the largest values censored.
"""

import math

import numpy as np
import numpy.typing as npt

_SHAPE_SD = 0.3
"""How far the shape of the tail is expected to be from exponential before any data."""
_MOST_SHAPE = 0.9
_DOUBT = 0.25
"""Of the shapes whose log-likelihood is so much below the best, the heavier one is taken: 0.7 standard deviations. The
likeliest shape understates what is rare, on average and most where little has been seen."""
_STEPS = np.concatenate((-np.geomspace(0.5, 0.01, 12), [0.0], np.geomspace(0.01, 4.0, 24)))
"""Shape by scale, in units of the mean excess, that are tried; rising."""
_ALMOST_STRAIGHT = 1e-6
_LEAST_ROOM = -0.95
"""No score may lie beyond the end of a tail that ends: shape by scale, times the largest that was seen."""
_LEAST_TAIL = 5


def fit_tail(excesses: npt.NDArray[np.float64], censored: int) -> tuple[float, float]:
    """Return shape and scale of a generalised Pareto distribution that doubts the likeliest one (:data:`_DOUBT`).

    Args:
        excesses: above 0, rising.
        censored: of the largest so many only is known that they are larger than the others.
    """
    seen = excesses[: len(excesses) - censored]
    count = len(seen)
    if count < _LEAST_TAIL:  # nothing to fit: as if the model were right
        return 0.0, 1.0 / math.log(10.0)
    bound = float(seen[-1])
    mean = (float(seen.sum()) + censored * bound) / count
    thetas = _STEPS / mean
    thetas = thetas[thetas * bound > _LEAST_ROOM]
    # With theta = shape / scale fixed, the likeliest shape is a sum of logarithms.
    logs = np.log1p(np.outer(thetas, seen)).sum(axis=1)
    shapes = (logs + censored * np.log1p(thetas * bound)) / count
    scales = np.full_like(thetas, mean)
    np.divide(shapes, thetas, out=scales, where=thetas != 0.0)
    likelihood = -count * np.log(scales) - logs - 0.5 * (shapes / _SHAPE_SD) ** 2
    best = int(np.argmax(likelihood))
    aim = likelihood[best] - _DOUBT
    lower = best + int(np.argmax(likelihood[best:] < aim))
    if lower == best:  # even the heaviest tail that is tried is likely enough
        theta = float(thetas[-1])
    else:
        part = (likelihood[lower - 1] - aim) / (likelihood[lower - 1] - likelihood[lower])
        theta = float(thetas[lower - 1] + part * (thetas[lower] - thetas[lower - 1]))
    shape = (float(np.log1p(theta * seen).sum()) + censored * math.log1p(theta * bound)) / count
    if abs(shape) < _ALMOST_STRAIGHT:
        return 0.0, mean
    shape = min(_MOST_SHAPE, shape)
    return shape, shape / theta
