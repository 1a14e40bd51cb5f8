"""Windows of each window detector, out of how much happens and how good it is."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors import (
    feed_silence,
    resolution_lag,
    sentiment_drop,
    sla_breach_rate,
    social_spike,
    survey_drop,
    transaction_failure,
)
from detectors.models.mean import MICRO

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Vectors = Callable[[np.random.Generator, Floats, Floats, Floats], Integers]
"""``vectors(rng, volumes, moods, levels)``: a row for each group; ``levels`` are the groups' own, from -1 to 1."""


class World(NamedTuple):
    """How the windows of a detector come about.

    Attributes:
        settings: of the detector's entry, besides ``type``.
        vectors: see :data:`Vectors`.
        small: events a window where windows are small.
    """

    settings: dict[str, Any]
    vectors: Callable[[float], Vectors]
    events: float
    small: float


def _logistic(x: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-x))


def _micro(x: Floats) -> Integers:
    return np.rint(x * MICRO).astype(np.int64)


def _mean_figures(rng: np.random.Generator, counts: Integers, means: Floats, sd: float) -> tuple[Integers, Integers]:
    """Return the sum of normal values and of their squares, in millionths."""
    noise = rng.normal(size=len(counts)) * sd / np.sqrt(np.maximum(1, counts))
    mean = means + noise
    spread = sd * sd * rng.chisquare(np.maximum(1, counts - 1)) / np.maximum(1, counts)
    return _micro(mean * counts), _micro((spread + mean * mean) * counts)


def _sentiment(events: float) -> Vectors:
    def vectors(rng: np.random.Generator, volumes: Floats, moods: Floats, levels: Floats) -> Integers:
        counts = rng.poisson(events * volumes)
        share = _logistic(-0.8 + 0.5 * levels + 0.2 * moods)
        negative = rng.binomial(counts, share)
        positive = rng.binomial(counts - negative, 0.6)
        total = 0.5 * (positive - negative) * MICRO
        squares = 0.25 * (positive + negative) * MICRO
        return np.stack((counts, negative, total.astype(np.int64), squares.astype(np.int64)), axis=1)

    return vectors


def _surveys(events: float) -> Vectors:
    def vectors(rng: np.random.Generator, volumes: Floats, moods: Floats, levels: Floats) -> Integers:
        counts = rng.poisson(events * volumes)
        share = _logistic(-1.2 + 0.4 * levels + 0.2 * moods)
        negative = rng.binomial(counts, share)
        total, squares = _mean_figures(rng, counts, 0.9 - 0.6 * negative / np.maximum(1, counts), 0.12)
        return np.stack((counts, negative, total, squares), axis=1)

    return vectors


def _breaches(events: float) -> Vectors:
    def vectors(rng: np.random.Generator, volumes: Floats, moods: Floats, levels: Floats) -> Integers:
        counts = rng.poisson(events * volumes)
        return np.stack((counts, rng.binomial(counts, _logistic(-2.0 + 0.5 * levels + 0.2 * moods))), axis=1)

    return vectors


def _lags(events: float) -> Vectors:
    def vectors(rng: np.random.Generator, volumes: Floats, moods: Floats, levels: Floats) -> Integers:
        counts = rng.poisson(events * volumes)
        total, squares = _mean_figures(rng, counts, 9.5 + 0.5 * levels + 0.1 * moods, 1.1)
        return np.stack((counts, total, squares), axis=1)

    return vectors


def _posts(events: float) -> Vectors:
    def vectors(rng: np.random.Generator, volumes: Floats, moods: Floats, levels: Floats) -> Integers:
        counts = rng.poisson(events * volumes * np.exp(0.5 * levels))
        scored = rng.binomial(counts, 0.9)
        negative = rng.binomial(scored, _logistic(-1.0 + 0.4 * levels + 0.2 * moods))
        return np.stack((counts, scored, negative), axis=1)

    return vectors


def _events(events: float) -> Vectors:
    def vectors(rng: np.random.Generator, volumes: Floats, moods: Floats, levels: Floats) -> Integers:
        del moods
        return rng.poisson(events * volumes * np.exp(0.5 * levels))[:, None]

    return vectors


def _payments(events: float) -> Vectors:
    def vectors(rng: np.random.Generator, volumes: Floats, moods: Floats, levels: Floats) -> Integers:
        tried = rng.poisson(events * volumes * np.exp(0.5 * levels))
        failed = rng.binomial(tried, _logistic(-3.2 + 0.3 * levels + 0.2 * moods))
        refunded = rng.poisson(0.03 * tried)
        total, squares = _mean_figures(rng, tried, math.log(250.0) + 0.2 * levels + 0.05 * moods, 0.6)
        return np.stack((tried + refunded, tried, failed, refunded, tried, total, squares), axis=1)

    return vectors


WORLDS: dict[str, World] = {
    sentiment_drop.NAME: World({}, _sentiment, 80.0, 36.0),
    survey_drop.NAME: World({}, _surveys, 60.0, 36.0),
    sla_breach_rate.NAME: World({}, _breaches, 60.0, 26.0),
    resolution_lag.NAME: World({}, _lags, 40.0, 20.0),
    social_spike.NAME: World({}, _posts, 60.0, 6.0),
    transaction_failure.NAME: World({}, _payments, 120.0, 26.0),
    feed_silence.NAME: World({}, _events, 100.0, 12.0),
}
